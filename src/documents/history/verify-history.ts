import { crc32 } from 'node:zlib';
import type { Disk } from '../../base/disk.ts';
import { LoggosError } from '../../base/errors.ts';
import type { Hashes } from '../../base/hashes.ts';
import { chainStart } from './chain-walk.ts';
import { damagedFile, missingPosition } from './damage.ts';
import { plainFileName } from './format.ts';
import type { HistoryEnd, PlainFileEnd } from './history-end.ts';
import { findSealed, listHistory } from './history-files.ts';
import { HistoryReader, type LineListener } from './history-reader.ts';
import { countLines, endsWithNewline } from './lines.ts';

const READ_BYTES_MAX = 1024 * 1024;

/** What a history's files say when they are read whole and nothing beside them is believed. */
export interface VerifiedHistory {
  /** 1; the first event that is kept. */
  readonly firstPosition: number;
  /** 0: no event. */
  readonly lastPosition: number;
  /** c after the last: 32 bytes. */
  readonly chain: Uint8Array;
  /** Milliseconds since 1970 of the last event; 0: none. */
  readonly lastTime: number;
  readonly events: number;
  /** Of the lines. */
  readonly bytes: number;
}

/**
 * Reads every history file in a directory that nobody writes to and recomputes commitments and chain from the lines
 * alone, erased ones too.
 * @param options.end - what the commit states, where it is known; else the files' own end is taken, to the last byte
 * @param options.onLine - called with each line, in order, once it is verified
 * @param options.onProgress - called with the bytes of lines read so far
 * @throws LoggosError `snapshot-damaged`: the first thing that is wrong, with file and position
 */
export async function verifyHistory(options: {
  readonly disk: Disk;
  readonly directory: string;
  readonly hashes: Hashes;
  readonly end?: HistoryEnd;
  readonly onLine?: LineListener;
  readonly onProgress?: (bytes: number) => void;
}): Promise<VerifiedHistory> {
  try {
    const reader = new HistoryReader(options);
    reader.advance(options.end ?? (await endOfFiles(options.disk, options.directory)));
    const verifier = new HistoryVerifier(reader);
    for (;;) {
      const { done } = await verifier.step(READ_BYTES_MAX, options.onLine);
      options.onProgress?.(verifier.verified.bytes);
      if (done) return verifier.verified;
    }
  } catch (error) {
    if (!(error instanceof LoggosError) || error.code !== 'checkpoint-damaged') throw error;
    throw new LoggosError('snapshot-damaged', error.message, error.facts, error);
  }
}

/** Verifies what a reader may see in steps of bounded work: the scrubber's way. Files may grow and be sealed meanwhile. */
export class HistoryVerifier {
  readonly #reader: HistoryReader;
  #position = 0;
  #chain: Uint8Array = chainStart;
  #lastTime = 0;
  #bytes = 0;

  constructor(reader: HistoryReader) {
    this.#reader = reader;
  }

  /** What was verified since the pass began. */
  get verified(): VerifiedHistory {
    return {
      firstPosition: 1,
      lastPosition: this.#position,
      chain: this.#chain,
      lastTime: this.#lastTime,
      events: this.#position,
      bytes: this.#bytes,
    };
  }

  /**
   * Verifies whole frames until `bytesMax` bytes of lines or more were read, or the committed end is reached.
   * @throws LoggosError `checkpoint-damaged`
   */
  async step(bytesMax: number, onLine?: LineListener): Promise<{ readonly bytes: number; readonly done: boolean }> {
    const startBytes = this.#bytes;
    while (this.#position < this.#reader.end.position && this.#bytes - startBytes < bytesMax) {
      const first = this.#position + 1;
      const { lastPosition, lastTime, chain, bytes } = await this.#reader.check(first, this.#chain, onLine);
      if (lastTime < this.#lastTime) {
        throw new LoggosError('checkpoint-damaged', `Time goes back after position ${this.#position}.`, {
          position: first,
        });
      }
      this.#position = lastPosition;
      this.#lastTime = lastTime;
      this.#chain = chain;
      this.#bytes += bytes;
    }
    return { bytes: this.#bytes - startBytes, done: this.#position >= this.#reader.end.position };
  }

  /** Begins again at the first event. */
  restart(): void {
    this.#position = 0;
    this.#chain = chainStart;
    this.#lastTime = 0;
    this.#bytes = 0;
  }
}

/** The end that the files themselves have. */
async function endOfFiles(disk: Disk, directory: string): Promise<HistoryEnd> {
  const listing = await listHistory(disk, directory);
  let next = 1;
  for (const { first, last } of listing.sealed) {
    if (first !== next) throw missingPosition(next);
    next = last + 1;
  }
  const plain: PlainFileEnd[] = [];
  for (const { first, name } of listing.plain) {
    // Sealed, and the end came before the plain one was removed.
    if (findSealed(listing.sealed, first) !== undefined) continue;
    if (first !== next) throw missingPosition(next);
    const end = await endOfPlainFile(disk, `${directory}/${name}`, first);
    if (end.bytes > 0) plain.push(end);
    next = end.last + 1;
  }
  return { position: next - 1, plain };
}

async function endOfPlainFile(disk: Disk, path: string, first: number): Promise<PlainFileEnd> {
  const file = await disk.open(path, 'read');
  try {
    let bytes = 0;
    let crc = 0;
    let lines = 0;
    let isWhole = true;
    for (;;) {
      const read = await file.read(bytes, READ_BYTES_MAX);
      if (read.length === 0) break;
      bytes += read.length;
      crc = crc32(read, crc);
      lines += countLines(read);
      isWhole = endsWithNewline(read);
    }
    if (!isWhole) throw damagedFile(plainFileName(first), 'its last line is cut', first + lines);
    return { first, last: first + lines - 1, bytes, crc };
  } finally {
    await file.close();
  }
}
