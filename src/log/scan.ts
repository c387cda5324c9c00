import type { Hashes } from '../base/hashes.ts';
import { isPlanted } from '../base/planted-bugs.ts';
import { asBuffer } from './bytes.ts';
import {
  decodeRecordHeader,
  isAligned,
  type RecordHeader,
  recordBytes,
  recordHeaderBytes,
  recordMagic,
  type Seal,
} from './format.ts';

/** One thing that stands in a segment, in the order of the file. */
export type Scanned =
  | {
      readonly kind: 'record';
      readonly header: RecordHeader;
      readonly offset: number;
      readonly bytes: number;
      /** A view of the segment. */
      readonly payload: Buffer;
      /** Its CRC is right. */
      readonly intact: boolean;
    }
  /** Bytes that are neither zeros to the end nor a header: one or more records may be hidden in them. */
  | { readonly kind: 'unreadable'; readonly offset: number; readonly bytes: number };

export interface ScanOptions {
  readonly segment: number;
  readonly seal: Seal;
  readonly hashes: Hashes;
  readonly firstOffset: number;
  /** The end of what was written, where another segment says it; zeros before it are lost records then. */
  readonly knownEnd?: number | undefined;
}

/**
 * Everything in the bytes of a whole segment. After an unreadable place it goes on at the next header that is exactly
 * right for where it stands.
 */
export function* scanSegment(file: Uint8Array, options: ScanOptions): Generator<Scanned> {
  const { segment, seal, hashes, knownEnd } = options;
  const end = Math.min(knownEnd ?? file.byteLength, file.byteLength);
  const bytes = asBuffer(file).subarray(0, end);
  const headerAt = (offset: number) => decodeRecordHeader({ bytes, position: offset, segment, offset }, seal, hashes);
  let offset = options.firstOffset;
  while (offset < end) {
    const header = headerAt(offset);
    if (header === undefined) {
      if (isPlanted('cut-at-first-bad-record')) return;
      const next = nextHeader(bytes, offset + 1, headerAt);
      const hiddenEnd = next ?? (knownEnd === undefined ? lastNonZero(bytes, offset) : end);
      if (hiddenEnd > offset) yield { kind: 'unreadable', offset, bytes: hiddenEnd - offset };
      offset = next ?? end;
      continue;
    }
    const length = recordBytes(header.payloadBytes);
    const payload = bytes.subarray(offset + recordHeaderBytes, offset + recordHeaderBytes + header.payloadBytes);
    const whole = payload.byteLength === header.payloadBytes;
    const intact = whole && hashes.crc32(payload) === header.payloadCrc;
    if (!intact && isPlanted('cut-at-first-bad-record')) return;
    yield { kind: 'record', header, offset, bytes: length, payload, intact };
    offset += length;
  }
  // The file is shorter than what is known to have been written into it.
  if (knownEnd !== undefined && offset < knownEnd) yield { kind: 'unreadable', offset, bytes: knownEnd - offset };
}

/** The end of what is synced for sure: nothing below it is torn. */
export function durableEnd(items: readonly Scanned[], initialEnd: number): number {
  const ends = items.map((item) => (item.kind === 'record' ? item.header.durableTo : 0));
  return ends.reduce((highest, end) => Math.max(highest, end), initialEnd);
}

function nextHeader(
  bytes: Buffer,
  firstOffset: number,
  headerAt: (offset: number) => RecordHeader | undefined,
): number | undefined {
  let found = bytes.indexOf(recordMagic, firstOffset);
  while (found !== -1) {
    if (isAligned(found) && headerAt(found) !== undefined) return found;
    found = bytes.indexOf(recordMagic, found + 1);
  }
  return undefined;
}

const zeros = Buffer.alloc(64 * 1024);

/** The offset behind the last byte from `offset` on that is not zero; `offset` where all are. */
function lastNonZero(bytes: Buffer, offset: number): number {
  let end = bytes.byteLength;
  while (end > offset) {
    const chunk = bytes.subarray(Math.max(offset, end - zeros.byteLength), end);
    if (zeros.compare(chunk, 0, chunk.byteLength, 0, chunk.byteLength) !== 0) break;
    end -= chunk.byteLength;
  }
  while (end > offset && bytes[end - 1] === 0) end -= 1;
  return end;
}
