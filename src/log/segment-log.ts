import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import type { Disk, DiskFile } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import type { Observer } from '../base/observer.ts';
import { type Ballot, ballotZero, compareBallots } from '../paxos/ballot.ts';
import { type BatchEncoder, bytesOf } from './batch-encoder.ts';
import { beginSegment, writeWhole } from './begin-segment.ts';
import {
  encodeSegmentHeader,
  recordBytes,
  recordHeaderBytes,
  type SegmentHeader,
  segmentHeaderBytes,
} from './format.ts';
import type { Log, LogRecord } from './log.ts';
import type { PromiseFiles } from './promise-files.ts';
import { PromiseQueue, promiseLost } from './promise-queue.ts';
import type { RecentRecords } from './recent-records.ts';
import { Segment, type SegmentContext } from './segment.ts';
import { SegmentIndex } from './segment-index.ts';
import type { SegmentSupply } from './segment-supply.ts';
import type { Segments } from './segments.ts';

/** What `openLog` puts together. */
export interface SegmentLogParts {
  /** Writes; one call at a time. */
  readonly disk: Disk;
  readonly context: SegmentContext;
  readonly segments: Segments;
  /** The newest segment, open for writing. */
  readonly file: DiskFile;
  readonly supply: SegmentSupply;
  readonly encoder: BatchEncoder;
  readonly recent: RecentRecords;
  /** Absent: both copies are lost, and nothing may be promised or accepted (A7). */
  readonly promises: PromiseFiles | undefined;
  readonly lastInstance: number;
  readonly chosenTo: number;
  readonly hasMarks: boolean;
  /** What one call may append: what fits an empty segment. */
  readonly appendBytesMax: number;
  readonly reserveBytesMax: number;
  readonly sealAfterMs: number;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly onFailure: (error: Error) => void;
}

/** A call that waits for its write. */
interface Waiting {
  readonly records: readonly LogRecord[];
  readonly mark: 'seal' | 'settled' | undefined;
  readonly bytes: number;
  /** As it was when the call was made, so that the deciding records up to it stand before these. */
  readonly chosenTo: number;
  readonly done: PromiseWithResolvers<void>;
}

/** One write takes no more than this, unless a single call is larger. */
const batchBytesMax = 4 * 1024 * 1024;

/** The log on a disk. Calls that wait while a write is in flight go together into the next one: one write, one sync. */
export class SegmentLog implements Log {
  readonly #parts: SegmentLogParts;
  readonly #segments: Segments;
  #file: DiskFile;
  #lastInstance: number;
  #chosenTo: number;
  #hasMarks: boolean;
  #waiting: Waiting[] = [];
  #inFlight: readonly Waiting[] = [];
  #flushing: Promise<void> | undefined;
  readonly #promises: PromiseQueue;
  #dropping: Promise<void> = Promise.resolve();
  #cancelSeal: (() => void) | undefined;
  #lastWriteMs = 0;
  /** The newest record is a seal, and nothing became known to be chosen since. */
  #isSealed = true;
  /** Told since the last write: who appends tries again, and one line says it all. */
  #isFullTold = false;
  #failure: Error | undefined;
  #isClosing = false;

  constructor(parts: SegmentLogParts) {
    this.#parts = parts;
    this.#segments = parts.segments;
    this.#file = parts.file;
    this.#lastInstance = parts.lastInstance;
    this.#chosenTo = parts.chosenTo;
    this.#hasMarks = parts.hasMarks;
    this.#promises = new PromiseQueue(parts.promises, (error) => this.#fail(error));
  }

  get firstInstance(): number {
    return this.#segments.firstInstance;
  }

  get lastInstance(): number {
    return this.#lastInstance;
  }

  get segmentCount(): number {
    return this.#segments.count;
  }

  get bytes(): number {
    return this.#segments.fileBytes + (this.#parts.supply.spare?.bytes ?? 0);
  }

  get roomBytes(): number {
    const spareBytes = Math.max(0, this.#parts.supply.bytes - segmentHeaderBytes);
    const reserveBytes = Math.min(this.#parts.reserveBytesMax, this.#segments.newest.fileBytes / 8);
    return Math.max(0, this.#restBytes + spareBytes - Math.floor(reserveBytes));
  }

  get valueBytesMax(): number {
    return this.#parts.appendBytesMax - recordBytes(0);
  }

  async append(records: readonly LogRecord[]): Promise<void> {
    const { appendBytesMax } = this.#parts;
    if (records.length === 1 || bytesOf(records) <= appendBytesMax) return this.#enqueue(records, undefined);
    await Promise.all([...partsOf(records, appendBytesMax)].map((part) => this.#enqueue(part, undefined)));
  }

  chosenTo(instance: number): void {
    if (instance <= this.#chosenTo) return;
    this.#chosenTo = instance;
    this.#isSealed = false;
    this.#armSeal();
  }

  async promise(ballot: Ballot): Promise<void> {
    this.#assertUsable();
    const { asked } = this.#promises;
    assert(compareBallots(ballot, asked) >= 0, 'a promise never goes back', { ballot, asked });
    const before = [...this.#inFlight, ...this.#waiting].map(({ done }) => done.promise);
    await this.#promises.reach(ballot);
    // What was appended before a promise is on disk before it is answered (A1).
    await Promise.allSettled(before);
    this.#assertUsable();
  }

  async settleAmbiguous(): Promise<void> {
    if (!this.#hasMarks) return;
    await this.#enqueue([], 'settled');
    this.#hasMarks = false;
  }

  async read(firstInstance: number, countMax: number, bytesMax: number): Promise<readonly LogRecord[]> {
    this.#assertUsable();
    this.#segments.assertHeld(firstInstance);
    const records: LogRecord[] = [];
    let bytes = 0;
    let instance = firstInstance;
    while (instance <= this.#lastInstance && records.length < countMax && (bytes < bytesMax || records.length === 0)) {
      const recent = this.#parts.recent.get(instance);
      const run = recent === undefined ? await this.#readRun(instance, countMax, bytesMax, records, bytes) : [recent];
      const runBytes = run.reduce((sum, { value }) => sum + value.byteLength, 0);
      if (run.length === 0 || (records.length > 0 && bytes + runBytes > bytesMax)) break;
      records.push(...run);
      bytes += runBytes;
      instance += run.length;
    }
    return records;
  }

  bytesFrom(instance: number): number {
    return this.#segments.bytesFrom(instance);
  }

  timeOf(instance: number): number | undefined {
    return instance > this.#lastInstance ? undefined : this.#segments.timeOf(instance);
  }

  async dropBelow(instance: number): Promise<number> {
    this.#assertUsable();
    assert(instance <= this.#chosenTo + 1, 'log is dropped only where it is chosen', {
      instance,
      chosenTo: this.#chosenTo,
    });
    const { context, supply } = this.#parts;
    const dropping = this.#dropping.then(async () => {
      const { count } = this.#segments;
      await this.#segments.dropBelow(instance, context.disk, context.directory);
      if (this.#segments.count < count) supply.retry();
    });
    this.#dropping = dropping.catch(() => undefined);
    await dropping;
    return this.#segments.firstInstance;
  }

  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#cancelSeal?.();
    await this.#flushing;
    if (this.#failure === undefined && !this.#isSealed) {
      this.#pushSeal();
      await this.#flushing;
    }
    await this.#parts.supply.stop();
    await this.#dropping;
    if (this.#failure !== undefined) return;
    await this.#segments.close();
    await this.#file.close();
    await this.#promises.close();
  }

  get #restBytes(): number {
    const { fileBytes, end } = this.#segments.newest;
    return fileBytes - end;
  }

  #assertUsable(): void {
    if (this.#failure !== undefined) throw stopped(this.#failure);
  }

  #enqueue(records: readonly LogRecord[], mark: Waiting['mark']): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(stopped(this.#failure));
    if (this.#isClosing) return Promise.reject(new LoggosError('stopped', 'the log is closed'));
    if (this.#promises.isLost && records.some(({ kind }) => kind === 'accepted')) {
      return Promise.reject(promiseLost());
    }
    const bytes = mark === undefined ? bytesOf(records) : recordHeaderBytes;
    assert(bytes <= this.#parts.appendBytesMax, 'a record fits a segment', { bytes });
    const waiting: Waiting = { records, mark, bytes, chosenTo: this.#chosenTo, done: Promise.withResolvers<void>() };
    this.#waiting.push(waiting);
    this.#startFlushing();
    return waiting.done.promise;
  }

  #startFlushing(): void {
    this.#flushing ??= this.#flushAll();
  }

  /** Writes until nobody waits. One write is in flight; what comes meanwhile is the next one's. */
  async #flushAll(): Promise<void> {
    await undefined; // Calls of the same turn go together.
    try {
      while (this.#waiting.length > 0) {
        const batch = await this.#takeBatch();
        if (batch.length === 0) continue;
        this.#inFlight = batch;
        await this.#promiseWhatIsAccepted(batch);
        await this.#write(batch);
        this.#inFlight = [];
        for (const { done } of batch) done.resolve();
      }
    } catch (error) {
      this.#fail(error);
    }
    // In the turn in which nobody waited, so that nobody who comes now is left waiting.
    this.#flushing = undefined;
    this.#armSeal();
  }

  /** What fits into this segment, or into the next one where the first call that waits does not. */
  async #takeBatch(): Promise<Waiting[]> {
    const first = this.#waiting[0];
    if (first !== undefined && first.bytes > this.#restBytes) {
      if (first.mark === 'seal') {
        // Nothing is lost without it: the end of a segment is known from the next one's header.
        this.#waiting.shift();
        first.done.resolve();
        return [];
      }
      if (!(await this.#roll(first.bytes))) return this.#refuseWhatDoesNotFit();
    }
    let bytes = 0;
    const firstLeft = this.#waiting.findIndex((waiting, position) => {
      bytes += waiting.bytes;
      return position > 0 && (bytes > this.#restBytes || bytes > batchBytesMax);
    });
    const count = firstLeft === -1 ? this.#waiting.length : firstLeft;
    const batch = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return batch;
  }

  #refuseWhatDoesNotFit(): [] {
    const tooLarge = this.#waiting.filter(({ bytes }) => bytes > this.#restBytes);
    this.#waiting = this.#waiting.filter(({ bytes }) => bytes <= this.#restBytes);
    this.#tellFull(tooLarge);
    for (const { mark, done } of tooLarge) {
      if (mark === 'seal') done.resolve();
      else done.reject(new LoggosError('no-room', 'the disk has no room for the log'));
    }
    return [];
  }

  #tellFull(refused: readonly Waiting[]): void {
    const bytes = refused.reduce((sum, { mark, bytes }) => (mark === 'seal' ? sum : sum + bytes), 0);
    if (this.#isFullTold || bytes === 0) return;
    this.#isFullTold = true;
    const why = 'the disk has no room for the log: what is to be written waits, or is refused, until there is';
    this.#parts.observer.report('error', 'log-is-full', { why, bytes, restBytes: this.#restBytes });
  }

  /** Goes on in the next segment. Answers false where none can be had now. */
  async #roll(bytes: number): Promise<boolean> {
    const { disk, context, supply, encoder, clock, observer } = this.#parts;
    const spare = await supply.ready();
    if (spare === undefined || spare.bytes - segmentHeaderBytes < bytes) return false;
    const old = this.#segments.newest;
    const header: SegmentHeader = {
      segment: spare.segment,
      previousEnd: old.end,
      initialEnd: segmentHeaderBytes,
      fileBytes: spare.bytes,
      firstInstance: this.firstInstance,
      newestInstance: encoder.newestInstance,
      chosenTo: this.#waiting[0]?.chosenTo ?? this.#chosenTo,
      time: clock.now(),
    };
    const content = encodeSegmentHeader(header, context.seal, context.hashes);
    const file = await beginSegment(disk, context.directory, spare, content);
    await this.#file.close();
    this.#file = file;
    const facts = {
      fileBytes: spare.bytes,
      end: segmentHeaderBytes,
      newestInstance: header.newestInstance,
      newestTime: header.time,
    };
    // Together, so that `roomBytes` never misses the segment.
    supply.take();
    this.#segments.add(new Segment(context, header, facts, new SegmentIndex(context.ballots)));
    observer.count('log_segments_begun_total');
    supply.prepare(spare.segment + 1);
    return true;
  }

  /** An accept above the promise writes the promise files first. */
  async #promiseWhatIsAccepted(batch: readonly Waiting[]): Promise<void> {
    let highest: Ballot = ballotZero;
    for (const { records } of batch) {
      for (const { kind, ballot } of records) {
        if (kind === 'accepted' && compareBallots(ballot, highest) > 0) highest = ballot;
      }
    }
    if (highest !== ballotZero) await this.#promises.reach(highest);
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    const { encoder, clock, observer } = this.#parts;
    const segment = this.#segments.newest;
    const time = clock.now();
    encoder.begin(
      { segment: segment.number, offset: segment.end, time },
      batch.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    const offsets: number[] = [];
    for (const { records, mark, chosenTo } of batch) {
      for (const record of records) offsets.push(encoder.add(record, chosenTo));
      if (mark !== undefined) encoder.addMark(mark, noBytes, chosenTo);
    }
    const { bytes } = encoder;
    if (bytes.byteLength === 0) return;
    const startedMs = clock.monotonic();
    await writeWhole(this.#file, segment.path, segment.end, bytes);
    this.#lastWriteMs = clock.monotonic();
    observer.measure('log_write_seconds', (this.#lastWriteMs - startedMs) / 1000);
    observer.measure('log_write_bytes', bytes.byteLength);
    segment.end += bytes.byteLength;
    segment.newestTime = time;
    if (this.#isFullTold) observer.report('info', 'log-is-written-again', {});
    this.#isFullTold = false;
    this.#isSealed = batch.length === 1 && batch[0]?.mark === 'seal' && batch[0].chosenTo === this.#chosenTo;
    await this.#remember(batch, segment, offsets);
  }

  /** What was written can be read from now on. */
  async #remember(batch: readonly Waiting[], segment: Segment, offsets: readonly number[]): Promise<void> {
    const index = await segment.index();
    let position = 0;
    for (const { records } of batch) {
      for (const record of records) {
        index.put(record.instance, offsets[position] ?? 0, record);
        this.#parts.recent.put(record);
        this.#lastInstance = Math.max(this.#lastInstance, record.instance);
        position += 1;
      }
    }
    segment.newestInstance = Math.max(segment.newestInstance, this.#lastInstance);
  }

  #readRun(
    instance: number,
    countMax: number,
    bytesMax: number,
    records: readonly LogRecord[],
    bytes: number,
  ): Promise<LogRecord[]> {
    const run = this.#segments.readRun(instance, countMax - records.length, bytesMax - bytes);
    // Only the first is worth a failure; the rest is asked for again from there.
    return records.length === 0 ? run : run.catch(() => []);
  }

  /** After 10 ms without a write the log says that all is synced, so that only the last moments are ever ambiguous. */
  #armSeal(): void {
    if (this.#isSealed || this.#cancelSeal !== undefined || this.#isClosing || this.#failure !== undefined) return;
    const { clock, sealAfterMs } = this.#parts;
    const dueMs = this.#lastWriteMs + sealAfterMs - clock.monotonic();
    this.#cancelSeal = clock.after(Math.max(1, Math.min(dueMs, sealAfterMs)), () => {
      this.#cancelSeal = undefined;
      const isIdle = clock.monotonic() - this.#lastWriteMs >= sealAfterMs;
      if (this.#flushing !== undefined) return; // Armed again when it is done.
      if (isIdle) this.#pushSeal();
      else this.#armSeal();
    });
  }

  #pushSeal(): void {
    const done = Promise.withResolvers<void>();
    done.promise.catch(() => undefined);
    this.#isSealed = true;
    this.#waiting.push({ records: [], mark: 'seal', bytes: recordHeaderBytes, chosenTo: this.#chosenTo, done });
    this.#startFlushing();
  }

  /**
   * The end: nothing is tried again. After a failed sync the next one may succeed although the pages are gone (A8), and
   * after a failed write nobody knows what stands there.
   */
  #fail(cause: unknown): void {
    if (this.#failure !== undefined) return;
    const error = cause instanceof Error ? cause : new Error(String(cause));
    this.#failure = error;
    this.#cancelSeal?.();
    const waiting = [...this.#inFlight, ...this.#waiting];
    this.#waiting = [];
    this.#inFlight = [];
    this.#parts.observer.report('error', 'log-failed', { error: error.message, segment: this.#segments.newest.path });
    for (const { done } of waiting) done.reject(stopped(error));
    void this.#parts.supply.stop();
    this.#parts.onFailure(error);
  }
}

const noBytes = new Uint8Array(0);

/** Consecutive records that fit a segment together. */
function* partsOf(records: readonly LogRecord[], bytesMax: number): Generator<readonly LogRecord[]> {
  let first = 0;
  let bytes = 0;
  for (let index = 0; index < records.length; index += 1) {
    const one = bytesOf(records.slice(index, index + 1));
    if (index > first && bytes + one > bytesMax) {
      yield records.slice(first, index);
      first = index;
      bytes = 0;
    }
    bytes += one;
  }
  yield records.slice(first);
}

function stopped(cause: Error): LoggosError {
  if (cause instanceof LoggosError) return cause;
  return new LoggosError('stopped', `the log has failed: ${cause.message}`, {}, cause);
}
