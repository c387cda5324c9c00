import { assert } from '../base/assert.ts';
import { type Disk, DiskError } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import { recordBytes, recordHeaderBytes } from './format.ts';
import type { LogRecord } from './log.ts';
import type { ReadAround } from './read-around.ts';
import type { Segment } from './segment.ts';
import { decides, type IndexEntry } from './segment-index.ts';

const chunkBytesMin = 64 * 1024;
const chunkBytesMax = 1024 * 1024;

interface Found {
  readonly segment: Segment;
  readonly entry: IndexEntry;
}

/** The segments of a log, oldest first: finds records in them and drops them. */
export class Segments {
  /** Replaced, never changed, so that a reader that waits keeps what it began with. */
  #segments: readonly Segment[];
  #firstInstance: number;
  /** Holds nothing that counts any more, and is still on the disk: the next call that drops begins with it. */
  #leaving: Segment | undefined;

  constructor(segments: readonly Segment[], firstInstance: number) {
    this.#segments = segments;
    this.#firstInstance = firstInstance;
  }

  get firstInstance(): number {
    return this.#firstInstance;
  }

  /** Files, one that could not be removed yet included. */
  get count(): number {
    return this.#segments.length + (this.#leaving === undefined ? 0 : 1);
  }

  get fileBytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.fileBytes, this.#leaving?.fileBytes ?? 0);
  }

  /** The one that is appended to. */
  get newest(): Segment {
    const newest = this.#segments.at(-1);
    assert(newest !== undefined, 'a log has a segment');
    return newest;
  }

  add(segment: Segment): void {
    this.#segments = [...this.#segments, segment];
  }

  /**
   * Consecutive records from `firstInstance`, read with one read of the disk: those that stand behind each other.
   * @throws LoggosError `log-damaged` where the first is unreadable, `history-trimmed` where it was dropped
   */
  async readRun(firstInstance: number, countMax: number, bytesMax: number): Promise<LogRecord[]> {
    try {
      return await this.#readRun(firstInstance, countMax, bytesMax);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      // The segment was dropped under the reader; or the disk gives nothing of it, or not any more.
      this.assertHeld(firstInstance);
      throw new LoggosError('log-damaged', `instance ${firstInstance} cannot be read: ${error.message}`, {}, error);
    }
  }

  assertHeld(instance: number): void {
    if (instance >= this.#firstInstance) return;
    throw new LoggosError('history-trimmed', `the log begins at instance ${this.#firstInstance}`, {
      firstInstance: this.#firstInstance,
    });
  }

  /**
   * Drops whole segments whose records all lie below `instance`: oldest first, each durably before the next (A12). One
   * that the disk would not remove is tried again by the next call, before any other.
   */
  async dropBelow(instance: number, disk: Disk, directory: string): Promise<void> {
    for (;;) {
      this.#leaving ??= this.#takeOldest(instance);
      if (this.#leaving === undefined) return;
      await this.#leaving.close();
      await disk.remove(this.#leaving.path);
      await disk.syncDirectory(directory);
      this.#leaving = undefined;
    }
  }

  /** By whole segments where an index is not in memory. */
  bytesFrom(instance: number): number {
    return this.#segments.reduce((sum, segment) => {
      if (segment.newestInstance < instance) return sum;
      const first = segment.loadedIndex?.get(instance)?.offset ?? 0;
      return sum + segment.end - first;
    }, 0);
  }

  timeOf(instance: number): number | undefined {
    if (instance < this.#firstInstance) return undefined;
    return this.#segments.find((segment) => segment.newestInstance >= instance)?.newestTime;
  }

  async close(): Promise<void> {
    for (const segment of this.#segments) await segment.close();
  }

  #takeOldest(instance: number): Segment | undefined {
    const [oldest, second] = this.#segments;
    if (oldest === undefined || second === undefined || second.header.newestInstance >= instance) return undefined;
    this.#segments = this.#segments.slice(1);
    this.#firstInstance = Math.max(this.#firstInstance, second.header.newestInstance + 1);
    return oldest;
  }

  async #readRun(firstInstance: number, countMax: number, bytesMax: number): Promise<LogRecord[]> {
    for (const segment of this.#holdersOf(firstInstance)) await segment.index();
    const first = this.#find(firstInstance);
    if (typeof first === 'string') {
      const failures = [...this.#holdersOf(firstInstance)].map((segment) => segment.forgetIncompleteIndex());
      throw damaged(firstInstance, this.newest, 0, failures.find(Boolean));
    }
    const { segment } = first;
    const { bytes: chunk, failure } = await this.#readChunk(first, bytesMax);
    const records: LogRecord[] = [];
    let bytes = 0;
    let found: Found | string = first;
    while (typeof found !== 'string' && found.segment === segment) {
      const { entry } = found;
      const instance = firstInstance + records.length;
      const record = decodeIn(chunk, first.entry.offset, segment, entry, instance);
      if (record === undefined) break;
      bytes += record.value.byteLength;
      if (records.length > 0 && bytes > bytesMax) break;
      records.push(record);
      if (records.length >= countMax || bytes >= bytesMax) break;
      found = this.#find(instance + 1);
    }
    if (records.length === 0) throw damaged(firstInstance, segment, first.entry.offset, failure);
    return records;
  }

  /** Enough from the record on for what is asked, and at least the whole record. */
  async #readChunk({ segment, entry }: Found, bytesMax: number): Promise<ReadAround> {
    const wanted = Math.min(Math.max(bytesMax, chunkBytesMin), chunkBytesMax);
    const chunk = await segment.read(entry.offset, Math.min(wanted, segment.end - entry.offset));
    const header = segment.decode(chunk.bytes, 0, entry.offset)?.header;
    const needed = header === undefined ? 0 : recordBytes(header.payloadBytes);
    return needed <= chunk.bytes.byteLength ? chunk : segment.read(entry.offset, needed);
  }

  /** The deciding record, from the indexes in memory. */
  #find(instance: number): Found | 'unreadable' | 'unloaded' | 'absent' {
    let best: Found | undefined;
    for (const segment of this.#holdersOf(instance)) {
      const entry = segment.find(instance);
      if (entry === 'unloaded') return entry;
      if (entry === 'unreadable' && best === undefined) return entry;
      if (entry === 'unreadable' || entry === undefined) continue;
      if (best === undefined || !decides(best.entry, entry)) best = { segment, entry };
    }
    return best ?? 'absent';
  }

  /**
   * The segments that can hold the deciding record, newest first. One that began when the instance was known to be
   * chosen, with its record before it, adds nothing; one that began below the instance is the first that can hold it.
   */
  *#holdersOf(instance: number): Generator<Segment> {
    const segments = this.#segments;
    for (let position = segments.length - 1; position >= 0; position -= 1) {
      const segment = segments[position];
      if (segment === undefined) return;
      if (segment.header.chosenTo < instance) yield segment;
      if (segment.header.newestInstance < instance) return;
    }
  }
}

function decodeIn(
  chunk: Buffer,
  chunkOffset: number,
  segment: Segment,
  entry: IndexEntry,
  instance: number,
): LogRecord | undefined {
  const position = entry.offset - chunkOffset;
  if (position < 0 || position + recordHeaderBytes > chunk.byteLength) return undefined;
  const decoded = segment.decode(chunk, position, entry.offset);
  if (decoded?.payload === undefined || decoded.header.instance !== instance) return undefined;
  return { kind: entry.kind, instance, ballot: entry.ballot, value: decoded.payload };
}

function damaged(instance: number, segment: Segment, offset: number, cause?: DiskError): LoggosError {
  return new LoggosError(
    'log-damaged',
    `instance ${instance} cannot be read from segment ${segment.number} at ${offset}`,
    { instance },
    cause,
  );
}
