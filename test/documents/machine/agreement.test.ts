import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseEventLine } from '../../../src/documents/machine/event-line.ts';
import { encodeProposal } from '../../../src/documents/machine/proposal.ts';
import { carriesContent, contentAfter } from '../../../src/documents/machine/replay-event.ts';
import type { DocumentProposal, OperationKind, ProposalOutcome } from '../../../src/documents/machine/types.ts';
import { absent, notTags, type OperationGiven, present, tags, World, write } from './given.ts';
import { Model, type ModelOutcome, naiveChain } from './model.ts';

const windowMs = 1_000;
const entriesMax = 4;
const names = ['a', 'b', 'c'];

const small = fc.oneof(fc.integer({ min: 0, max: 2 }), fc.constantFrom(null, 'é😀', [1], { x: 1 }, { x: null }));
const member = fc.constantFrom('x', 'y', '1', 'constructor');
const object = fc.dictionary(member, small, { maxKeys: 3 });
const path = fc.constantFrom('', '/x', '/y', '/1', '/x/0', '/x/-', '/x/x', '/constructor', '/x/length');
const patchOperation = fc.oneof(
  fc.record({ op: fc.constantFrom('add', 'replace', 'test'), path, value: small }),
  fc.record({ op: fc.constant('remove'), path: path.filter((one) => one !== '') }),
  fc.record({
    op: fc.constantFrom('copy', 'move'),
    from: fc.constantFrom('/x', '/y'),
    path: fc.constantFrom('/y', '/1'),
  }),
);
const revisionTags = fc.array(fc.integer({ min: 1, max: 4 }).map(String), { minLength: 1, maxLength: 2 });
const when = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: 'none' as const }) },
  fc.constantFrom(absent, present),
  revisionTags.map((list) => tags(...list)),
  revisionTags.map((list) => notTags(...list)),
);

function operationOf(kinds: readonly OperationKind[]): fc.Arbitrary<OperationGiven> {
  return fc.constantFrom(...kinds).chain((kind) =>
    fc.record({
      kind: fc.constant(kind),
      id: fc.constantFrom(...names),
      content: kind === 'patch' ? fc.array(patchOperation, { maxLength: 3 }) : object,
      when,
    }),
  );
}

const writes: readonly OperationKind[] = ['put', 'put', 'create', 'merge', 'merge', 'patch', 'delete', 'restore'];
const operations = fc.oneof(
  { weight: 4, arbitrary: operationOf(writes) },
  { weight: 1, arbitrary: fc.array(operationOf([...writes, 'check', 'check']), { maxLength: 4 }) },
);
const keyed = fc.option(
  fc.record({
    key: fc.constantFrom('k', 'l', 'm', 'n', 'o', 'p'),
    actor: fc.constantFrom('anonymous', 'other'),
    line: fc.constantFrom(0, 0, 1),
    request: fc.constantFrom(1, 1, 1, 2),
  }),
  { nil: {}, freq: 2 },
);
const proposal = fc.tuple(operations, keyed).map(([list, given]) => write(list, given));
/** Some time later, some proposals; none: another machine's instance. Then the Replayer takes some instances. */
const step = fc.record({
  laterMs: fc.constantFrom(0, 0, 1, 300, 999, 1_000),
  proposals: fc.option(fc.array(proposal, { maxLength: 4 }), { nil: undefined, freq: 8 }),
  stored: fc.constantFrom(0, 0, 1, 2, 10),
});
const sequences = fc.array(step, { maxLength: 40 });

function withWindow(): World {
  const world = new World();
  world.apply(0, { kind: 'settings', settings: { dedupeWindowMs: windowMs, dedupeEntriesMax: entriesMax } });
  return world;
}

function plain(outcome: ProposalOutcome): ModelOutcome {
  const { position, replayed } = outcome;
  if (outcome.kind === 'applied') {
    const results = outcome.results.map(({ revision, position: at }) => [revision, at] as const);
    return { code: 'applied', results, position, replayed };
  }
  const { code, facts } = outcome;
  const full = code === 'precondition-failed' ? `${code} ${facts.operation} ${facts.cause}` : code;
  return { code: full, results: [], position, replayed };
}

test('any sequence of proposals has the outcomes, events and documents of the plain model', () => {
  fc.assert(
    fc.property(sequences, (steps) => {
      const world = withWindow();
      const model = new Model(windowMs, entriesMax);
      model.skip();
      let time = 0;
      for (const { laterMs, proposals, stored } of steps) {
        time += laterMs;
        if (proposals === undefined) {
          world.applyValue(undefined);
          model.skip();
        } else {
          const { outcomes } = world.apply(time, ...proposals);
          assert.deepEqual(outcomes.map(plain), model.apply(time, proposals));
        }
        world.store(stored);
      }
      agree(world, model);
    }),
    { numRuns: 400 },
  );
});

function agree(world: World, model: Model): void {
  assert.deepEqual(Buffer.from(world.state.chain), naiveChain(world.lines));
  assert.equal(world.lines.length, model.events.length);
  const bodies = new Map<string, string>();
  world.lines.forEach((line, index) => {
    const event = parseEventLine(line);
    const { payload, first, last, documentId, time, ...numbers } = model.events[index] ?? assert.fail();
    const { position, instance, operation, revision, back } = event;
    assert.deepEqual({ position, instance, operation, revision, back }, numbers);
    assert.equal(event.time, new Date(time).toISOString());
    assert.deepEqual(event.transaction, first === 0 ? undefined : { first, last });
    assert(line.includes(`,${payload}`), 'the payload stands in the line as it was sent');
    const before = carriesContent(operation, revision) ? undefined : bodies.get(documentId);
    bodies.set(documentId, contentAfter(before, line));
    const content = model.documents.get(documentId)?.[revision - 1]?.content;
    assert.deepEqual(bodies.get(documentId), content === undefined ? '' : JSON.stringify(content));
  });
  for (const name of names) {
    const last = model.documents.get(name)?.at(-1);
    const row = world.row(name);
    const { revision, position, time, deleted, body } = row ?? {};
    assert.deepEqual(
      row && { revision, position, time, deleted, body },
      last && {
        revision: last.revision,
        position: last.position,
        time: last.time,
        deleted: !last.content,
        body: bodies.get(name),
      },
    );
  }
}

function bytesOf(proposals: readonly DocumentProposal[] | undefined): Uint8Array[] | undefined {
  return proposals?.map((one) => encodeProposal(one));
}

/** Every instance's effects, with the tail moved to the store as `stored` says. */
function run(values: readonly ({ time: number; proposals: Uint8Array[] } | undefined)[], stored: readonly number[]) {
  const world = withWindow();
  return values.map((value, index) => {
    const effects = world.applyValue(value);
    world.store(stored[index % stored.length] ?? 0);
    return effects;
  });
}

const pauses = fc.array(fc.nat(3), { minLength: 1, maxLength: 10 });

test('one log, the tail pruned at random places: equal effects', () => {
  fc.assert(
    fc.property(sequences, pauses, pauses, (steps, left, right) => {
      let time = 0;
      const values = steps.map(({ laterMs, proposals }) => {
        time += laterMs;
        const bytes = bytesOf(proposals);
        return bytes && { time, proposals: bytes };
      });
      const never = run(values, [0]);
      assert.deepEqual(run(values, left), never);
      assert.deepEqual(run(values, right), never);
    }),
    { numRuns: 150 },
  );
});

const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 });
const poison = fc.oneof(
  // Behind the version: what a damaged or hostile proposal of ours could be.
  fc.tuple(proposal, damage).map(([one, changes]) => {
    const bytes = encodeProposal(one);
    for (const [at, byte] of changes) bytes[1 + (at % (bytes.length - 1))] = byte;
    return bytes;
  }),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Uint8Array.from([1, ...bytes])),
  proposal.map((one) => encodeProposal(one)),
);

test('poison: any bytes of our version give outcomes, the same everywhere, and never a throw', () => {
  const instances = fc.array(fc.record({ time: fc.double(), proposals: fc.array(poison, { maxLength: 5 }) }), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(instances, pauses, (values, stored) => {
      const effects = run(values, [0]);
      assert.deepEqual(run(values, stored), effects);
      effects.forEach(({ outcomes, events }, index) => {
        assert.equal(outcomes.length, values[index]?.proposals.length);
        for (const { line } of events) assert.equal(line.includes('\n'), false, 'a line stays one line');
      });
    }),
    { numRuns: 600 },
  );
});

test('poison: content that is deep, large or no JSON, below the door', () => {
  const world = new World();
  const from = (kind: OperationKind, json: string) => {
    const [operation] = write({ kind, id: 'a', content: {} }).operations;
    assert(operation !== undefined);
    const payload = operation.payload.slice(0, operation.contentStart) + json;
    return { ...write({ kind, id: 'a', content: {} }), operations: [{ ...operation, payload }] };
  };
  const depth = 200_000;
  const deep = `${'{"a":'.repeat(depth)}{}${'}'.repeat(depth)}`;
  const apply = (...proposals: DocumentProposal[]) =>
    world.apply(1, ...proposals).outcomes.map((one) => plain(one).code);
  assert.deepEqual(apply(from('put', '{no json}'), from('merge', '{}')), ['applied', 'patch-not-applicable']);
  assert.deepEqual(apply(from('put', deep)), ['document-too-large']);
  assert.deepEqual(apply(from('put', `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`)), ['applied']);
  assert.deepEqual(apply(from('merge', '{}'), from('patch', '[]')), ['document-too-large', 'document-too-large']);
  assert.deepEqual(apply(from('put', '{}')), ['applied']);
  assert.deepEqual(apply(from('merge', deep), from('merge', '{')), ['document-too-large', 'malformed-patch']);
  assert.deepEqual(apply(from('merge', '{"__proto__":{"x":1}}')), ['key-not-allowed']);
  assert.deepEqual(apply(from('put', '{"a":"\ud800"}'), from('merge', '{"b":"\\ud800"}')), ['applied', 'applied']);
  assert.equal(Object.hasOwn(Object.prototype, 'x'), false);
});
