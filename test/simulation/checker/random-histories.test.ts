import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkHistory, searchDocuments } from '../../../src/simulation/checker/check-history.ts';
import { type ChosenEvent, ChosenHistory } from '../../../src/simulation/checker/chosen-history.ts';
import { isWrite, type Operation } from '../../../src/simulation/checker/history.ts';
import { KeyedWrites } from '../../../src/simulation/checker/keyed-writes.ts';
import { resolveUnknowns } from '../../../src/simulation/checker/resolve-unknowns.ts';
import { SeededRandom } from '../../../src/simulation/seeded-random.ts';
import { dayMs } from './hand-made.ts';
import { mutations } from './mutations.ts';
import { RandomRun } from './random-run.ts';

const stepsMax = 1_000_000;

function historyOf(events: readonly ChosenEvent[]): ChosenHistory {
  const history = new ChosenHistory({ dedupeWindowMs: dayMs, eventsMax: 1_000_000 });
  for (const event of events) history.append(event);
  return history;
}

function check(operations: readonly Operation[], events: readonly ChosenEvent[]): number {
  return checkHistory(operations, historyOf(events), stepsMax);
}

test('what a right store answers is never refused, whatever overlaps and gets lost', () => {
  const met = { written: 0, rejected: 0, refused: 0, read: 0, unknown: 0 };
  for (let seed = 0; seed < 300; seed += 1) {
    const random = new SeededRandom(seed);
    const options = {
      operationCount: 120,
      clientCount: random.between(1, 8),
      keyCount: random.between(1, 4),
      unknownRate: 0.1,
    };
    const { operations, events } = new RandomRun(random, options);
    for (const { outcome } of operations) met[outcome.kind] += 1;
    assert.doesNotThrow(() => check(operations, events), `seed ${seed}`);
  }
  for (const [kind, count] of Object.entries(met)) assert.ok(count > 100, `${count} are ${kind}`);
});

for (const { name, mutate } of mutations) {
  test(`a right history is refused when ${name}`, () => {
    let count = 0;
    for (let seed = 0; seed < 60; seed += 1) {
      const random = new SeededRandom(`${name} ${seed}`);
      const run = new RandomRun(random, { operationCount: 80, clientCount: 5, keyCount: 3, unknownRate: 0.05 });
      const mutated = mutate(run, random);
      if (mutated === undefined) continue;
      count += 1;
      assert.throws(() => check(mutated.operations, mutated.events), { name: 'Violation' }, `seed ${seed}`);
    }
    assert.ok(count > 20, `only ${count} histories could be altered so`);
  });
}

test('the search alone, which sees no position, refuses what a document cannot have been', () => {
  let count = 0;
  for (let seed = 0; seed < 100; seed += 1) {
    const random = new SeededRandom(`search ${seed}`);
    const { operations, events } = new RandomRun(random, {
      operationCount: 80,
      clientCount: 4,
      keyCount: 2,
      unknownRate: 0,
    });
    const resolved = resolveUnknowns(operations, historyOf(events));
    const keyed = new KeyedWrites(operations);
    searchDocuments(resolved, keyed, stepsMax);
    const stale = withStaleRead(resolved, random);
    if (stale === undefined) continue;
    count += 1;
    assert.throws(() => searchDocuments(stale, keyed, stepsMax), { name: 'Violation', rule: 'not-linearizable' });
  }
  assert.ok(count > 50, `${count}`);
});

/** One read answers with the state before a write of its document that had returned before it was called. */
function withStaleRead(operations: readonly Operation[], random: SeededRandom): readonly Operation[] | undefined {
  for (const read of random.shuffled(operations)) {
    if (isWrite(read) || read.outcome.kind !== 'read' || read.request.consistency === 'local') continue;
    const { key } = read.request;
    const { state } = read.outcome;
    const isOver = operations.some((write) => {
      if (!isWrite(write) || write.outcome.kind !== 'written' || write.returned >= read.called) return false;
      const index = write.request.writes.findIndex((one) => one.key === key);
      return index >= 0 && write.outcome.revisions[index] === state.revision;
    });
    if (!isOver) continue;
    const outcome = { ...read.outcome, state: { revision: state.revision - 1, value: 'of before' } };
    return operations.map((operation) => (operation === read ? { ...read, outcome } : operation));
  }
  return undefined;
}

test('a hundred thousand operations of ten clients on twenty documents are checked in a moment', (context) => {
  const random = new SeededRandom('speed');
  const run = new RandomRun(random, { operationCount: 100_000, clientCount: 10, keyCount: 20, unknownRate: 0.005 });
  const before = process.threadCpuUsage();
  const steps = check(run.operations, run.events);
  const { user, system } = process.threadCpuUsage(before);
  const cpuMs = Math.round((user + system) / 1_000);
  context.diagnostic(`${run.operations.length} operations, ${run.events.length} events: ${cpuMs} ms, ${steps} steps`);
  assert.ok(cpuMs < 3_000, `${cpuMs} ms`);
});

test('thirty clients on one document, with answers lost, do not make the search explode', () => {
  const random = new SeededRandom('hard');
  const run = new RandomRun(random, { operationCount: 5_000, clientCount: 30, keyCount: 1, unknownRate: 0.05 });
  const steps = check(run.operations, run.events);
  assert.ok(steps < 100_000, `${steps} steps`);
});
