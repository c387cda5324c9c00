import { assert } from '../base/assert.ts';
import type { Ballot } from '../paxos/ballot.ts';

const twoTo32 = 2 ** 32;
const capacityMin = 256;

/** Writes what a `WireReader` reads, behind a head that is left free. Integers are big-endian. */
export class WireWriter {
  #bytes: Buffer;
  #length: number;

  /** @param headBytes - left free at the front, for whoever takes the bytes */
  constructor(headBytes: number) {
    this.#bytes = Buffer.allocUnsafe(capacityMin);
    this.#length = headBytes;
  }

  byte(value: number): void {
    // First: where there is no room it replaces the bytes.
    const at = this.#take(1);
    this.#bytes[at] = value;
  }

  flag(value: boolean): void {
    this.byte(value ? 1 : 0);
  }

  count(value: number): void {
    const at = this.#take(4);
    this.#bytes.writeUInt32BE(value, at);
  }

  /** A safe integer, 8 bytes; never by bitwise operators, which cut at 32 bits (B10). */
  integer(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'what is sent as an integer is one');
    const at = this.#take(8);
    this.#bytes.writeUInt32BE(Math.floor(value / twoTo32), at);
    this.#bytes.writeUInt32BE(value % twoTo32, at + 4);
  }

  /** Behind their length. */
  raw(bytes: Uint8Array): void {
    this.count(bytes.length);
    const at = this.#take(bytes.length);
    this.#bytes.set(bytes, at);
  }

  text(text: string): void {
    this.raw(Buffer.from(text));
  }

  ballot({ round, replica, incarnation }: Ballot): void {
    this.integer(round);
    this.integer(replica);
    const at = this.#take(8);
    const written = this.#bytes.write(incarnation, at, 8, 'hex');
    assert(written === 8 && incarnation.length === 16, 'an incarnation is 16 hexadecimal digits');
  }

  /** The head and all that was written; the writer is used no more. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #take(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#length + capacityMin, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
    }
    return at;
  }
}
