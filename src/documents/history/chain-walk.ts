import type { Hashes } from '../../base/hashes.ts';
import { chainAfterLine } from '../machine/event-line.ts';
import { factsOf, type LineFacts } from './line-facts.ts';

/** c_0. */
export const chainStart: Uint8Array = new Uint8Array(32);

/** Follows the chain line by line, erased ones too, and holds each line to its place in it. */
export class ChainWalk {
  readonly #hashes: Hashes;
  #position: number;
  #chain: Uint8Array;
  #time = 0;

  /** @param chain - c after `position` */
  constructor(hashes: Hashes, position: number, chain: Uint8Array) {
    this.#hashes = hashes;
    this.#position = position;
    this.#chain = chain;
  }

  /** Of the last line. */
  get position(): number {
    return this.#position;
  }

  /** c after the last line. */
  get chain(): Uint8Array {
    return this.#chain;
  }

  /** Of the last line, in milliseconds since 1970; 0 before the first. */
  get time(): number {
    return this.#time;
  }

  /** Undefined: the line is not the one that continues the chain here. */
  next(line: string): LineFacts | undefined {
    const facts = factsOf(line);
    if (facts?.position !== this.#position + 1 || facts.time < this.#time) return undefined;
    try {
      this.#chain = chainAfterLine(this.#chain, line, this.#hashes);
    } catch {
      return undefined;
    }
    this.#position = facts.position;
    this.#time = facts.time;
    return facts;
  }
}
