import { LoggosError } from '../base/errors.ts';
import { paddingOf, tarBlockBytes } from './tar-layout.ts';

/*
 * What tar-stream passes through, hides or hangs on (RELIABILITY 4.3) is refused here, on the raw bytes, before it sees
 * them: other types than plain files, extended headers, odd sizes, a missing end and anything behind it.
 */

const plainFile = 0x30;
const typeNames: Readonly<Record<string, string>> = {
  '\0': 'an old-style entry',
  '1': 'a hard link',
  '2': 'a symbolic link',
  '3': 'a character device',
  '4': 'a block device',
  '5': 'a directory',
  '6': 'a fifo',
  '7': 'a contiguous file',
  K: 'a long link name',
  L: 'a long name',
  S: 'a sparse file',
  g: 'a global extended header',
  x: 'an extended header',
};

/** Passes a tar's bytes on, each block checked first. @throws LoggosError `snapshot-damaged` */
export async function* guardTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const guard = new TarGuard();
  for await (const chunk of source) {
    if (chunk.byteLength === 0) continue;
    guard.take(chunk);
    yield chunk;
  }
  guard.end();
}

class TarGuard {
  readonly #header = new Uint8Array(tarBlockBytes);
  #headerBytes = 0;
  /** Content, then padding, still to come before the next header. */
  #contentBytes = 0;
  #paddingBytes = 0;
  #zeroBlocks = 0;

  take(chunk: Uint8Array): void {
    let offset = 0;
    while (offset < chunk.byteLength) {
      if (this.#zeroBlocks === 2) throw refuse('goes on after its end');
      const left = chunk.byteLength - offset;
      if (this.#contentBytes > 0) {
        const skipped = Math.min(this.#contentBytes, left);
        this.#contentBytes -= skipped;
        offset += skipped;
        continue;
      }
      if (this.#paddingBytes > 0) {
        const skipped = Math.min(this.#paddingBytes, left);
        checkZeros(chunk.subarray(offset, offset + skipped));
        this.#paddingBytes -= skipped;
        offset += skipped;
        continue;
      }
      const taken = Math.min(tarBlockBytes - this.#headerBytes, left);
      this.#header.set(chunk.subarray(offset, offset + taken), this.#headerBytes);
      this.#headerBytes += taken;
      offset += taken;
      if (this.#headerBytes === tarBlockBytes) this.#onHeader();
    }
  }

  end(): void {
    if (this.#zeroBlocks !== 2 || this.#headerBytes > 0) throw refuse('is cut short: its end is missing');
  }

  #onHeader(): void {
    this.#headerBytes = 0;
    if (this.#header.every((byte) => byte === 0)) {
      this.#zeroBlocks += 1;
      return;
    }
    if (this.#zeroBlocks > 0) throw refuse('goes on after its end');
    this.#checkKind();
    checkText(this.#header.subarray(0, 100));
    checkText(this.#header.subarray(345, 500));
    checkChecksumForm(this.#header.subarray(148, 156));
    this.#contentBytes = sizeOf(this.#header.subarray(124, 136));
    this.#paddingBytes = paddingOf(this.#contentBytes);
  }

  #checkKind(): void {
    const magic = Buffer.from(this.#header.subarray(257, 265)).toString('latin1');
    if (magic !== 'ustar\u000000') throw refuse('has an entry that is not in the plain ustar format');
    const type = this.#header[156] ?? 0;
    if (type === plainFile) return;
    const name = typeNames[String.fromCharCode(type)] ?? `an entry of type ${type}`;
    throw refuse(`holds ${name}; a snapshot holds plain files only`);
  }
}

/** Octal digits, or a binary number with the top bit set where they do not suffice. */
function sizeOf(field: Uint8Array): number {
  if (field[0] === 0x80) {
    const bytes = Buffer.from(field);
    const high = bytes.readUIntBE(1, 5);
    const low = bytes.readUIntBE(6, 6);
    if (high === 0 && Number.isSafeInteger(low)) return low;
    throw refuse('has an entry of impossible size');
  }
  const octal = /^([0-7]{1,11})[ \0]$/.exec(Buffer.from(field).toString('latin1').replace(/\0+$/, '\0'))?.[1];
  if (octal === undefined) throw refuse('has an entry of impossible size');
  return Number.parseInt(octal, 8);
}

/** A text ends at its first NUL: what stands behind it would be hidden. */
function checkText(field: Uint8Array): void {
  const end = field.indexOf(0);
  if (end >= 0 && field.subarray(end).some((byte) => byte !== 0)) throw refuse('has a name with a NUL in it');
}

/** Padding carries nothing, so anything in it was put there, or is rot. */
function checkZeros(padding: Uint8Array): void {
  if (padding.some((byte) => byte !== 0)) throw refuse('has something in its padding');
}

/** Six digits, then a NUL and a space in either order, as tars print it: the sum cannot cover its own field. */
function checkChecksumForm(field: Uint8Array): void {
  if (!/^[0-7]{6}(?:\0 | \0)$/.test(Buffer.from(field).toString('latin1')))
    throw refuse('has a header with an odd checksum');
}

function refuse(why: string): LoggosError {
  return new LoggosError('snapshot-damaged', `The archive ${why}`);
}
