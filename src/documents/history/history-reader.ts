import { LRUCache } from 'lru-cache';
import { assert } from '../../base/assert.ts';
import type { Disk } from '../../base/disk.ts';
import type { Hashes } from '../../base/hashes.ts';
import { nextHop } from '../machine/back.ts';
import type { EventFilter, HistoryLine } from '../store/checkpoint-reader.ts';
import { ChainWalk, chainStart } from './chain-walk.ts';
import { damagedFile } from './damage.ts';
import { isEmptyFilter, matcherOf } from './event-filter.ts';
import type { HistoryEnd } from './history-end.ts';
import { lastIndexWhere } from './history-files.ts';
import { type Frame, HistoryFrames } from './history-frames.ts';
import { factsOf, type LineFacts, positionOf } from './line-facts.ts';

const CACHE_BYTES_MAX = 32 * 1024 * 1024;
/** Of a walk's answer; it may then have fewer lines than were asked for, but never none where there is one. */
export const WALK_BYTES_MAX = 16 * 1024 * 1024;
const KNOWN_CHAINS_MAX = 1_024;

/** A request for lines of the total order; as `CheckpointReader.lines`. */
export interface LinesRequest {
  readonly after: number;
  readonly filter?: EventFilter;
  readonly countMax: number;
  readonly bytesMax: number;
  readonly scanMax: number;
}

/** A request to follow one document's `back` pointers; as `CheckpointReader.walk`. */
export interface WalkRequest {
  readonly from: number;
  readonly revisionMax?: number;
  readonly positionMax?: number;
  readonly countMax: number;
  readonly positionAfter?: number;
}

/** Takes a line whose place in the chain was verified. */
export type LineListener = (line: string, facts: LineFacts) => void;

/** A frame that `HistoryReader.check` found whole. */
export interface CheckedFrame {
  readonly lastPosition: number;
  /** Milliseconds since 1970. */
  readonly lastTime: number;
  /** c after `lastPosition`: 32 bytes. */
  readonly chain: Uint8Array;
  /** Of its lines. */
  readonly bytes: number;
}

/**
 * The reading side of history: nothing beyond the committed end that the caller gave last is ever answered, nor
 * anything that does not match its checksum (LoggosError `checkpoint-damaged`). Calls may overlap each other, and the
 * writer may append and seal meanwhile.
 */
export class HistoryReader {
  readonly #frames: HistoryFrames;
  readonly #hashes: Hashes;
  /** c before frames of plain lines, by their first position. Made when it is needed: a new one is not cheap. */
  #knownChains: LRUCache<number, Uint8Array> | undefined;

  constructor(options: {
    readonly disk: Disk;
    readonly directory: string;
    readonly hashes: Hashes;
    /** Of lines kept in memory. */
    readonly cacheBytesMax?: number;
  }) {
    this.#frames = new HistoryFrames(options.disk, options.directory, options.cacheBytesMax ?? CACHE_BYTES_MAX);
    this.#hashes = options.hashes;
  }

  /** How far is read from now on: what the newest commit states. */
  advance(end: HistoryEnd): void {
    if (end.position < this.#frames.end.position) this.refresh();
    this.#frames.advance(end);
  }

  get end(): HistoryEnd {
    return this.#frames.end;
  }

  /** Forgets what it knows of the files: others lie there now. */
  refresh(): void {
    this.#frames.forget();
    this.#knownChains = undefined;
  }

  /** The line at a position; undefined above the committed end and below 1. */
  async line(position: number): Promise<string | undefined> {
    if (!this.#isCommitted(position)) return undefined;
    return lineIn(await this.#frames.frameAt(position), position);
  }

  /** @see CheckpointReader.lines */
  async lines(request: LinesRequest): Promise<{ readonly lines: readonly HistoryLine[]; readonly scannedTo: number }> {
    const { filter, countMax, bytesMax, scanMax } = request;
    const lastPosition = this.end.position;
    const passes = filter === undefined || isEmptyFilter(filter) ? undefined : matcherOf(filter);
    const after = Math.max(request.after, await this.#beforeTime(filter?.since));
    const until = filter?.until === undefined ? lastPosition : await this.#beforeTime(filter.until);
    const last = Math.min(lastPosition, until, after + scanMax);
    const lines: HistoryLine[] = [];
    let bytes = 0;
    let scannedTo = after;
    while (scannedTo < last && lines.length < countMax) {
      const frame = await this.#frames.frameAt(scannedTo + 1);
      const frameLast = Math.min(last, lastPositionOf(frame));
      while (scannedTo < frameLast && lines.length < countMax) {
        const line = lineIn(frame, scannedTo + 1);
        if (passes === undefined || passes(line)) {
          bytes += Buffer.byteLength(line);
          if (bytes > bytesMax && lines.length > 0) return { lines, scannedTo };
          lines.push({ position: scannedTo + 1, line });
        }
        scannedTo++;
      }
    }
    // Nothing that is later than `until` can pass: all of it counts as looked at.
    const isPastUntil = scannedTo >= until && lines.length < countMax;
    return {
      lines,
      scannedTo: Math.max(request.after, isPastUntil ? lastPosition : Math.min(scannedTo, lastPosition)),
    };
  }

  /** @see CheckpointReader.walk */
  async walk(request: WalkRequest): Promise<readonly HistoryLine[]> {
    const { countMax, positionAfter = 0 } = request;
    const lines: HistoryLine[] = [];
    let bytes = 0;
    let hop: number | undefined = request.from;
    while (hop !== undefined && hop > positionAfter && this.#isCommitted(hop) && lines.length < countMax) {
      const { line, facts } = await this.#event(hop);
      if (isAbove(facts, request)) {
        hop = nextHop(facts.back, facts.revision, request)?.position;
        continue;
      }
      bytes += Buffer.byteLength(line);
      if (bytes > WALK_BYTES_MAX && lines.length > 0) return lines;
      lines.push({ position: hop, line });
      hop = facts.back[0];
    }
    return lines;
  }

  /** The last committed position whose time is not later; 0: none. */
  async positionAtTime(time: number): Promise<number> {
    if (this.end.position === 0) return 0;
    const lastPosition = this.end.position;
    const frame = await this.#frames.frameAtTime(time);
    if (frame === undefined) return 0;
    const index = lastIndexWhere(
      frame.lines.length,
      (at) => this.#factsIn(frame, frame.firstPosition + at).time <= time,
    );
    return Math.min(frame.firstPosition + index, lastPosition);
  }

  /** c after a position (32 bytes), recomputed from the nearest one that is stated; undefined above the committed end. */
  async chainAt(position: number): Promise<Uint8Array | undefined> {
    if (position === 0) return chainStart;
    if (!this.#isCommitted(position)) return undefined;
    const frames = [await this.#frames.frameAt(position)];
    let first = frames[0] as Frame;
    let chain = this.#chainBefore(first);
    while (chain === undefined) {
      first = await this.#frames.frameAt(first.firstPosition - 1);
      frames.push(first);
      chain = this.#chainBefore(first);
    }
    for (const frame of frames.reverse()) {
      this.#knownChains ??= new LRUCache({ max: KNOWN_CHAINS_MAX });
      this.#knownChains.set(frame.firstPosition, chain);
      chain = this.#walkChain(frame, chain, Math.min(position, lastPositionOf(frame))).chain;
    }
    return chain;
  }

  /**
   * Reads the frame that holds a position from the disk, cached or not, and recomputes the chain over it.
   * @param chain - c before `position`, where the caller knows it from the frame before
   * @param onLine - called with each line from `position` on, once it is verified
   * @throws LoggosError `checkpoint-damaged`
   */
  async check(position: number, chain?: Uint8Array, onLine?: LineListener): Promise<CheckedFrame> {
    const frame = await this.#frames.frameAt(position, true);
    const { firstPosition, fileName } = frame;
    const known = position === firstPosition ? chain : undefined;
    const before = known ?? this.#chainBefore(frame) ?? (await this.chainAt(firstPosition - 1));
    assert(before !== undefined, 'a committed frame follows another or is the first');
    if (frame.chainBefore !== undefined && !isEqual(frame.chainBefore, before)) {
      throw damagedFile(fileName, 'its index states another chain', firstPosition);
    }
    const lastPosition = Math.min(lastPositionOf(frame), this.end.position);
    const listener = onLine === undefined ? undefined : fromPosition(position, onLine);
    const walk = this.#walkChain(frame, before, lastPosition, listener);
    if (frame.chainAfter !== undefined && lastPosition === lastPositionOf(frame)) {
      if (!isEqual(frame.chainAfter, walk.chain))
        throw damagedFile(fileName, 'its index states another chain', lastPosition);
    }
    return { lastPosition, lastTime: walk.time, chain: walk.chain, bytes: frame.plainBytes };
  }

  #isCommitted(position: number): boolean {
    return position >= 1 && position <= this.end.position;
  }

  /** The last position before a time; 0: there is none. */
  async #beforeTime(time: number | undefined): Promise<number> {
    return time === undefined ? 0 : this.positionAtTime(time - 1);
  }

  async #event(position: number): Promise<{ readonly line: string; readonly facts: LineFacts }> {
    const frame = await this.#frames.frameAt(position);
    return { line: lineIn(frame, position), facts: this.#factsIn(frame, position) };
  }

  #factsIn(frame: Frame, position: number): LineFacts {
    const facts = factsOf(lineIn(frame, position));
    if (facts === undefined) throw damagedFile(frame.fileName, 'a line is not an event', position);
    return facts;
  }

  #chainBefore(frame: Frame): Uint8Array | undefined {
    if (frame.firstPosition === 1) return chainStart;
    return frame.chainBefore ?? this.#knownChains?.get(frame.firstPosition);
  }

  #walkChain(frame: Frame, chainBefore: Uint8Array, lastPosition: number, onLine?: LineListener): ChainWalk {
    const walk = new ChainWalk(this.#hashes, frame.firstPosition - 1, chainBefore);
    for (let position = frame.firstPosition; position <= lastPosition; position++) {
      const line = lineIn(frame, position);
      const facts = walk.next(line);
      if (facts === undefined) throw damagedFile(frame.fileName, 'a line does not continue the chain', position);
      onLine?.(line, facts);
    }
    return walk;
  }
}

function lineIn(frame: Frame, position: number): string {
  const line = frame.lines[position - frame.firstPosition];
  if (line === undefined || positionOf(line) !== position) {
    throw damagedFile(frame.fileName, 'another line stands there', position);
  }
  return line;
}

function fromPosition(position: number, onLine: LineListener): LineListener {
  return (line, facts) => {
    if (facts.position >= position) onLine(line, facts);
  };
}

function lastPositionOf(frame: Frame): number {
  return frame.firstPosition + frame.lines.length - 1;
}

function isAbove(facts: LineFacts, { revisionMax, positionMax }: WalkRequest): boolean {
  return facts.revision > (revisionMax ?? Infinity) || facts.position > (positionMax ?? Infinity);
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
