import type { Random } from '../../src/base/random.ts';

/** Random bytes that are the same for the same seed. */
export function faultRandom(seed: number): Random & { below(limit: number): number } {
  let state = Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    bytes: (count) => Uint8Array.from({ length: count }, () => next() % 256),
    below: (limit) => next() % limit,
  };
}
