import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../src/simulation/seeded-random.ts';

const draws = (random: SeededRandom, count: number) => Array.from({ length: count }, () => random.next());

test('the same seed gives the same numbers, and they are written down here', () => {
  assert.deepEqual(draws(new SeededRandom(7), 4), draws(new SeededRandom('7'), 4));
  assert.deepEqual(draws(new SeededRandom(7), 4), [1_271_338_214, 3_700_518_626, 1_031_616_542, 425_290_178]);
  assert.notDeepEqual(draws(new SeededRandom(7), 4), draws(new SeededRandom(8), 4));
});

test('a fork depends on the seed and its label, never on what was drawn before', () => {
  const early = new SeededRandom(1);
  const late = new SeededRandom(1);
  draws(late, 100);
  assert.deepEqual(draws(early.fork('disk'), 8), draws(late.fork('disk'), 8));
  assert.notDeepEqual(draws(early.fork('disk'), 8), draws(early.fork('network'), 8));
  assert.notDeepEqual(draws(early.fork('disk'), 8), draws(new SeededRandom(2).fork('disk'), 8));
});

test('numbers stay in their bounds and reach both ends', () => {
  const random = new SeededRandom(3);
  const small = new Set(Array.from({ length: 200 }, () => random.integer(5)));
  assert.deepEqual([...small].sort(), [0, 1, 2, 3, 4]);
  const between = new Set(Array.from({ length: 200 }, () => random.between(-1, 1)));
  assert.deepEqual(
    [...between].sort((a, b) => a - b),
    [-1, 0, 1],
  );
  for (let count = 0; count < 1_000; count += 1) {
    const large = random.integer(Number.MAX_SAFE_INTEGER);
    assert.ok(Number.isSafeInteger(large) && large >= 0);
    const part = random.float();
    assert.ok(part >= 0 && part < 1);
  }
});

test('bits, chances and waiting times are as likely as they say', () => {
  const random = new SeededRandom('fair');
  const bits = new Array<number>(32).fill(0);
  let hits = 0;
  let waited = 0;
  for (let count = 0; count < 20_000; count += 1) {
    const word = random.next();
    for (let bit = 0; bit < 32; bit += 1) bits[bit] = (bits[bit] ?? 0) + ((word >>> bit) & 1);
    if (random.chance(0.1)) hits += 1;
    waited += random.exponential(50);
  }
  for (const ones of bits) assert.ok(Math.abs(ones - 10_000) < 400, `${ones} ones of 20000`);
  assert.ok(Math.abs(hits - 2_000) < 250, `${hits} hits`);
  assert.ok(Math.abs(waited / 20_000 - 50) < 2, `mean ${waited / 20_000}`);
});

test('neighbouring seeds begin with unlike numbers', () => {
  const firsts = new Set(Array.from({ length: 10_000 }, (_, seed) => new SeededRandom(seed).next()));
  assert.ok(firsts.size > 9_990);
});

test('bytes are as many as asked for, and a shuffle keeps every value', () => {
  const random = new SeededRandom(5);
  for (const count of [0, 1, 3, 4, 5, 33]) assert.equal(random.bytes(count).byteLength, count);
  assert.deepEqual(random.shuffled([1, 2, 3, 4, 5]).sort(), [1, 2, 3, 4, 5]);
  assert.throws(() => random.pick([]), RangeError);
  assert.equal(random.pick(['only']), 'only');
});
