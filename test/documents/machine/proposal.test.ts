import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeProposal,
  encodeProposal,
  encodeWrite,
  proposalVersion,
} from '../../../src/documents/machine/proposal.ts';
import { absent, notTags, put, tags, write } from './given.ts';

const texts = fc.string({ unit: 'grapheme', maxLength: 12 });
const precondition = fc.oneof(
  fc.constantFrom({ kind: 'none' as const }, absent, { kind: 'present' as const }),
  fc.array(texts, { maxLength: 3 }).map((list) => tags(...list)),
  fc.array(texts, { maxLength: 3 }).map((list) => notTags(...list)),
);
const operation = fc.record({
  kind: fc.constantFrom('put', 'create', 'merge', 'patch', 'delete', 'restore', 'check'),
  id: texts,
  collection: texts,
  content: fc.dictionary(texts, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }),
  when: precondition,
});
const key = fc.option(texts, { nil: undefined });
const given = fc.record({ actor: texts, line: fc.nat(), request: fc.nat(255) });
const transactions = fc
  .tuple(fc.array(operation, { maxLength: 4 }), given, key)
  .map(([operations, fields, named]) => write(operations, { ...fields, ...(named !== undefined && { key: named }) }));

test('a proposal comes back as it was, and its commitment is over the very bytes', () => {
  fc.assert(
    fc.property(transactions, (proposal) => {
      const decoded = decodeProposal(encodeProposal(proposal));
      assert(decoded?.kind === 'write');
      for (const { committed, salt, payload } of decoded.operations) {
        assert.deepEqual(Buffer.from(committed), Buffer.concat([salt, Buffer.from(payload)]));
      }
      const plain = decoded.operations.map(({ committed, ...rest }) => rest);
      assert.deepEqual({ ...decoded, operations: plain }, proposal);
    }),
  );
});

test('what a proposer knows of its own bytes is what everybody else reads in them', () => {
  fc.assert(
    fc.property(transactions, fc.boolean(), (proposal, transaction) => {
      const asked = { ...proposal, transaction };
      const { bytes, decoded } = encodeWrite(asked);
      assert.deepEqual(bytes, encodeProposal(asked));
      assert.deepEqual(decoded, decodeProposal(bytes));
    }),
  );
});

test('of texts that UTF-8 cannot hold a proposer knows nothing', () => {
  const [half, key] = ['\ud800', 'k'];
  const good = write(put('a', {}, tags('7')), { key });
  const [one] = good.operations;
  assert(one !== undefined && good.idempotency !== undefined);
  assert.notEqual(encodeWrite(good).decoded, undefined);
  const bad = [
    { ...good, id: half },
    { ...good, actor: half },
    { ...good, idempotency: { ...good.idempotency, key: half } },
    { ...good, operations: [{ ...one, collection: half }] },
    { ...good, operations: [{ ...one, documentId: half }] },
    { ...good, operations: [{ ...one, precondition: tags('7', half) }] },
    { ...good, operations: [{ ...one, payload: one.payload.replace('"id"', `"id":"${half}","x"`) }] },
  ];
  for (const proposal of bad) assert.equal(encodeWrite(proposal).decoded, undefined);
});

test('a change of settings comes back as it was', () => {
  for (const settings of [{}, { depthMax: 5 }, { documentBytesMax: 2 ** 40, keysMax: 0, dedupeEntriesMax: 7 }]) {
    assert.deepEqual(decodeProposal(encodeProposal({ kind: 'settings', settings })), { kind: 'settings', settings });
  }
});

test('each proposal owns its bytes', () => {
  const first = encodeProposal(write(put('a')));
  const copy = first.slice();
  for (const length of [10, 100, 60_000, 100_000]) encodeProposal(write(put('b', { text: 'x'.repeat(length) })));
  assert.deepEqual(first, copy);
});

test('a newer version is told apart from rubbish', () => {
  for (let version = proposalVersion + 1; version < 256; version++) {
    assert.deepEqual(decodeProposal(Uint8Array.of(version, 1, 2)), { kind: 'unknown', version });
  }
  assert.equal(decodeProposal(Uint8Array.of(0, 1)), undefined);
  assert.equal(decodeProposal(new Uint8Array(0)), undefined);
});

test('cut or lengthened anywhere, a proposal is malformed', () => {
  const bytes = encodeProposal(write([put('a', { é: 1 }, tags('7')), { kind: 'check', id: 'b' }], { key: 'k' }));
  for (let length = 0; length < bytes.length; length++) assert.equal(decodeProposal(bytes.slice(0, length)), undefined);
  assert.equal(decodeProposal(Uint8Array.from([...bytes, 0])), undefined);
});

test('what could break a line of history or a body is malformed', () => {
  const good = write(put('a', { n: 1 }));
  const [one] = good.operations;
  assert(one !== undefined);
  const bad = [
    { ...one, payload: `${one.payload.slice(0, -1)}\n}` },
    { ...one, payload: one.payload.slice(1) },
    { ...one, contentStart: one.contentStart + 1 },
    { ...one, payload: `${one.payload}]` },
    { ...one, kind: 'delete' as const },
    { ...one, kind: 'merge' as const, contentStart: one.payload.length },
  ];
  for (const operation of bad) {
    assert.equal(decodeProposal(encodeProposal({ ...good, operations: [operation] })), undefined);
  }
  assert.equal(
    decodeProposal(encodeProposal({ ...good, operations: [one, one] })),
    undefined,
    'two and no transaction',
  );
  assert.equal(decodeProposal(encodeProposal({ ...good, operations: [] })), undefined, 'none and no transaction');
});

test('bytes of our version never throw', () => {
  fc.assert(
    fc.property(transactions, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }), (proposal, changes) => {
      const bytes = encodeProposal(proposal);
      for (const [at, byte] of changes) bytes[1 + (at % (bytes.length - 1))] = byte;
      decodeProposal(bytes);
    }),
    { numRuns: 3_000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      decodeProposal(Uint8Array.from([proposalVersion, ...bytes]));
    }),
    { numRuns: 3_000 },
  );
});
