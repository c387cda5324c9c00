import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChosenHistory } from '../../../src/simulation/checker/chosen-history.ts';
import { HistoryRecorder, type WriteRequest } from '../../../src/simulation/checker/history.ts';
import { printOperation } from '../../../src/simulation/checker/print-operation.ts';
import { resolveUnknowns } from '../../../src/simulation/checker/resolve-unknowns.ts';
import { at, dayMs, done, event, put, read, unknown, write } from './hand-made.ts';

const caller = { client: 'anna', replica: 1, boot: 1 };

function putRequest(proposalId: string): WriteRequest {
  return { kind: 'write', proposalId, transaction: false, writes: [put('a', '1')] };
}

test('operations are recorded in the order in which they really began and ended', () => {
  const recorder = new HistoryRecorder(10);
  const first = recorder.begin(caller, putRequest('p1'));
  const second = recorder.begin(
    { ...caller, client: 'ben' },
    { kind: 'read', key: 'a', consistency: 'linearizable', minPosition: 0 },
  );
  recorder.endRead(second, { kind: 'read', position: 0, state: at(0) });
  recorder.endWrite(first, done(1, 1));
  const times = recorder.operations.map(({ called, returned }) => [called, returned]);
  assert.deepEqual(times, [
    [1, 4],
    [2, 3],
  ]);
});

test('what has no answer stays open: its effect may come at any later time', () => {
  const recorder = new HistoryRecorder(10);
  const id = recorder.begin(caller, putRequest('p1'));
  recorder.endWrite(id, unknown);
  assert.equal(recorder.operations[0]?.returned, Number.POSITIVE_INFINITY);
  assert.equal(recorder.operations[0]?.outcome.kind, 'unknown');
});

test('a recorder takes as many operations as it may, and no more', () => {
  const recorder = new HistoryRecorder(1);
  assert.equal(recorder.isFull, false);
  recorder.begin(caller, putRequest('p1'));
  assert.equal(recorder.isFull, true);
  assert.throws(() => recorder.begin(caller, putRequest('p2')), { name: 'InvariantError' });
});

test('a recorder refuses what cannot be told apart later: two ends of one call, two writes of one document', () => {
  const recorder = new HistoryRecorder(10);
  const id = recorder.begin(caller, putRequest('p1'));
  recorder.endWrite(id, done(1, 1));
  assert.throws(() => recorder.endWrite(id, done(1, 1)), { name: 'InvariantError' });
  const twice = { ...putRequest('p2'), transaction: true, writes: [put('a', '1'), put('a', '2')] };
  assert.throws(() => recorder.begin(caller, twice), { name: 'InvariantError' });
  assert.throws(() => recorder.begin(caller, { ...putRequest('p3'), writes: [] }), { name: 'InvariantError' });
});

test('an unknown write that was done counts as returned when the first answer came that had seen it', () => {
  const history = new ChosenHistory({ dedupeWindowMs: dayMs, eventsMax: 10 });
  history.append(event(1, 'p1', 'a', 1, '1'));
  history.append(event(2, 'p2', 'b', 1, '1'));
  const operations = [
    write('p1', [1, undefined], [put('a', '1')], unknown),
    write('p2', [2, 9], [put('b', '1')], done(2, 1)),
    read([3, 7], 'b', 2, at(1, '1')),
    read([4, 5], 'b', 0, at(0), { consistency: 'local' }),
    write('p3', [6, undefined], [put('a', '3')], unknown),
  ];
  const resolved = resolveUnknowns(operations, history);
  assert.equal(resolved.length, 4);
  assert.deepEqual(resolved[0]?.outcome, {
    kind: 'written',
    instance: 1,
    firstPosition: 1,
    lastPosition: 1,
    revisions: [1],
  });
  assert.equal(resolved[0]?.returned, 7);
});

test('an operation is printed as a person would tell it', () => {
  const { idempotency } = { idempotency: { key: 'k', request: 'r' } };
  assert.equal(
    printOperation({ ...write('p1', [1, 2], [put('orders/17', '{"n":1}', 4)], done(33, 5), { idempotency }), id: 12 }),
    '#12 anna: put orders/17 {"n":1} if revision 4 with key k → done at 33, revision 5',
  );
  assert.equal(
    printOperation(read([1, 2], 'orders/17', 33, at(5), { consistency: 'local', minPosition: 7 })),
    '#0 anna: local read orders/17 at 7 or later → revision 5, deleted, at 33',
  );
});
