const encoder = new TextEncoder();

/** Scratch above this size is given back instead of kept for the next use. */
const keptBytesMax = 4 * 1024 * 1024;
/** Copies of less are cut from pieces of this size: memory of its own costs each of them more than its bytes do. */
const slabBytes = 64 * 1024;
/** Texts up to this length are put down character by character: for them that is quicker than the encoder, and makes no garbage. */
const shortLength = 24;

/**
 * Puts numbers, texts and bytes one behind the other, as FORMATS has them, into one buffer that is used again and
 * again: one owner, one thing at a time.
 */
export class ByteWriter {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #slab = new Uint8Array(0);
  #slabUsed = 0;

  /** Forgets what was written. */
  begin(): this {
    this.#length = 0;
    return this;
  }

  byte(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  /** 8 bytes, big-endian. @param value - a safe integer from 0 */
  integer(value: number): this {
    this.#reserve(8);
    this.#view.setUint32(this.#length, Math.floor(value / 0x1_0000_0000));
    this.#view.setUint32(this.#length + 4, value % 0x1_0000_0000);
    this.#length += 8;
    return this;
  }

  /** 4 bytes, big-endian: a length or a count. */
  count(value: number): this {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value);
    this.#length += 4;
    return this;
  }

  /** UTF-8 behind a 4-byte length. */
  text(value: string): this {
    return this.#utf8(value, true);
  }

  /** UTF-8 and no length. */
  bareText(value: string): this {
    return this.#utf8(value, false);
  }

  /** Bytes, then UTF-8, together behind one 4-byte length. */
  prefixedText(prefix: Uint8Array, value: string): this {
    const start = this.#length;
    this.count(0).raw(prefix).bareText(value);
    this.#view.setUint32(start, this.#length - start - 4);
    return this;
  }

  /** The bytes themselves, without a length. */
  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** Bytes written since `begin`. */
  get length(): number {
    return this.#length;
  }

  /** A view of what was written, good until the next `begin`. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A copy of what was written, the caller's; its buffer may be shared with other copies. */
  copy(): Uint8Array {
    const bytes = this.#length > slabBytes / 4 ? this.#bytes.slice(0, this.#length) : this.#cut();
    if (this.#bytes.length > keptBytesMax) this.#grow(4096, 0);
    this.#length = 0;
    return bytes;
  }

  #cut(): Uint8Array {
    const length = this.#length;
    if (this.#slabUsed + length > this.#slab.length) {
      this.#slab = new Uint8Array(slabBytes);
      this.#slabUsed = 0;
    }
    const copy = this.#slab.subarray(this.#slabUsed, this.#slabUsed + length);
    copy.set(this.#bytes.subarray(0, length));
    this.#slabUsed += length;
    return copy;
  }

  #utf8(value: string, prefixed: boolean): this {
    const prefix = prefixed ? 4 : 0;
    // One UTF-16 unit is at most three bytes.
    this.#reserve(prefix + value.length * 3);
    const start = this.#length + prefix;
    const isPut = value.length <= shortLength && this.#putAscii(value, start);
    const written = isPut ? value.length : encoder.encodeInto(value, this.#bytes.subarray(start)).written;
    if (prefixed) this.#view.setUint32(this.#length, written);
    this.#length = start + written;
    return this;
  }

  /** False where the text is not all ASCII. */
  #putAscii(value: string, start: number): boolean {
    const bytes = this.#bytes;
    for (let index = 0; index < value.length; index++) {
      const unit = value.charCodeAt(index);
      if (unit > 0x7f) return false;
      bytes[start + index] = unit;
    }
    return true;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed > this.#bytes.length) this.#grow(Math.max(needed, this.#bytes.length * 2), this.#length);
  }

  #grow(size: number, kept: number): void {
    const grown = new Uint8Array(size);
    grown.set(this.#bytes.subarray(0, kept));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
