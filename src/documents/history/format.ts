import { crc32 } from 'node:zlib';

/**
 * History files: names, where they are cut, and the index at the end of a sealed one. Everything here is decided by
 * the lines alone, so that equal lines give byte-equal files on every replica that runs the same zstd.
 */

/** Where files and frames are cut. No line is ever split. */
export interface HistoryCuts {
  /** A file ends after the line with which it reaches one of these. */
  readonly filePositionsMax: number;
  readonly fileBytesMax: number;
  /** A frame ends after the line with which it reaches this many bytes. */
  readonly frameBytesMin: number;
}

/** The format's. Others only make small files for tests. */
export const historyCuts: HistoryCuts = {
  filePositionsMax: 16_384,
  fileBytesMax: 16 * 1024 * 1024,
  frameBytesMin: 64 * 1024,
};
/**
 * Measured on lines of 594 bytes around documents of 256: level 1 gives 136 bytes an event, 3 gives 132 at the same
 * speed, 6 gives 128 for three times the CPU. Of these about 40 are the salt, the id and the chain, which are random.
 */
export const ZSTD_LEVEL = 3;

/** No line is so long: what says so is not ours, and is not given the memory. */
export const FRAME_PLAIN_BYTES_MAX = 128 * 1024 * 1024;

const INDEX_VERSION = 1;
const SKIPPABLE_MAGIC = 0x184d2a50;
const INDEX_TAIL = Buffer.from('LHIX');
const SKIPPABLE_HEADER_BYTES = 8;
const INDEX_HEADER_BYTES = 8;
const INDEX_ENTRY_BYTES = 64;
const INDEX_SUMMARY_BYTES = 8 + 8 + 32;
/** CRC-32, length of the whole skippable frame, the four last letters. */
export const INDEX_TRAILER_BYTES = 4 + 4 + 4;

/** A history file by its name. */
export interface HistoryFileName {
  readonly name: string;
  /** First position in it; the open file's may not be written yet. */
  readonly first: number;
  /** Last position in it; undefined: plain lines, whose end the next file or the commit says. */
  readonly last: number | undefined;
}

/** One frame of a sealed file. */
export interface FrameInfo {
  /** Where the compressed frame begins in the file. */
  readonly offset: number;
  readonly bytes: number;
  /** Of the lines in it, newlines included. */
  readonly plainBytes: number;
  readonly firstPosition: number;
  /** Milliseconds since 1970. */
  readonly firstTime: number;
  /** c before its first line: 32 bytes. */
  readonly chainBefore: Uint8Array;
}

/** What the skippable frame at the end of a sealed file says. */
export interface SealedIndex {
  readonly frames: readonly FrameInfo[];
  readonly lastPosition: number;
  readonly lastTime: number;
  /** c after the last line: 32 bytes. */
  readonly chainAfter: Uint8Array;
}

const namePattern = /^(\d{16})(?:\.ndjson|-(\d{16})\.ndjson\.zst)$/;

const padded = (position: number) => String(position).padStart(16, '0');

export function plainFileName(first: number): string {
  return `${padded(first)}.ndjson`;
}

export function sealedFileName(first: number, last: number): string {
  return `${padded(first)}-${padded(last)}.ndjson.zst`;
}

/** While it is written; removed at the next open. */
export function sealingFileName(first: number): string {
  return `${padded(first)}.sealing`;
}

export function isSealingFileName(name: string): boolean {
  return /^\d{16}\.sealing$/.test(name);
}

/** Undefined: not a history file. */
export function parseHistoryFileName(name: string): HistoryFileName | undefined {
  const match = namePattern.exec(name);
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = match[2] === undefined ? undefined : Number(match[2]);
  if (!Number.isSafeInteger(first) || first < 1) return undefined;
  if (last !== undefined && (!Number.isSafeInteger(last) || last < first)) return undefined;
  return { name, first, last };
}

/** Whether a file of so many lines and bytes is at its end. */
export function fileIsFull(positions: number, bytes: number, cuts: HistoryCuts): boolean {
  return positions >= cuts.filePositionsMax || bytes >= cuts.fileBytesMax;
}

/** The whole skippable frame; stock zstd skips it. Integers are big-endian but for zstd's own two. */
export function encodeSealedIndex(index: SealedIndex): Buffer {
  const contentBytes =
    INDEX_HEADER_BYTES + index.frames.length * INDEX_ENTRY_BYTES + INDEX_SUMMARY_BYTES + INDEX_TRAILER_BYTES;
  const bytes = Buffer.alloc(SKIPPABLE_HEADER_BYTES + contentBytes);
  bytes.writeUInt32LE(SKIPPABLE_MAGIC, 0);
  bytes.writeUInt32LE(contentBytes, 4);
  let at = SKIPPABLE_HEADER_BYTES;
  bytes.writeUInt32BE(INDEX_VERSION, at);
  bytes.writeUInt32BE(index.frames.length, at + 4);
  at += INDEX_HEADER_BYTES;
  for (const frame of index.frames) {
    writeSafe(bytes, frame.offset, at);
    bytes.writeUInt32BE(frame.bytes, at + 8);
    bytes.writeUInt32BE(frame.plainBytes, at + 12);
    writeSafe(bytes, frame.firstPosition, at + 16);
    writeSafe(bytes, frame.firstTime, at + 24);
    bytes.set(frame.chainBefore, at + 32);
    at += INDEX_ENTRY_BYTES;
  }
  writeSafe(bytes, index.lastPosition, at);
  writeSafe(bytes, index.lastTime, at + 8);
  bytes.set(index.chainAfter, at + 16);
  at += INDEX_SUMMARY_BYTES;
  bytes.writeUInt32BE(crc32(bytes.subarray(0, at)), at);
  bytes.writeUInt32BE(bytes.length, at + 4);
  INDEX_TAIL.copy(bytes, at + 8);
  return bytes;
}

/**
 * How long the skippable frame is, from the last bytes of a file.
 * @param trailer - the last `INDEX_TRAILER_BYTES` of the file
 * @returns undefined where no index ends there
 */
export function indexBytesOf(trailer: Uint8Array, fileBytes: number): number | undefined {
  if (trailer.length !== INDEX_TRAILER_BYTES) return undefined;
  const bytes = asBuffer(trailer);
  if (!bytes.subarray(8).equals(INDEX_TAIL)) return undefined;
  const length = bytes.readUInt32BE(4);
  const least = SKIPPABLE_HEADER_BYTES + INDEX_HEADER_BYTES + INDEX_SUMMARY_BYTES + INDEX_TRAILER_BYTES;
  return length >= least && length <= fileBytes ? length : undefined;
}

/**
 * Reads the skippable frame back and checks all that it can say about itself.
 * @returns undefined: damaged, or of a version that is not known
 */
export function decodeSealedIndex(frame: Uint8Array, fileBytes: number): SealedIndex | undefined {
  const bytes = asBuffer(frame);
  if (indexBytesOf(bytes.subarray(-INDEX_TRAILER_BYTES), fileBytes) !== bytes.length) return undefined;
  const checked = bytes.length - INDEX_TRAILER_BYTES;
  if (bytes.readUInt32BE(checked) !== crc32(bytes.subarray(0, checked))) return undefined;
  if (bytes.readUInt32LE(0) !== SKIPPABLE_MAGIC) return undefined;
  if (bytes.readUInt32LE(4) !== bytes.length - SKIPPABLE_HEADER_BYTES) return undefined;
  if (bytes.readUInt32BE(SKIPPABLE_HEADER_BYTES) !== INDEX_VERSION) return undefined;
  const frameCount = bytes.readUInt32BE(SKIPPABLE_HEADER_BYTES + 4);
  let at = SKIPPABLE_HEADER_BYTES + INDEX_HEADER_BYTES;
  if (frameCount < 1 || at + frameCount * INDEX_ENTRY_BYTES + INDEX_SUMMARY_BYTES !== checked) return undefined;
  const frames: FrameInfo[] = [];
  for (let count = 0; count < frameCount; count++) {
    frames.push({
      offset: readSafe(bytes, at),
      bytes: bytes.readUInt32BE(at + 8),
      plainBytes: bytes.readUInt32BE(at + 12),
      firstPosition: readSafe(bytes, at + 16),
      firstTime: readSafe(bytes, at + 24),
      chainBefore: bytes.subarray(at + 32, at + 64),
    });
    at += INDEX_ENTRY_BYTES;
  }
  const index: SealedIndex = {
    frames,
    lastPosition: readSafe(bytes, at),
    lastTime: readSafe(bytes, at + 8),
    chainAfter: bytes.subarray(at + 16, at + 48),
  };
  return isConsistent(index, fileBytes - bytes.length) ? index : undefined;
}

/** Frames lie one after the other and fill the file up to its index; positions grow, times never sink. */
function isConsistent({ frames, lastPosition, lastTime }: SealedIndex, framesBytes: number): boolean {
  let offset = 0;
  let position = 0;
  let time = 0;
  for (const frame of frames) {
    if (frame.offset !== offset || frame.firstPosition <= position || frame.firstTime < time) return false;
    if (frame.plainBytes > FRAME_PLAIN_BYTES_MAX) return false;
    offset += frame.bytes;
    position = frame.firstPosition;
    time = frame.firstTime;
  }
  return offset === framesBytes && lastPosition >= position && lastTime >= time;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function writeSafe(bytes: Buffer, value: number, at: number): void {
  bytes.writeBigUInt64BE(BigInt(value), at);
}

/** What does not fit is damage: −1 passes no check. */
function readSafe(bytes: Buffer, at: number): number {
  const value = bytes.readBigUInt64BE(at);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : -1;
}
