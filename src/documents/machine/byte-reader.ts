const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const nothing = new Uint8Array(0);

/**
 * Reads what a `ByteWriter` wrote. It never throws: what is not there, or is not UTF-8, reads as empty and sets
 * `failed`, which the caller looks at once, at the end.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #failed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get failed(): boolean {
    return this.#failed;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number {
    return this.#has(1) ? (this.#bytes[this.#at++] ?? 0) : 0;
  }

  /** 8 bytes; one that is not a safe integer fails. */
  integer(): number {
    const value = this.count() * 0x1_0000_0000 + this.count();
    if (!Number.isSafeInteger(value)) this.fail();
    return value;
  }

  count(): number {
    if (!this.#has(4)) return 0;
    return ((this.byte() * 256 + this.byte()) * 256 + this.byte()) * 256 + this.byte();
  }

  text(): string {
    return this.decoded(this.raw(this.count()));
  }

  /** A view of the next bytes, not a copy. */
  raw(length: number): Uint8Array {
    if (!this.#has(length)) return nothing;
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  decoded(bytes: Uint8Array): string {
    try {
      return utf8.decode(bytes);
    } catch {
      this.fail();
      return '';
    }
  }

  fail(): void {
    this.#failed = true;
  }

  #has(length: number): boolean {
    if (this.#at + length <= this.#bytes.length) return true;
    this.fail();
    return false;
  }
}
