import { crc32 } from 'node:zlib';
import { LRUCache } from 'lru-cache';
import { type Disk, DiskError, type DiskFile } from '../../base/disk.ts';
import { damagedFile, missingPosition } from './damage.ts';
import type { SealedIndex } from './format.ts';
import { emptyHistory, type HistoryEnd, type PlainFileEnd } from './history-end.ts';
import { findSealed, lastIndexWhere, listHistory, type SealedFileName } from './history-files.ts';
import { factsOf } from './line-facts.ts';
import { splitLines } from './lines.ts';
import { PlainIndex } from './plain-index.ts';
import { decompress, readSealedIndex } from './sealed-file.ts';

/** Some whole lines out of one file, compared with their checksum. */
export interface Frame {
  readonly fileName: string;
  readonly firstPosition: number;
  readonly lines: readonly string[];
  /** Of the lines, newlines included. */
  readonly plainBytes: number;
  /** c before its first line, where the file states it: a sealed one does. */
  readonly chainBefore: Uint8Array | undefined;
  /** c after its last line, where the file states it: a sealed one does at its end. */
  readonly chainAfter: Uint8Array | undefined;
}

/** Where a frame lies, and what its file's index says of it. */
interface FramePlace {
  readonly offset: number;
  readonly bytes: number;
  readonly firstPosition: number;
  readonly firstTime: number;
  /** The position behind its last. */
  readonly nextPosition: number;
  readonly chainBefore?: Uint8Array;
  readonly chainAfter?: Uint8Array;
}

/** One file, ready to be searched and read. */
interface FrameSource {
  readonly frames: readonly { readonly firstPosition: number; readonly firstTime: number }[];
  read(index: number): Promise<Frame>;
}

const INDEXES_MAX = 256;
/** A file may be sealed between the listing and the open, once; the next try finds it sealed. */
const TRIES_MAX = 3;

/**
 * Finds and reads frames by position, in sealed and plain files, through a cache bounded in bytes. Files may be sealed
 * at any time: a plain file that is gone is looked for among the sealed ones.
 */
export class HistoryFrames {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #cache: LRUCache<string, Frame>;
  /** By file. Made when it is needed: a new one is not cheap. */
  #sealedIndexes: LRUCache<string, SealedIndex> | undefined;
  readonly #plainIndexes = new Map<number, PlainIndex>();
  #sealed: readonly SealedFileName[] | undefined;
  #end: HistoryEnd = emptyHistory;

  constructor(disk: Disk, directory: string, cacheBytesMax: number) {
    this.#disk = disk;
    this.#directory = directory;
    this.#cache = new LRUCache({ maxSize: cacheBytesMax });
  }

  get end(): HistoryEnd {
    return this.#end;
  }

  advance(end: HistoryEnd): void {
    this.#end = end;
    const firstPlain = end.plain[0]?.first ?? end.position + 1;
    for (const first of this.#plainIndexes.keys()) if (first < firstPlain) this.#plainIndexes.delete(first);
  }

  forget(): void {
    this.#cache.clear();
    this.#sealedIndexes = undefined;
    this.#plainIndexes.clear();
    this.#sealed = undefined;
  }

  /** The frame that holds a position from 1 to `end.position`. @throws LoggosError `checkpoint-damaged` */
  frameAt(position: number, readAgain = false): Promise<Frame> {
    return this.#inFile(position, readAgain, (source) => {
      const index = lastIndexWhere(source.frames.length, (at) => firstPositionOf(source, at) <= position);
      return source.read(index);
    });
  }

  /** The frame that holds the last event whose time is not later; undefined: there is none. */
  async frameAtTime(time: number): Promise<Frame | undefined> {
    const files = await this.#firstPositions();
    const startsInTime = (first: number) =>
      this.#inFile(first, false, async (source) => (source.frames[0]?.firstTime ?? Number.POSITIVE_INFINITY) <= time);
    let low = 0;
    let high = files.length;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (await startsInTime(files[middle] ?? 0)) low = middle + 1;
      else high = middle;
    }
    const first = files[low - 1];
    if (first === undefined) return undefined;
    return this.#inFile(first, false, (source) => {
      const index = lastIndexWhere(
        source.frames.length,
        (at) => (source.frames[at]?.firstTime ?? Number.POSITIVE_INFINITY) <= time,
      );
      return source.read(index);
    });
  }

  /** Where each file of the committed history begins. */
  async #firstPositions(): Promise<readonly number[]> {
    const { plain, position } = this.#end;
    const sealedTo = (plain[0]?.first ?? position + 1) - 1;
    const known = this.#sealed ?? (await this.#list());
    const sealed = (known.at(-1)?.last ?? 0) < sealedTo ? await this.#list() : known;
    return [
      ...sealed.filter(({ first }) => first <= sealedTo).map(({ first }) => first),
      ...plain.map((file) => file.first),
    ];
  }

  async #list(): Promise<readonly SealedFileName[]> {
    this.#sealed = (await listHistory(this.#disk, this.#directory)).sealed;
    return this.#sealed;
  }

  async #inFile<Value>(
    position: number,
    readAgain: boolean,
    action: (source: FrameSource) => Promise<Value>,
  ): Promise<Value> {
    for (let tries = 1; ; tries++) {
      const sealed = findSealed(this.#sealed ?? (await this.#list()), position);
      const plain = this.#end.plain.find(({ first, last }) => first <= position && position <= last);
      try {
        if (sealed !== undefined) return await action(await this.#sealedSource(sealed, readAgain));
        if (plain !== undefined) return await action(await this.#plainSource(plain, readAgain));
      } catch (error) {
        const name = sealed?.name ?? 'of plain lines';
        if (!(error instanceof DiskError)) throw error;
        if (error.kind !== 'absent') throw damagedFile(name, 'it cannot be read', position);
        if (tries === TRIES_MAX) throw missingPosition(position);
      }
      if (tries === TRIES_MAX) throw missingPosition(position);
      await this.#list();
    }
  }

  async #sealedSource({ name, first, last }: SealedFileName, readAgain: boolean): Promise<FrameSource> {
    const known = readAgain ? undefined : this.#sealedIndexes?.get(name);
    const index = known ?? (await this.#withFile(name, readSealedIndex));
    if (index?.frames[0]?.firstPosition !== first || index.lastPosition !== last) {
      throw damagedFile(name, 'its index cannot be read');
    }
    this.#sealedIndexes ??= new LRUCache({ max: INDEXES_MAX });
    this.#sealedIndexes.set(name, index);
    const read = (at: number) => {
      const info = index.frames[at];
      if (info === undefined) throw damagedFile(name, 'its index does not hold the position');
      const next = index.frames[at + 1];
      const place: FramePlace =
        next === undefined
          ? { ...info, nextPosition: last + 1, chainAfter: index.chainAfter }
          : { ...info, nextPosition: next.firstPosition, chainAfter: next.chainBefore };
      return this.#read(name, place, readAgain, (bytes) => decompress(bytes, info.plainBytes));
    };
    return { frames: index.frames, read };
  }

  async #plainSource(end: PlainFileEnd, readAgain: boolean): Promise<FrameSource> {
    const index = this.#plainIndexes.get(end.first) ?? new PlainIndex(end.first);
    this.#plainIndexes.set(end.first, index);
    if (!index.reaches(end)) await this.#withFile(index.name, (file) => index.advance(file, end));
    const { frames, nextPosition: positionBehind } = index;
    const read = (at: number) => {
      const info = frames[at];
      if (info === undefined) throw damagedFile(index.name, 'its index does not hold the position');
      const nextPosition = frames[at + 1]?.firstPosition ?? positionBehind;
      return this.#read(index.name, { ...info, nextPosition }, readAgain, (bytes) =>
        crc32(bytes) === info.crc ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) : undefined,
      );
    };
    return { frames, read };
  }

  async #read(
    name: string,
    info: FramePlace,
    readAgain: boolean,
    plainOf: (bytes: Uint8Array) => Buffer | undefined,
  ): Promise<Frame> {
    // A plain file's last frame grows: its length is a part of its name.
    const key = `${name}@${info.offset}+${info.bytes}`;
    const known = readAgain ? undefined : this.#cache.get(key);
    if (known !== undefined) return known;
    const bytes = await this.#withFile(name, (file) => file.read(info.offset, info.bytes));
    const plain = plainOf(bytes);
    if (plain === undefined) throw damagedFile(name, 'a frame does not match its checksum', info.firstPosition);
    const lines = splitLines(plain);
    const { firstPosition, firstTime, nextPosition, chainBefore, chainAfter } = info;
    const facts = factsOf(lines[0] ?? '');
    if (
      lines.length !== nextPosition - firstPosition ||
      facts?.position !== firstPosition ||
      facts.time !== firstTime
    ) {
      throw damagedFile(name, 'a frame holds other lines than its index says', firstPosition);
    }
    const frame: Frame = { fileName: name, firstPosition, lines, plainBytes: plain.length, chainBefore, chainAfter };
    if (!readAgain) this.#cache.set(key, frame, { size: Math.max(1, plain.length) });
    return frame;
  }

  async #withFile<Value>(name: string, action: (file: DiskFile) => Promise<Value>): Promise<Value> {
    const file = await this.#disk.open(`${this.#directory}/${name}`, 'read');
    try {
      return await action(file);
    } finally {
      await file.close();
    }
  }
}

function firstPositionOf(source: FrameSource, at: number): number {
  return source.frames[at]?.firstPosition ?? Number.POSITIVE_INFINITY;
}
