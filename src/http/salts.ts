import type { Random } from '../base/random.ts';

const saltBytes = 16;
const drawnBytes = 4_096;

/** Salts of events, drawn from the source of randomness many at a time: a draw costs more than a request's routing. */
export class Salts {
  readonly #random: Random;
  #drawn: Uint8Array = new Uint8Array(0);
  #offset = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** 16 fresh bytes, given to nobody else. */
  next(): Uint8Array {
    if (this.#offset === this.#drawn.length) {
      this.#drawn = this.#random.bytes(drawnBytes);
      this.#offset = 0;
    }
    this.#offset += saltBytes;
    return this.#drawn.subarray(this.#offset - saltBytes, this.#offset);
  }
}
