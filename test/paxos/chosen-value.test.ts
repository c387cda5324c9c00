import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ChosenValue, decodeChosenValue, encodeChosenValue, membershipIn } from '../../src/paxos/chosen-value.ts';

const member = fc.record({
  id: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  name: fc.string(),
  incarnation: fc.stringMatching(/^[0-9a-f]{16}$/),
  role: fc.constantFrom('voter' as const, 'learner' as const),
  address: fc.string(),
});
const value: fc.Arbitrary<ChosenValue> = fc.oneof(
  fc.constant({ kind: 'no-op' as const }),
  fc.record({
    kind: fc.constant('membership' as const),
    membership: fc.record({ clusterId: fc.string(), historyId: fc.string(), members: fc.array(member) }),
  }),
  fc.record({
    kind: fc.constant('batch' as const),
    machineId: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    time: fc.nat(Number.MAX_SAFE_INTEGER),
    proposals: fc.array(fc.uint8Array({ maxLength: 40 })),
  }),
);

test('a value survives its bytes', () => {
  fc.assert(
    fc.property(value, (chosen) => {
      const decoded = decodeChosenValue(encodeChosenValue(chosen));
      assert.deepEqual(plain(decoded), plain(chosen));
      assert.deepEqual(membershipIn(encodeChosenValue(chosen)) !== undefined, chosen.kind === 'membership');
    }),
  );
});

test('any bytes are a value or undefined, never a throw, and a value has one encoding', () => {
  const almost = fc.tuple(value, fc.nat(), fc.nat(255)).map(([chosen, place, byte]) => {
    const bytes = encodeChosenValue(chosen);
    bytes[place % bytes.length] = byte;
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), almost), (bytes) => {
      const decoded = decodeChosenValue(bytes);
      if (decoded !== undefined && decoded.kind !== 'membership') assert.deepEqual(encodeChosenValue(decoded), bytes);
    }),
  );
});

test('a value cut short, or with a byte too many, is none', () => {
  fc.assert(
    fc.property(value, fc.nat(), (chosen, place) => {
      const bytes = encodeChosenValue(chosen);
      assert.equal(decodeChosenValue(bytes.subarray(0, place % bytes.length)), undefined);
      assert.equal(decodeChosenValue(Uint8Array.of(...bytes, 0)), undefined);
    }),
  );
});

test('a value of a newer version is none', () => {
  assert.equal(decodeChosenValue(Uint8Array.of(2, 0)), undefined);
});

/** Without prototypes: generated objects have none. */
function plain(chosen: ChosenValue | undefined): unknown {
  return JSON.parse(JSON.stringify(chosen, (_key, part) => (part instanceof Uint8Array ? [...part] : part)));
}
