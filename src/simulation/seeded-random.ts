import type { Random } from '../base/random.ts';

/**
 * Chance that repeats: the same seed gives the same numbers, in every process and on every machine. The generator is
 * sfc32 (Doty-Humphrey's "small fast counting" generator, 128 bits of state), written from its description.
 */
export class SeededRandom implements Random {
  readonly #key: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** Any number or text. `1` and `'1'` are the same seed. */
  constructor(seed: number | string) {
    this.#key = String(seed);
    this.#a = hashOf(0x811c9dc5, this.#key);
    this.#b = hashOf(this.#a ^ 0x9e3779b9, this.#key);
    this.#c = hashOf(this.#b ^ 0x85ebca6b, this.#key);
    // Similar seeds start with similar states; after a dozen rounds nothing of that is left.
    for (let round = 0; round < 12; round += 1) this.next();
  }

  /** A whole number from 0 to 2^32 - 1. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** From 0 to below 1. */
  float(): number {
    return this.next() / 0x1_0000_0000;
  }

  /** A whole number from 0 to `bound - 1`. `bound` is from 1 to 2^53. */
  integer(bound: number): number {
    if (bound <= 0x1_0000) return Math.floor(this.float() * bound);
    return Math.floor(((this.next() * 0x20_0000 + (this.next() >>> 11)) / 0x20_0000_0000_0000) * bound);
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.integer(most - least + 1);
  }

  /** True with this probability. Draws a number in any case, so that a changed rate moves nothing that comes after. */
  chance(probability: number): boolean {
    return this.float() < probability;
  }

  /** A waiting time with this mean, as independent events have it. At most 20 times the mean. */
  exponential(mean: number): number {
    return mean * Math.min(20, -Math.log(1 - this.float()));
  }

  /** One of a list that has one. */
  pick<Value>(list: readonly Value[]): Value {
    if (list.length === 0) throw new RangeError('There is nothing to pick from.');
    return list[this.integer(list.length)] as Value;
  }

  /** The same values in another order: a new list. */
  shuffled<Value>(list: readonly Value[]): Value[] {
    const values = [...list];
    for (let last = values.length - 1; last > 0; last -= 1) {
      const other = this.integer(last + 1);
      const value = values[last] as Value;
      values[last] = values[other] as Value;
      values[other] = value;
    }
    return values;
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let index = 0; index < count; index += 4) {
      const word = this.next();
      for (let part = 0; part < 4 && index + part < count; part += 1) bytes[index + part] = word >>> (8 * part);
    }
    return bytes;
  }

  /**
   * Another stream, of this seed and the label alone: how much was drawn from this one before does not change it. The
   * same label gives the same stream again.
   */
  fork(label: string): SeededRandom {
    return new SeededRandom(`${this.#key}/${label}`);
  }
}

/** FNV-1a over the code units, with a last mix so that every bit of the text reaches every bit of the answer. */
function hashOf(start: number, text: string): number {
  let hash = start | 0;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) | 0;
}
