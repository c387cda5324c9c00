import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  packFingerprints,
  packItems,
  unpackFingerprints,
  unpackItems,
} from '../../../src/documents/store/packed-items.ts';
import { compareUtf8 } from '../../../src/documents/store/utf8-order.ts';

const value = fc.option(
  fc.record(
    { time: fc.nat(), proposals: fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 4 }) },
    { noNullPrototype: true },
  ),
  { nil: undefined },
);

test('items come out of the message as they went in', () => {
  fc.assert(
    fc.property(fc.array(value), fc.integer({ min: 1, max: 1_000_000 }), (values, first) => {
      const items = values.map((one, index) => ({ instance: first + index, value: one }));
      assert.deepEqual(unpackItems(packItems(items)), items);
    }),
  );
});

test('fingerprints come back as they were, covered ones empty and first', () => {
  fc.assert(
    fc.property(
      fc.nat(5),
      fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 5 }),
      (covered, rest) => {
        const fingerprints = [...Array.from({ length: covered }, () => new Uint8Array(0)), ...rest];
        assert.deepEqual(unpackFingerprints(packFingerprints(fingerprints)), fingerprints);
      },
    ),
  );
});

test('keys compare as their UTF-8 bytes do', () => {
  const text = fc.string({ unit: 'binary', maxLength: 4 });
  fc.assert(
    fc.property(text, text, (left, right) => {
      const expected = Buffer.compare(Buffer.from(left), Buffer.from(right));
      assert.equal(Math.sign(compareUtf8(left, right)), expected);
    }),
    { numRuns: 500 },
  );
  assert.ok(compareUtf8('\uffee', '\ud83d\ude00') < 0);
});
