const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const nothing = new Uint8Array(0);
/** Texts up to this length are read without the decoder: for them that is three times as quick, and makes no garbage. */
const shortLength = 24;

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
    const length = this.count();
    const short = length <= shortLength ? this.#ascii(length) : undefined;
    return short ?? this.decoded(this.raw(length));
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

  /** The next bytes as a text; undefined, and nothing read, where they are not there or not all ASCII. */
  #ascii(length: number): string | undefined {
    const bytes = this.#bytes;
    const end = this.#at + length;
    let at = this.#at;
    let text = '';
    // Four by four: each piece of a text is a text that becomes garbage.
    for (; at + 4 <= end; at += 4) {
      const [one, two, three, four] = [
        bytes[at] ?? 0x80,
        bytes[at + 1] ?? 0x80,
        bytes[at + 2] ?? 0x80,
        bytes[at + 3] ?? 0x80,
      ];
      if ((one | two | three | four) > 0x7f) return undefined;
      text += String.fromCharCode(one, two, three, four);
    }
    for (; at < end; at++) {
      const unit = bytes[at] ?? 0x80;
      if (unit > 0x7f) return undefined;
      text += String.fromCharCode(unit);
    }
    this.#at = end;
    return text;
  }

  #has(length: number): boolean {
    if (this.#at + length <= this.#bytes.length) return true;
    this.fail();
    return false;
  }
}
