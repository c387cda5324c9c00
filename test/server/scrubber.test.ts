import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../src/base/clock.ts';
import { silentObserver } from '../../src/base/observer.ts';
import { Scrubber } from '../../src/server/scrubber.ts';

/** Runs what is due at once, and remembers the pauses. */
function impatientClock(): Clock & { readonly pauses: number[] } {
  const pauses: number[] = [];
  return {
    pauses,
    now: () => 0,
    monotonic: () => 0,
    after(delayMs, action) {
      pauses.push(delayMs);
      const timer = setImmediate(action);
      return () => clearImmediate(timer);
    },
  };
}

test('the checkpoint is read at the given rate, rests after a pass, and damage ends it', async () => {
  const steps = [
    { bytes: 1_000, done: false },
    { bytes: 10, done: true },
    { bytes: 5, done: false, damage: 'a row does not match its checksum' },
  ];
  const asked: number[] = [];
  const found = Promise.withResolvers<string>();
  const clock = impatientClock();
  const scrubber = new Scrubber({
    store: {
      async scrub(bytesMax) {
        asked.push(bytesMax);
        return steps.shift() ?? { bytes: 0, done: true };
      },
    },
    clock,
    observer: silentObserver,
    bytesPerSecond: 4_000,
    onDamage: found.resolve,
  });
  scrubber.start();
  assert.equal(await found.promise, 'a row does not match its checksum');
  await scrubber.stop();
  assert.deepEqual(asked, [1_000, 1_000, 1_000]);
  assert.deepEqual(clock.pauses, [250, 250, 600_000]);
});

test('at a rate of 0 nothing is read', () => {
  const clock = impatientClock();
  const store = { scrub: () => assert.fail('read') };
  new Scrubber({ store, clock, observer: silentObserver, bytesPerSecond: 0, onDamage: () => undefined }).start();
  assert.deepEqual(clock.pauses, []);
});
