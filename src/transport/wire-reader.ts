import type { Ballot } from '../paxos/ballot.ts';

const twoTo32 = 2 ** 32;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const nothing = new Uint8Array(0);

/**
 * Reads what a `WireWriter` wrote. It never throws: what is not there, or is not what it should be, reads as empty and
 * sets `failed`, which the caller looks at once, at the end.
 */
export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;
  #failed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Everything was there, and nothing is left. */
  get isWhole(): boolean {
    return !this.#failed && this.#at === this.#bytes.length;
  }

  get failed(): boolean {
    return this.#failed;
  }

  fail(): void {
    this.#failed = true;
  }

  byte(): number {
    return this.#has(1) ? (this.#bytes[this.#at++] ?? 0) : 0;
  }

  flag(): boolean {
    const value = this.byte();
    if (value > 1) this.fail();
    return value === 1;
  }

  count(): number {
    if (!this.#has(4)) return 0;
    this.#at += 4;
    return this.#bytes.readUInt32BE(this.#at - 4);
  }

  /** 8 bytes; one that is not a safe integer fails. */
  integer(): number {
    const value = this.count() * twoTo32 + this.count();
    if (Number.isSafeInteger(value)) return value;
    this.fail();
    return 0;
  }

  /** A view of the bytes behind their length, not a copy. */
  raw(): Uint8Array {
    return this.#view(this.count());
  }

  text(): string {
    try {
      return utf8.decode(this.raw());
    } catch {
      this.fail();
      return '';
    }
  }

  ballot(): Ballot {
    const round = this.integer();
    const replica = this.integer();
    const incarnation = this.#view(8);
    return { round, replica, incarnation: Buffer.from(incarnation).toString('hex') };
  }

  /**
   * As many entries as the count before them says.
   * @param entryBytesMin - what one takes at least: a count that cannot be true allocates nothing
   */
  list<Entry>(entryBytesMin: number, read: () => Entry): Entry[] {
    const count = this.count();
    if (count * entryBytesMin > this.#bytes.length - this.#at) this.fail();
    const entries: Entry[] = [];
    while (entries.length < count && !this.#failed) entries.push(read());
    return entries;
  }

  #view(length: number): Uint8Array {
    if (!this.#has(length)) return nothing;
    this.#at += length;
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + this.#at - length, length);
  }

  #has(length: number): boolean {
    if (!this.#failed && this.#at + length <= this.#bytes.length) return true;
    this.fail();
    return false;
  }
}
