import { assert } from '../base/assert.ts';
import { LoggosError } from '../base/errors.ts';
import type { Hashes } from '../base/hashes.ts';
import { type Ballot, ballotZero } from '../paxos/ballot.ts';
import { readBallot, readU64, writeBallot, writeU64 } from './bytes.ts';

// The bytes of a segment, version 1; the one definition for writer, boot, reader and `loggos log`.
//
// A segment is a header of 512 bytes, records at multiples of 8, and zeros. Integers are big-endian. A record is a
// header of 104 bytes and a payload that zeros fill up to a multiple of 8. The CRC of a record's header covers its
// place (segment and offset), the CRC of its payload, and, as its start value, whose log it is: yesterday's bytes, or a
// neighbour's, never pass (A13).

export const segmentHeaderBytes = 512;
export const recordHeaderBytes = 104;
const alignment = 8;
const formatVersion = 1;

/** Bytes that no UTF-8 text holds: what clients write does not look like a header. */
export const recordMagic = Buffer.of(0xfe, 0x4c, 0x52, 0xff);
const segmentMagic = Buffer.of(0xfe, 0x4c, 0x53, 0xff);

/**
 * `accepted`, `chosen`: an instance. `seal`: all before was synced and the log was idle. `hidden`: boot cut bytes here
 * that may have been records (payload: `HiddenRange`). `settled`: what `hidden` marks before it hid was never answered.
 */
export type RecordType = 'accepted' | 'chosen' | 'seal' | 'hidden' | 'settled';
const recordTypes: readonly (RecordType | undefined)[] = [undefined, 'accepted', 'chosen', 'seal', 'hidden', 'settled'];

export interface RecordHeader {
  readonly type: RecordType;
  /** 0 for what is not an instance's. */
  readonly instance: number;
  readonly ballot: Ballot;
  readonly payloadBytes: number;
  readonly payloadCrc: number;
  readonly offset: number;
  /** The end in this segment that was known to be synced when this was written; all segments before are synced whole. */
  readonly durableTo: number;
  /** Everything up to it was known to be chosen then, with its deciding record before this one. */
  readonly chosenTo: number;
  /** The highest instance in the log, this record's own included: bounds what an unreadable record before it can be. */
  readonly newestInstance: number;
  /** Wall-clock time of the write, milliseconds since 1970. */
  readonly time: number;
}

export interface SegmentHeader {
  readonly segment: number;
  /** Where the segment before ends: bytes behind it are nothing, even if they look intact. 0 for the first segment. */
  readonly previousEnd: number;
  /** Everything below it was synced before the segment got its name. */
  readonly initialEnd: number;
  /** The file was that long, durably, before its first record: a shorter one has lost something, if only zeros. */
  readonly fileBytes: number;
  /** The three as they were when the segment began. */
  readonly firstInstance: number;
  readonly newestInstance: number;
  readonly chosenTo: number;
  readonly time: number;
}

/** Whose log it is, as the start value of every CRC. */
export interface Seal {
  readonly identity: string;
  readonly crc: number;
}

export function sealOf(identity: string, hashes: Hashes): Seal {
  const bytes = Buffer.from(identity);
  assert(bytes.byteLength > 0 && bytes.byteLength <= identityBytesMax, 'an identity has 1 to 256 bytes');
  return { identity, crc: hashes.crc32(bytes) };
}

const at = {
  type: 4,
  payloadBytes: 8,
  payloadCrc: 12,
  segment: 16,
  offset: 24,
  instance: 32,
  ballot: 40,
  durableTo: 64,
  chosenTo: 72,
  newestInstance: 80,
  time: 88,
  crc: 96,
};

/** Bytes in the file of a record with that payload. */
export function recordBytes(payloadBytes: number): number {
  return recordHeaderBytes + Math.ceil(payloadBytes / alignment) * alignment;
}

/** Whether records can begin there. */
export function isAligned(offset: number): boolean {
  return offset % alignment === 0;
}

/** A place for a record: `bytes[position]` will be, or is, at `offset` of that segment. */
export interface Place {
  readonly bytes: Buffer;
  readonly position: number;
  readonly segment: number;
  readonly offset: number;
}

/** Writes header, payload and filling; the buffer need not be zero. Returns the bytes used. */
export function encodeRecord(
  place: Place,
  record: Omit<RecordHeader, 'payloadBytes' | 'payloadCrc' | 'offset'>,
  payload: Uint8Array,
  seal: Seal,
  hashes: Hashes,
): number {
  const { bytes, position } = place;
  const length = recordBytes(payload.byteLength);
  recordMagic.copy(bytes, position);
  bytes.writeUInt32BE(recordTypes.indexOf(record.type), position + at.type);
  bytes.writeUInt32BE(payload.byteLength, position + at.payloadBytes);
  bytes.writeUInt32BE(hashes.crc32(payload), position + at.payloadCrc);
  writeU64(bytes, position + at.segment, place.segment);
  writeU64(bytes, position + at.offset, place.offset);
  writeU64(bytes, position + at.instance, record.instance);
  writeBallot(bytes, position + at.ballot, record.ballot);
  writeU64(bytes, position + at.durableTo, record.durableTo);
  writeU64(bytes, position + at.chosenTo, record.chosenTo);
  writeU64(bytes, position + at.newestInstance, record.newestInstance);
  writeU64(bytes, position + at.time, record.time);
  const header = bytes.subarray(position, position + at.crc);
  bytes.writeUInt32BE(hashes.crc32(header, seal.crc), position + at.crc);
  bytes.writeUInt32BE(0, position + at.crc + 4);
  bytes.set(payload, position + recordHeaderBytes);
  bytes.fill(0, position + recordHeaderBytes + payload.byteLength, position + length);
  return length;
}

/** The header that stands there, or nothing where the bytes are not exactly a header of this log for this place. */
export function decodeRecordHeader(place: Place, seal: Seal, hashes: Hashes): RecordHeader | undefined {
  const { bytes, position } = place;
  if (position + recordHeaderBytes > bytes.byteLength) return undefined;
  if (recordMagic.compare(bytes, position, position + recordMagic.byteLength) !== 0) return undefined;
  const crc = hashes.crc32(bytes.subarray(position, position + at.crc), seal.crc);
  if (crc !== bytes.readUInt32BE(position + at.crc)) return undefined;
  if (readU64(bytes, position + at.segment) !== place.segment) return undefined;
  if (readU64(bytes, position + at.offset) !== place.offset) return undefined;
  const type = recordTypes[bytes.readUInt32BE(position + at.type)];
  if (type === undefined) return undefined;
  return {
    type,
    instance: readU64(bytes, position + at.instance),
    ballot: type === 'accepted' || type === 'chosen' ? readBallot(bytes, position + at.ballot) : ballotZero,
    payloadBytes: bytes.readUInt32BE(position + at.payloadBytes),
    payloadCrc: bytes.readUInt32BE(position + at.payloadCrc),
    offset: place.offset,
    durableTo: readU64(bytes, position + at.durableTo),
    chosenTo: readU64(bytes, position + at.chosenTo),
    newestInstance: readU64(bytes, position + at.newestInstance),
    time: readU64(bytes, position + at.time),
  };
}

/** Instances of which a record may be hidden: above `above`, and not above `to` where that is known. */
export interface HiddenRange {
  readonly above: number;
  readonly to: number | undefined;
}

export function encodeHidden(range: HiddenRange): Buffer {
  const bytes = Buffer.alloc(16);
  writeU64(bytes, 0, range.above);
  writeU64(bytes, 8, range.to ?? Number.MAX_SAFE_INTEGER);
  return bytes;
}

export function decodeHidden(payload: Buffer): HiddenRange {
  const to = readU64(payload, 8);
  return { above: readU64(payload, 0), to: to === Number.MAX_SAFE_INTEGER ? undefined : to };
}

const inSegment = {
  version: 4,
  segment: 8,
  previousEnd: 16,
  initialEnd: 24,
  firstInstance: 32,
  newestInstance: 40,
  chosenTo: 48,
  time: 56,
  fileBytes: 64,
  identityBytes: 72,
  identity: 76,
  crc: 508,
};
const identityBytesMax = 256;

export function encodeSegmentHeader(header: SegmentHeader, seal: Seal, hashes: Hashes): Buffer {
  const bytes = Buffer.alloc(segmentHeaderBytes);
  segmentMagic.copy(bytes);
  bytes.writeUInt32BE(formatVersion, inSegment.version);
  writeU64(bytes, inSegment.segment, header.segment);
  writeU64(bytes, inSegment.previousEnd, header.previousEnd);
  writeU64(bytes, inSegment.initialEnd, header.initialEnd);
  writeU64(bytes, inSegment.firstInstance, header.firstInstance);
  writeU64(bytes, inSegment.newestInstance, header.newestInstance);
  writeU64(bytes, inSegment.chosenTo, header.chosenTo);
  writeU64(bytes, inSegment.time, header.time);
  writeU64(bytes, inSegment.fileBytes, header.fileBytes);
  bytes.writeUInt32BE(Buffer.byteLength(seal.identity), inSegment.identityBytes);
  bytes.write(seal.identity, inSegment.identity);
  bytes.writeUInt32BE(hashes.crc32(bytes.subarray(0, inSegment.crc)), inSegment.crc);
  return bytes;
}

/**
 * The header of a segment and whose it is, or nothing where it is unreadable or another segment's.
 * @throws LoggosError `directory-unusable`: written by a newer version
 */
export function decodeSegmentHeader(
  bytes: Buffer,
  segment: number,
  hashes: Hashes,
): { readonly header: SegmentHeader; readonly identity: string } | undefined {
  if (bytes.byteLength < segmentHeaderBytes) return undefined;
  if (segmentMagic.compare(bytes, 0, segmentMagic.byteLength) !== 0) return undefined;
  if (hashes.crc32(bytes.subarray(0, inSegment.crc)) !== bytes.readUInt32BE(inSegment.crc)) return undefined;
  const version = bytes.readUInt32BE(inSegment.version);
  if (version > formatVersion) {
    throw new LoggosError('directory-unusable', `segment ${segment} has format ${version}, newer than this program`);
  }
  if (readU64(bytes, inSegment.segment) !== segment) return undefined;
  const identityBytes = bytes.readUInt32BE(inSegment.identityBytes);
  return {
    header: {
      segment,
      previousEnd: readU64(bytes, inSegment.previousEnd),
      initialEnd: readU64(bytes, inSegment.initialEnd),
      firstInstance: readU64(bytes, inSegment.firstInstance),
      newestInstance: readU64(bytes, inSegment.newestInstance),
      chosenTo: readU64(bytes, inSegment.chosenTo),
      time: readU64(bytes, inSegment.time),
      fileBytes: readU64(bytes, inSegment.fileBytes),
    },
    identity: bytes.toString(
      'utf8',
      inSegment.identity,
      inSegment.identity + Math.min(identityBytes, identityBytesMax),
    ),
  };
}

/** Segments are numbered from 1, in the order in which they were begun. */
export function segmentName(segment: number): string {
  return `${String(segment).padStart(16, '0')}.segment`;
}

/** The number in a segment's name; nothing for other names. */
export function segmentOfName(name: string): number | undefined {
  return /^\d{16}\.segment$/.test(name) ? Number(name.slice(0, 16)) : undefined;
}

/** Where the segment is zero-filled before it gets its name. */
export function spareName(segment: number): string {
  return `${segmentName(segment)}.new`;
}
