import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type CleanFacts, cleanTo } from '../../src/checkpoint/clean-rule.ts';

const unbounded = { holdBytes: Number.MAX_SAFE_INTEGER, holdSeconds: 1e9 };

/** A log whose instances all have 10 bytes and come one a second. */
function facts(given: Partial<CleanFacts>): CleanFacts {
  const appliedInstance = given.appliedInstance ?? 1_000;
  return {
    minChosenInstance: 1,
    checkpointInstance: 900,
    appliedInstance,
    holdCount: 100,
    holdBytes: Number.MAX_SAFE_INTEGER,
    holdSeconds: 1e9,
    now: appliedInstance * 1_000,
    bytesFrom: (instance) => Math.max(0, appliedInstance - instance + 1) * 10,
    timeOf: (instance) => instance * 1_000,
    ...given,
  };
}

test('an instance goes only if it and the hold lie below the checkpoint', () => {
  assert.equal(cleanTo(facts({})), 801);
  assert.equal(cleanTo(facts({ holdCount: 0 })), 901);
  assert.equal(cleanTo(facts({ holdCount: 5_000 })), 1);
});

test('without a checkpoint nothing is ever cleaned', () => {
  assert.equal(cleanTo(facts({ checkpointInstance: 0, holdCount: 0 })), 1);
});

test('the hold ends at its bytes and at its age', () => {
  assert.equal(cleanTo(facts({ holdBytes: 500 })), 851);
  assert.equal(cleanTo(facts({ holdBytes: 0 })), 901);
  assert.equal(cleanTo(facts({ holdSeconds: 150 })), 850);
  assert.equal(cleanTo(facts({ holdSeconds: 0 })), 901);
});

test('what somebody reads stays, whatever the limits say', () => {
  assert.equal(cleanTo(facts({ holdCount: 0, holdBytes: 0, holdSeconds: 0, heldFrom: 300 })), 300);
});

test('a group of one keeps the log after its verified snapshot, within its bytes', () => {
  assert.equal(cleanTo(facts({ holdCount: 0, rebuildFrom: 400, rebuildBytes: 6_000 })), 400);
  assert.equal(cleanTo(facts({ holdCount: 0, rebuildFrom: 400, rebuildBytes: 4_000 })), 901);
});

test('nothing that must stay is gone, and nothing else stays, over random logs', () => {
  const instance = fc.nat(2_000);
  fc.assert(
    fc.property(
      fc.record({
        first: fc.integer({ min: 1, max: 500 }),
        checkpointInstance: instance,
        lag: fc.nat(300),
        holdCount: fc.nat(2_500),
        holdBytes: fc.nat(30_000),
        holdSeconds: fc.nat(3_000),
        heldFrom: fc.option(instance, { nil: undefined }),
        bytes: fc.array(fc.nat(40), { minLength: 1, maxLength: 20 }),
      }),
      ({ first, checkpointInstance, lag, holdCount, holdBytes, holdSeconds, heldFrom, bytes }) => {
        const appliedInstance = checkpointInstance + lag;
        const bytesFrom = (from: number) => {
          let sum = 0;
          for (let each = Math.max(from, 1); each <= appliedInstance; each += 1) sum += bytes[each % bytes.length] ?? 0;
          return sum;
        };
        const given = facts({
          minChosenInstance: first,
          checkpointInstance,
          appliedInstance,
          holdCount,
          holdBytes,
          holdSeconds,
          bytesFrom,
          ...(heldFrom === undefined ? {} : { heldFrom }),
        });
        const kept = cleanTo(given);
        // The plain and slow rule: an instance stays if anything wants it.
        const mayGo = (each: number) => {
          if (each > checkpointInstance || checkpointInstance === 0) return false;
          if (heldFrom !== undefined && each >= heldFrom) return false;
          const inCount = each + holdCount >= checkpointInstance + 1;
          const inBytes = bytesFrom(each) - bytesFrom(checkpointInstance + 1) <= holdBytes;
          const inTime = each * 1_000 >= given.now - holdSeconds * 1_000;
          return !(inCount && inBytes && inTime);
        };
        let expected = first;
        while (mayGo(expected)) expected += 1;
        assert.equal(kept, expected);
      },
    ),
    { numRuns: 100 },
  );
});

test('the rule never moves below the log or above the checkpoint', () => {
  fc.assert(
    fc.property(fc.nat(50), fc.nat(50), fc.nat(50), fc.nat(99), fc.nat(99), (min, checkpoint, hold, held, rebuild) => {
      const kept = cleanTo(
        facts({
          ...unbounded,
          minChosenInstance: min + 1,
          checkpointInstance: checkpoint,
          appliedInstance: checkpoint,
          holdCount: hold,
          heldFrom: held,
          rebuildFrom: rebuild,
          rebuildBytes: 100,
        }),
      );
      assert.ok(kept >= min + 1 && (kept <= checkpoint + 1 || kept === min + 1));
    }),
  );
});
