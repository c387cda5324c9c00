import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { chainAfterLine, parseEventLine } from '../../../src/documents/machine/event-line.ts';
import { executeInstance, initialState } from '../../../src/documents/machine/execute.ts';
import { forkState } from '../../../src/documents/machine/fork.ts';
import { encodeProposal } from '../../../src/documents/machine/proposal.ts';
import type { ProposalOutcome } from '../../../src/documents/machine/types.ts';
import { absent, notTags, type OperationGiven, present, put, tags, World, write } from './given.ts';
import { hashes } from './hashes.ts';

const merge = (id: string, content: unknown): OperationGiven => ({ kind: 'merge', id, content });
const patch = (id: string, content: unknown): OperationGiven => ({ kind: 'patch', id, content });
const remove = (id: string): OperationGiven => ({ kind: 'delete', id });
const check = (id: string, when = present): OperationGiven => ({ kind: 'check', id, when });

/** `applied 3@7 (created)`, or the rejection's code and facts. */
function told(outcome: ProposalOutcome | undefined): string {
  if (outcome === undefined) return 'nothing';
  if (outcome.kind === 'rejected') return `${outcome.code} ${JSON.stringify(outcome.facts)}`;
  return outcome.results.map((one) => `${one.created ? '+' : ''}${one.revision}@${one.position}`).join(' ');
}

function lastEvent(world: World) {
  return parseEventLine(world.lines.at(-1) ?? assert.fail('no event'));
}

/** `kept` is at revision 2, position 2; `gone` was deleted at revision 2, position 4. */
function given(): World {
  const world = new World();
  world.apply(1_000, write(put('kept', { n: 1 })));
  world.apply(1_000, write(put('kept', { n: 2 })));
  world.apply(1_000, write(put('gone', { n: 1 })));
  world.apply(1_000, write(remove('gone')));
  return world;
}

const cases: readonly (readonly [string, OperationGiven, string, string?])[] = [
  ['a put of what never was creates', put('new', { a: 1 }), '+1@5', 'created'],
  ['a put replaces', put('kept', { a: 1 }), '3@5', 'replaced'],
  ['a put of equal content is an event', put('kept', { n: 2 }), '3@5', 'replaced'],
  ['a put of what is deleted creates it again, with the next revision', put('gone'), '+3@5', 'created'],
  ['a create creates', { kind: 'create', id: 'new', content: {} }, '+1@5', 'created'],
  ['a create of what is deleted creates', { kind: 'create', id: 'gone', content: {} }, '+3@5', 'created'],
  ['a create of what is there', { kind: 'create', id: 'kept', content: {} }, 'already-exists {"currentRevision":2}'],
  ['put when absent: is', put('new', {}, absent), '+1@5', 'created'],
  ['put when absent: is deleted', put('gone', {}, absent), '+3@5', 'created'],
  ['put when absent: is there', put('kept', {}, absent), 'already-exists {"currentRevision":2}'],
  ['put when present: is', put('kept', {}, present), '3@5', 'replaced'],
  ['put when present: never was', put('new', {}, present), 'revision-conflict {"currentRevision":0}'],
  ['put when present: is deleted', put('gone', {}, present), 'revision-conflict {"currentRevision":0}'],
  ['put of a revision: has it', put('kept', {}, tags('1', '2')), '3@5', 'replaced'],
  ['put of a revision: has another', put('kept', {}, tags('1')), 'revision-conflict {"currentRevision":2}'],
  [
    'put of a revision: another text of the number',
    put('kept', {}, tags('02')),
    'revision-conflict {"currentRevision":2}',
  ],
  ['put of a revision: never was', put('new', {}, tags('1')), 'revision-conflict {"currentRevision":0}'],
  ['put of a revision: is deleted at it', put('gone', {}, tags('2')), 'revision-conflict {"currentRevision":0}'],
  ['put of any but a revision: has another', put('kept', {}, notTags('1')), '3@5', 'replaced'],
  ['put of any but a revision: has it', put('kept', {}, notTags('2')), 'revision-conflict {"currentRevision":2}'],
  ['put of any but a revision: never was', put('new', {}, notTags('2')), '+1@5', 'created'],
  ['a merge patch', merge('kept', { m: 1 }), '3@5', 'merged'],
  ['a merge patch of what never was', merge('new', {}), 'not-found {}'],
  ['a merge patch of what is deleted', merge('gone', {}), 'deleted {"position":4,"revision":2}'],
  ['a merge patch that leaves no object', merge('kept', [1]), 'not-an-object {}'],
  ['a JSON patch', patch('kept', [{ op: 'add', path: '/m', value: 1 }]), '3@5', 'patched'],
  ['a JSON patch of what never was', patch('new', []), 'not-found {}'],
  ['a JSON patch of what is deleted', patch('gone', []), 'deleted {"position":4,"revision":2}'],
  [
    'a JSON patch whose test fails',
    patch('kept', [{ op: 'test', path: '/n', value: 1 }]),
    'patch-test-failed {"patchOperation":0,"pointer":"/n"}',
  ],
  [
    'a JSON patch that does not apply',
    patch('kept', [{ op: 'remove', path: '/m' }]),
    'patch-not-applicable {"patchOperation":0,"pointer":"/m"}',
  ],
  ['a JSON patch that is none', patch('kept', { op: 'remove' }), 'malformed-patch {}'],
  [
    'a JSON patch that removes all',
    patch('kept', [{ op: 'remove', path: '' }]),
    'patch-not-applicable {"patchOperation":0}',
  ],
  [
    'a patch on a condition that fails',
    { ...merge('kept', {}), when: tags('1') },
    'revision-conflict {"currentRevision":2}',
  ],
  ['what is missing comes before the condition', { ...merge('new', {}), when: tags('1') }, 'not-found {}'],
  ['a delete', remove('kept'), '3@5', 'deleted'],
  ['a delete of what never was', remove('new'), 'not-found {}'],
  ['a delete of what is deleted', remove('gone'), 'deleted {"position":4,"revision":2}'],
  [
    'a delete of a revision: has another',
    { ...remove('kept'), when: tags('1') },
    'revision-conflict {"currentRevision":2}',
  ],
  ['a restore', { kind: 'restore', id: 'kept', content: { n: 1 } }, '3@5', 'restored'],
  ['a restore of what is deleted', { kind: 'restore', id: 'gone', content: { n: 1 } }, '+3@5', 'restored'],
  ['a restore of what never was', { kind: 'restore', id: 'new', content: {} }, 'not-found {}'],
];
for (const [name, operation, expected, event] of cases) {
  test(name, () => {
    const world = given();
    const before = world.state;
    assert.equal(told(world.write(operation)), expected);
    if (event === undefined) {
      assert.equal(world.lines.length, 4, 'a rejection makes no event');
      assert.equal(world.state.position, before.position);
      assert.equal(world.state.chain, before.chain);
      return;
    }
    assert.equal(lastEvent(world).operation, event);
    assert.equal(world.row(operation.id)?.deleted, event === 'deleted');
  });
}

test('a body is what was put, or what the patch left', () => {
  const world = given();
  world.write(put('a', { é: '😀', n: 1e21 }));
  assert.equal(world.row('a')?.body, '{"é":"😀","n":1e+21}');
  world.write(merge('a', { é: null, z: [1] }));
  assert.equal(world.row('a')?.body, '{"n":1e+21,"z":[1]}');
  world.write(patch('a', [{ op: 'add', path: '/z/0', value: { '2': 0, '1': 0 } }]));
  assert.equal(world.row('a')?.body, '{"n":1e+21,"z":[{"1":0,"2":0},1]}');
  world.write(remove('a'));
  assert.equal(world.row('a')?.body, '');
});

test('a transaction gives consecutive positions, and each event says which', () => {
  const world = given();
  const outcome = world.write([put('a'), check('kept', tags('2')), remove('kept'), put('b'), check('new', absent)]);
  assert.equal(told(outcome), '+1@5 2@2 3@6 +1@7 0@0');
  assert.equal(outcome.position, 7);
  const events = world.lines.slice(4).map(parseEventLine);
  assert.deepEqual(
    events.map(({ index }) => index),
    [0, 1, 2],
  );
  for (const event of events) assert.deepEqual(event.transaction, { first: 5, last: 7 });
});

test('a transaction is done whole or not at all, and names the operation and the cause', () => {
  const world = given();
  const refused: readonly (readonly [OperationGiven, string])[] = [
    [put('kept', {}, tags('1')), '"currentRevision":2,"operation":1,"cause":"revision-conflict"'],
    [check('gone'), '"currentRevision":0,"operation":1,"cause":"revision-conflict"'],
    [remove('new'), '"operation":1,"cause":"not-found"'],
    [remove('gone'), '"position":4,"revision":2,"operation":1,"cause":"deleted"'],
    [merge('kept', []), '"operation":1,"cause":"not-an-object"'],
    [{ kind: 'create', id: 'kept', content: {} }, '"currentRevision":2,"operation":1,"cause":"already-exists"'],
  ];
  for (const [operation, facts] of refused) {
    assert.equal(told(world.write([put('a'), operation, put('b')])), `precondition-failed {${facts}}`);
  }
  assert.equal(world.state.position, 4);
  assert.equal(world.row('a'), undefined);
});

test('a transaction writes a document once, and may check it, in any order, as it stood before', () => {
  const world = given();
  assert.equal(told(world.write([put('a'), put('b'), remove('a')])), 'duplicate-write {"operation":2}');
  assert.equal(told(world.write([check('kept', tags('2')), put('kept')])), '2@2 3@5');
  assert.equal(told(world.write([put('kept'), check('kept', tags('3'))])), '4@6 3@5');
  const elsewhere = { ...put('a'), collection: 'boats' };
  assert.equal(told(world.write([put('a'), elsewhere])), '+1@7 +1@8');
});

test('a transaction of checks alone makes no event', () => {
  const world = given();
  const outcome = world.write([check('kept'), check('new', absent)]);
  assert.equal(told(outcome), '2@2 0@0');
  assert.equal(outcome.position, 4);
  assert.equal(told(world.write([])), '');
});

test('a proposal sees what earlier ones of its instance did', () => {
  const world = given();
  const { outcomes, rows, events } = world.apply(
    2_000,
    write(put('a', { n: 1 }, absent)),
    write(put('a', { n: 2 }, absent)),
    write({ ...merge('a', { m: 1 }), when: tags('1') }),
    write([put('b'), check('a', tags('2'))]),
  );
  assert.deepEqual(outcomes.map(told), ['+1@5', 'already-exists {"currentRevision":1}', '2@6', '+1@7 2@6']);
  assert.deepEqual(
    rows.map(({ documentId, body }) => [documentId, body]),
    [
      ['a', '{"n":1,"m":1}'],
      ['b', '{}'],
    ],
  );
  assert.deepEqual(
    events.map(({ position }) => position),
    [5, 6, 7],
  );
});

test('an instance has one time, which never goes back; a no-op has none of its own', () => {
  const world = new World();
  const times = (stamp: number) => {
    const { events, state } = world.apply(stamp, write(put('a')), write(put('b')));
    for (const { line } of events) assert.equal(parseEventLine(line).time, new Date(state.time).toISOString());
    return state.time;
  };
  assert.deepEqual([5_000, 4_000, 5_001].map(times), [5_000, 5_000, 5_001]);
  assert.equal(world.applyValue(undefined).state.time, 5_001);
  assert.deepEqual(
    [Number.NaN, -1, 1.5, Number.POSITIVE_INFINITY, 2 ** 53, 253_402_300_800_000].map(times),
    Array(6).fill(5_001),
  );
  assert.equal(world.apply(6_000).state.time, 6_000, 'an empty batch has a time');
});

test('the chain links every event and can be recomputed from the lines alone', () => {
  const world = given();
  world.write([put('é', { text: '😀' }), remove('kept')]);
  for (let count = 0; count < 20; count++) world.write(merge('é', { count }));
  let chain: Uint8Array = new Uint8Array(32);
  for (const line of world.lines) chain = chainAfterLine(chain, line, hashes);
  assert.deepEqual(chain, world.state.chain);
});

test('the fingerprint links every instance: its number, time, outcome codes and chain', () => {
  const world = given();
  const integer = (value: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(value));
    return bytes;
  };
  const link = (codes: string, previous: Uint8Array) => {
    const { instance, time, chain } = world.state;
    const length = Buffer.alloc(4);
    length.writeUInt32BE(codes.length);
    const parts = [previous, integer(instance), integer(time), length, Buffer.from(codes), chain];
    return new Uint8Array(createHash('sha256').update(Buffer.concat(parts)).digest());
  };
  let previous = world.state.fingerprint;
  world.apply(2_000, write(put('a'), { key: 'k' }), write(put('a', {}, absent), { key: 'l' }), Uint8Array.of(1));
  assert.deepEqual(new Uint8Array(world.state.fingerprint), link('+,-already-exists,-malformed-request', previous));
  previous = world.state.fingerprint;
  world.apply(2_000, write(put('a'), { key: 'k' }), write(put('a', {}, absent), { key: 'l' }));
  assert.deepEqual(new Uint8Array(world.state.fingerprint), link('=,~already-exists', previous));
  previous = world.state.fingerprint;
  world.applyValue(undefined);
  assert.deepEqual(new Uint8Array(world.state.fingerprint), link('', previous));
});

test('a patch event whose revision divides by 16 carries the document too, outside of the commitment', () => {
  const world = new World();
  world.write(put('a', {}));
  for (let count = 2; count <= 33; count++) world.write(count % 2 === 0 ? merge('a', { count }) : patch('a', []));
  const carrying = world.lines.filter((line) => {
    const { patch: change, document } = parseEventLine(line);
    return change !== undefined && document !== undefined;
  });
  assert.deepEqual(
    carrying.map((line) => parseEventLine(line).revision),
    [16, 32],
  );
  assert.deepEqual(
    carrying.map((line) => parseEventLine(line).document),
    [{ count: 16 }, { count: 32 }],
  );
  assert.equal(world.row('a')?.body, '{"count":32}');
});

test('bytes that are no proposal are rejected, and the others of the instance are done', () => {
  const world = given();
  const { outcomes } = world.apply(2_000, Uint8Array.of(1, 9), write(put('a')), new Uint8Array(0));
  assert.deepEqual(outcomes.map(told), ['malformed-request {}', '+1@5', 'malformed-request {}']);
});

test('a proposal of a newer version stops the replica before anything of its instance is done', () => {
  const world = given();
  const before = world.state;
  const newer = Uint8Array.of(2, 1, 0);
  assert.throws(() => world.apply(2_000, write(put('a')), newer), {
    code: 'stopped',
    facts: { instance: 5, version: 2 },
  });
  assert.equal(world.state, before);
  assert.equal(world.row('a'), undefined);
});

test('instances are executed in order, without gaps', () => {
  const state = initialState('h');
  const view = new World().view;
  for (const instance of [0, 2]) {
    assert.throws(() => executeInstance(state, view, instance, undefined, hashes), /in order, without gaps/);
  }
});

test('a document that outgrows the limits by a put or a patch is refused', () => {
  const world = new World();
  world.apply(1_000, { kind: 'settings', settings: { documentBytesMax: 1_024, keysMax: 3, depthMax: 3 } });
  assert.equal(told(world.write(put('a', { t: 'é'.repeat(508) }))), '+1@1');
  assert.equal(told(world.write(put('a', { t: 'é'.repeat(509) }))), 'document-too-large {"limit":1024}');
  assert.equal(told(world.write(merge('a', { u: 1 }))), 'document-too-large {"limit":1024}');
  assert.equal(told(world.write(merge('a', { t: 0, u: 1, v: 2, w: 3 }))), 'document-too-large {"limit":3}');
  assert.equal(told(world.write(merge('a', { t: { u: { v: {} } } }))), 'document-too-large {"limit":3}');
  assert.equal(told(world.write(merge('a', { t: { u: {} } }))), '2@2');
});

test('settings are changed by a proposal, whole or not at all, within bounds', () => {
  const world = given();
  const change = (settings: object) => told(world.apply(1_000, { kind: 'settings', settings }).outcomes[0]);
  assert.equal(change({ depthMax: 50, keysMax: 20 }), '');
  assert.equal(world.state.settings.depthMax, 50);
  assert.equal(world.state.settings.documentBytesMax, 1_048_576);
  assert.equal(change({ keysMax: 30, depthMax: 501 }), 'invalid-parameter {"setting":"depthMax","value":501}');
  assert.equal(change({ documentBytesMax: 0 }), 'invalid-parameter {"setting":"documentBytesMax","value":0}');
  assert.equal(world.state.settings.keysMax, 20);
  assert.equal(world.state.position, 4, 'positions count events only');
});

test('the window of remembered keys can only be made smaller: what has fallen out stays out', () => {
  const world = given();
  const change = (settings: object) => told(world.apply(1_000, { kind: 'settings', settings }).outcomes[0]);
  assert.equal(change({ dedupeWindowMs: 10_000, dedupeEntriesMax: 5 }), '');
  assert.match(change({ dedupeWindowMs: 10_001 }), /^invalid-parameter/);
  assert.match(change({ dedupeEntriesMax: 6 }), /^invalid-parameter/);
});

test('the same key and request gets the first outcome again, and nothing is done', () => {
  const world = given();
  const first = world.write([put('a'), put('b')], { key: 'k', request: 1 });
  world.write(put('a'));
  const { outcomes, events, dedupe } = world.apply(9_000, write([put('a'), put('b')], { key: 'k', request: 1 }));
  assert.deepEqual(outcomes, [{ ...first, replayed: true }]);
  assert.deepEqual([events, dedupe], [[], []]);
});

test('rejections are remembered and replayed too', () => {
  const world = given();
  const first = world.write(put('a', {}, tags('4')), { key: 'k', request: 1 });
  assert.equal(told(first), 'revision-conflict {"currentRevision":0}');
  world.write(put('a'));
  assert.deepEqual(world.write(put('a', {}, tags('4')), { key: 'k', request: 1 }), { ...first, replayed: true });
});

test('the same key with another request is refused, also within one instance, and that is not remembered', () => {
  const world = given();
  const { outcomes } = world.apply(
    2_000,
    write(put('a'), { key: 'k', request: 1 }),
    write(put('b'), { key: 'k', request: 2 }),
    write(put('a'), { key: 'k', request: 1 }),
  );
  assert.deepEqual(outcomes.map(told), ['+1@5', 'idempotency-key-reused {}', '+1@5']);
  assert.deepEqual(
    outcomes.map(({ replayed }) => replayed),
    [false, false, true],
  );
});

test('a key belongs to an actor and a line', () => {
  const world = given();
  const outcomes = [
    world.write(put('a'), { key: 'k' }),
    world.write(put('a'), { key: 'k', actor: 'other' }),
    world.write(put('a'), { key: 'k', line: 1 }),
    world.write(put('a'), { key: 'kano', actor: 'nymous' }),
  ];
  assert.deepEqual(
    outcomes.map(({ replayed }) => replayed),
    [false, false, false, false],
  );
});

test('a key is forgotten after the window of replicated time, to the millisecond, and its entry is replaced', () => {
  const day = 86_400_000;
  const world = given();
  const once = (time: number) => world.apply(time, write(put('a'), { key: 'k' })).outcomes[0]?.replayed;
  assert.equal(once(2_000), false);
  assert.equal(once(2_000 + day - 1), true);
  assert.equal(once(2_000 + day), false);
  assert.equal(once(2_000 + day + day - 1), true, 'the replaced entry has the newer time');
  assert.equal(world.view.dedupe('anonymous', 'k', 0)?.ordinal, 2);
});

test('at most so many keys are remembered: the newest, within one instance too', () => {
  const world = given();
  world.apply(1_000, { kind: 'settings', settings: { dedupeEntriesMax: 2 } });
  const keyed = (key: string) => write(put('a'), { key });
  const { outcomes, dedupe } = world.apply(1_000, ...['k', 'l', 'k', 'm', 'k', 'm'].map(keyed));
  assert.deepEqual(
    outcomes.map(({ replayed }) => replayed),
    [false, false, true, false, false, true],
  );
  assert.deepEqual(dedupe.map(({ key, ordinal }) => [key, ordinal]).sort(), [
    ['k', 4],
    ['l', 2],
    ['m', 3],
  ]);
});

test('a remembered outcome holds the first position, or for a rejection the last one then', () => {
  const world = given();
  world.write([put('a'), put('b')], { key: 'applied' });
  world.write(put('a', {}, absent), { key: 'rejected' });
  world.write([check('a')], { key: 'checked' });
  assert.equal(world.view.dedupe('anonymous', 'applied', 0)?.position, 5);
  assert.equal(world.view.dedupe('anonymous', 'rejected', 0)?.position, 6);
  assert.equal(world.view.dedupe('anonymous', 'checked', 0)?.position, 6);
});

test('after a restore positions and instances carry on in a history of their own', () => {
  const world = given();
  const before = world.state;
  world.write(put('a'), { key: 'k' });
  const old = world.state;
  world.state = forkState(before, 'second-history', hashes);
  assert.deepEqual(world.state.histories, [
    { id: 'first-history', fork: 0 },
    { id: 'second-history', fork: 4 },
  ]);
  assert.notDeepEqual(world.state.fingerprint, before.fingerprint);
  assert.equal(world.state.chain, before.chain);
  assert.throws(() => forkState(world.state, 'second-history', hashes), /id of its own/);

  const fork = new World();
  fork.state = world.state;
  const outcome = fork.write(put('a'));
  assert.equal(outcome.kind === 'applied' && outcome.results[0]?.tag, '1-second');
  assert.equal(outcome.position, old.position);
  assert.equal(
    told(fork.write(put('a', {}, tags('1')))),
    'revision-conflict {"currentRevision":1,"currentTag":"1-second"}',
  );
  assert.equal(told(fork.write(put('a', {}, tags('1-second')))), '2@6');
});

test('executing changes neither the state nor the bytes it was given', () => {
  const world = given();
  const before = structuredClone(world.state);
  const bytes = encodeProposal(write([put('a'), put('b')], { key: 'k' }));
  const copy = bytes.slice();
  const value = { time: 5_000, proposals: [bytes] };
  const first = executeInstance(world.state, world.view, 5, value, hashes);
  const second = executeInstance(world.state, world.view, 5, value, hashes);
  assert.deepEqual(first, second);
  assert.deepEqual(world.state, before);
  assert.deepEqual(bytes, copy);
});
