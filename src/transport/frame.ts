import type { Hashes } from '../base/hashes.ts';
import { isPlanted } from '../base/planted-bugs.ts';

// The one definition of a frame, version 1: magic and version (4 bytes), payload length (4), CRC-32 over those eight
// bytes (4), CRC-32 over the speaker's session and the payload (4), payload. Integers are big-endian. The length has a
// checksum of its own: one that was changed on its way would let the receiver wait for bytes that nobody sends. A hello
// says which session speaks, and what comes after it is taken from that session alone: words of an earlier process of
// that replica, which come late, must not be taken for the present one's (A4).

export const frameHeadBytes = 16;
const magic = 0x4c475301; // LGS, version 1
const checkedHeadBytes = 8;
const payloadCrcOffset = 12;

/** What the checksums of a session's frames begin with. */
export function sealOf(session: string, hashes: Hashes): number {
  return hashes.crc32(new TextEncoder().encode(session));
}

/**
 * Fills in the head of `frame`, whose payload stands behind `frameHeadBytes` free bytes.
 * @param seal - `sealOf` the speaker's session; 0 for a hello
 */
export function sealFrame(frame: Buffer, hashes: Hashes, seal: number): void {
  frame.writeUInt32BE(magic, 0);
  frame.writeUInt32BE(frame.length - frameHeadBytes, 4);
  frame.writeUInt32BE(hashes.crc32(frame.subarray(0, checkedHeadBytes)), checkedHeadBytes);
  frame.writeUInt32BE(hashes.crc32(frame.subarray(frameHeadBytes), seal), payloadCrcOffset);
}

/** Why the bytes of a connection are no frames: nothing after it can be trusted. */
export type FrameFault = 'not-a-frame' | 'oversize' | 'bad-checksum';

/**
 * Finds the frames in a stream that is cut anywhere. It keeps at most one unfinished frame, whose length was found
 * allowed before anything was kept for it.
 */
export class FrameDecoder {
  readonly #hashes: Hashes;
  /** The largest payload allowed. */
  payloadBytesMax: number;
  /** Who speaks: `sealOf` the session that said hello; 0 until then. */
  seal = 0;
  #chunks: Uint8Array[] = [];
  /** So many bytes of the first chunk are taken. */
  #at = 0;
  #bytes = 0;
  #fault: FrameFault | undefined;

  constructor(hashes: Hashes, payloadBytesMax: number) {
    this.#hashes = hashes;
    this.payloadBytesMax = payloadBytesMax;
  }

  /** Set once the stream is no stream of frames; everything after is dropped. */
  get fault(): FrameFault | undefined {
    return this.#fault;
  }

  /** Takes the next bytes of the stream. */
  push(chunk: Uint8Array): void {
    if (this.#fault !== undefined || chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** The payload of the next frame, the caller's own; undefined: it is not there yet, or there is a `fault`. */
  next(): Uint8Array | undefined {
    if (this.#fault !== undefined || this.#bytes < frameHeadBytes) return undefined;
    const head = this.#peek(frameHeadBytes);
    if (readU32(head, 0) !== magic) return this.#fail('not-a-frame');
    const headCrc = this.#hashes.crc32(head.subarray(0, checkedHeadBytes));
    if (headCrc !== readU32(head, checkedHeadBytes)) return this.#fail('bad-checksum');
    const length = readU32(head, 4);
    if (length > this.payloadBytesMax) return this.#fail('oversize');
    if (this.#bytes < frameHeadBytes + length) return undefined;
    this.#skip(frameHeadBytes);
    const payload = this.#take(length);
    const isIntact = this.#hashes.crc32(payload, this.seal) === readU32(head, payloadCrcOffset);
    return isIntact || isPlanted('skip-hash-check') ? payload : this.#fail('bad-checksum');
  }

  #fail(fault: FrameFault): undefined {
    this.#fault = fault;
    this.#chunks = [];
    this.#at = 0;
    this.#bytes = 0;
    return undefined;
  }

  /** The next bytes, which stay where they are. */
  #peek(count: number): Uint8Array {
    const first = this.#chunks[0];
    const isWhole = first !== undefined && first.length - this.#at >= count;
    return isWhole ? first.subarray(this.#at, this.#at + count) : this.#copy(count);
  }

  /** A copy: a small value must not keep a large chunk in memory. */
  #take(count: number): Uint8Array {
    const bytes = this.#copy(count);
    this.#skip(count);
    return bytes;
  }

  #copy(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    let length = 0;
    let from = this.#at;
    for (const chunk of this.#chunks) {
      const part = chunk.subarray(from, from + count - length);
      bytes.set(part, length);
      length += part.length;
      from = 0;
      if (length === count) break;
    }
    return bytes;
  }

  #skip(count: number): void {
    this.#bytes -= count;
    this.#at += count;
    let first = this.#chunks[0];
    while (first !== undefined && this.#at >= first.length) {
      this.#at -= first.length;
      this.#chunks.shift();
      first = this.#chunks[0];
    }
  }
}

function readU32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}
