import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { addToDigest, subtractFromDigest, zeroDigest } from '../../../src/documents/machine/digest.ts';
import { rowHash, tagOf } from '../../../src/documents/machine/row.ts';
import type { DocumentRow } from '../../../src/documents/machine/types.ts';
import { hashes } from './hashes.ts';

const row: DocumentRow = {
  collection: 'orders',
  documentId: 'é-7',
  revision: 3,
  position: 2 ** 40 + 5,
  time: 1_764_000_000_123,
  deleted: false,
  back: [12, 4],
  body: '{"a":"😀"}',
};

function naiveRowHash({ collection, documentId, revision, position, time, deleted, back, body }: DocumentRow): Buffer {
  const integer = (value: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(value));
    return bytes;
  };
  const prefixed = (bytes: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const text = (value: string) => prefixed(Buffer.from(value));
  const columns = [text(collection), text(documentId), integer(revision), integer(position), integer(time)];
  columns.push(integer(deleted ? 1 : 0), prefixed(Buffer.concat(back.map(integer))), text(body));
  return createHash('sha256').update(Buffer.concat(columns)).digest();
}

test('a row hash is over all columns, as the formats page encodes them', () => {
  assert.deepEqual(Buffer.from(rowHash(row, hashes)), naiveRowHash(row));
});

test('each column changes the row hash', () => {
  const changes: Partial<DocumentRow>[] = [
    { collection: 'order' },
    { documentId: '7' },
    { revision: 4 },
    { position: 5 },
  ];
  changes.push(
    { time: 0 },
    { deleted: true },
    { back: [12] },
    { body: '{}' },
    { collection: 'orde', documentId: 'rsé-7' },
  );
  const seen = new Set([row, ...changes.map((change) => ({ ...row, ...change }))].map((one) => naiveText(one)));
  assert.equal(seen.size, changes.length + 1);
});

function naiveText(one: DocumentRow): string {
  return Buffer.from(rowHash(one, hashes)).toString('hex');
}

test('a tag names the history only where the position is not of the first', () => {
  const histories = [
    { id: 'first-history', fork: 0 },
    { id: 'second-history', fork: 100 },
    { id: 'third-history', fork: 150 },
  ];
  assert.equal(tagOf(100, 7, histories), '7');
  assert.equal(tagOf(101, 7, histories), '7-second');
  assert.equal(tagOf(150, 8, histories), '8-second');
  assert.equal(tagOf(151, 9, histories), '9-third-');
  assert.equal(tagOf(5, 1, histories.slice(0, 1)), '1');
});

test('a digest is a sum modulo 2^256, in any order, and what is added can be taken away', () => {
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const toInteger = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  fc.assert(
    fc.property(hash, hash, (left, right) => {
      const sum = addToDigest(left, right);
      assert.equal(toInteger(sum), (toInteger(left) + toInteger(right)) % 2n ** 256n);
      assert.deepEqual(addToDigest(right, left), sum);
      assert.deepEqual(subtractFromDigest(sum, right), left);
    }),
  );
  assert.deepEqual(addToDigest(zeroDigest, new Uint8Array(32).fill(255)), new Uint8Array(32).fill(255));
  assert.deepEqual(subtractFromDigest(zeroDigest, addToDigest(zeroDigest, new Uint8Array(32))), zeroDigest);
});
