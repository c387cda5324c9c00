import type { Disk } from '../base/disk.ts';
import type { Hashes } from '../base/hashes.ts';
import type { Ballot } from '../paxos/ballot.ts';
import {
  decodeSegmentHeader,
  type RecordType,
  type SegmentHeader,
  sealOf,
  segmentHeaderBytes,
  segmentName,
  segmentOfName,
} from './format.ts';
import { readPromises } from './promise-files.ts';
import { readAround } from './read-around.ts';
import { durableEnd, scanSegment } from './scan.ts';

/** One thing that stands in a log directory, in order. */
export type LogEntry =
  | {
      readonly kind: 'segment';
      readonly segment: string;
      readonly state: 'ok' | 'damaged' | 'missing';
      readonly fileBytes: number;
      /** Whose log it is and how it began; absent where that is unreadable. */
      readonly identity?: string;
      readonly header?: SegmentHeader;
    }
  | {
      readonly kind: 'record';
      readonly segment: string;
      readonly offset: number;
      readonly bytes: number;
      /** `damaged`: it was synced for sure. `ambiguous`: it may never have been. */
      readonly state: 'ok' | 'damaged' | 'ambiguous';
      /** Absent where not even the header can be read. */
      readonly type?: RecordType;
      readonly instance?: number;
      readonly ballot?: Ballot;
      readonly payloadBytes?: number;
      readonly durableTo?: number;
      readonly chosenTo?: number;
      /** Milliseconds since 1970. */
      readonly time?: number;
    }
  | {
      readonly kind: 'promise';
      readonly file: string;
      readonly state: 'ok' | 'damaged' | 'missing';
      readonly ballot?: Ballot;
    }
  | LogVerdict;

/** The last entry. */
export interface LogVerdict {
  readonly kind: 'verdict';
  /** `ambiguous`: only at the end, where a power cut leaves it. `empty`: no log there. */
  readonly state: 'ok' | 'ambiguous' | 'damaged' | 'empty';
  readonly segmentCount: number;
  readonly recordCount: number;
  readonly damagedCount: number;
  readonly ambiguousCount: number;
  /** Lowest and highest instance of readable records; 0: none. */
  readonly lowestInstance: number;
  readonly highestInstance: number;
  /** The highest `chosenTo` of readable records. */
  readonly chosenTo: number;
}

interface File {
  readonly number: number;
  readonly bytes: Buffer;
  readonly decoded: ReturnType<typeof decodeSegmentHeader>;
}

/**
 * Everything in a log directory, then a verdict. Reads only; meant for a log that nobody has open, and of one that is
 * written meanwhile the end may look ambiguous.
 * @throws LoggosError `directory-unusable`: written by a newer version. DiskError where a file cannot be read
 */
export async function* inspectLog(disk: Disk, directory: string, hashes: Hashes): AsyncGenerator<LogEntry> {
  const verdict = new Verdict();
  const numbers = (await disk.list(directory)).flatMap((name) => segmentOfName(name) ?? []);
  let identity: string | undefined;
  let next: File | undefined;
  for (const [position, number] of numbers.entries()) {
    const file = next ?? (await readSegment(disk, directory, number, hashes));
    const nextNumber = numbers[position + 1];
    next = nextNumber === undefined ? undefined : await readSegment(disk, directory, nextNumber, hashes);
    identity = file.decoded?.identity ?? identity ?? next?.decoded?.identity;
    for (const entry of inspectSegment(file, next, identity, hashes)) yield verdict.note(entry);
  }
  if (identity !== undefined) {
    for await (const entry of inspectPromises(disk, directory, identity, hashes)) yield verdict.note(entry);
  }
  yield verdict.give();
}

function* inspectSegment(
  file: File,
  next: File | undefined,
  identity: string | undefined,
  hashes: Hashes,
): Generator<LogEntry> {
  const segment = segmentName(file.number);
  const fileBytes = file.bytes.byteLength;
  const state = file.decoded === undefined ? 'damaged' : 'ok';
  yield { kind: 'segment', segment, state, fileBytes, ...file.decoded };
  if (identity !== undefined) yield* inspectRecords(file, next, identity, hashes);
  for (let missing = file.number + 1; next !== undefined && missing < next.number; missing += 1) {
    yield { kind: 'segment', segment: segmentName(missing), state: 'missing', fileBytes: 0 };
  }
}

function* inspectRecords(file: File, next: File | undefined, identity: string, hashes: Hashes): Generator<LogEntry> {
  const segment = segmentName(file.number);
  const isFollowed = next?.number === file.number + 1;
  const items = [
    ...scanSegment(file.bytes, {
      segment: file.number,
      seal: sealOf(identity, hashes),
      hashes,
      firstOffset: segmentHeaderBytes,
      knownEnd: isFollowed ? next.decoded?.header.previousEnd : undefined,
    }),
  ];
  const end = next === undefined ? durableEnd(items, file.decoded?.header.initialEnd ?? 0) : Number.MAX_SAFE_INTEGER;
  for (const item of items) {
    const { offset, bytes } = item;
    const fault = offset < end ? 'damaged' : 'ambiguous';
    if (item.kind === 'unreadable') {
      yield { kind: 'record', segment, offset, bytes, state: fault };
      continue;
    }
    const { type, instance, ballot, payloadBytes, durableTo, chosenTo, time } = item.header;
    const state = item.intact ? 'ok' : fault;
    yield {
      kind: 'record',
      segment,
      offset,
      bytes,
      state,
      type,
      instance,
      ballot,
      payloadBytes,
      durableTo,
      chosenTo,
      time,
    };
  }
  const lostBytes = (file.decoded?.header.fileBytes ?? 0) - file.bytes.byteLength;
  if (next === undefined && lostBytes > 0) {
    yield { kind: 'record', segment, offset: file.bytes.byteLength, bytes: lostBytes, state: 'ambiguous' };
  }
}

async function* inspectPromises(
  disk: Disk,
  directory: string,
  identity: string,
  hashes: Hashes,
): AsyncGenerator<LogEntry> {
  const { copies } = await readPromises(disk, directory, sealOf(identity, hashes), hashes);
  for (const { path, ballot, isThere } of copies) {
    const file = path.slice(directory.length + 1);
    if (ballot !== undefined) yield { kind: 'promise', file, state: 'ok', ballot };
    else yield { kind: 'promise', file, state: isThere ? 'damaged' : 'missing' };
  }
}

/** Counts what passes by. */
class Verdict {
  #segmentCount = 0;
  #recordCount = 0;
  #damagedCount = 0;
  #ambiguousCount = 0;
  #lowestInstance = 0;
  #highestInstance = 0;
  #chosenTo = 0;

  note(entry: LogEntry): LogEntry {
    if (entry.kind === 'verdict') return entry;
    if (entry.state === 'damaged' || entry.state === 'missing') this.#damagedCount += 1;
    if (entry.state === 'ambiguous') this.#ambiguousCount += 1;
    if (entry.kind === 'segment' && entry.state !== 'missing') this.#segmentCount += 1;
    if (entry.kind === 'record' && entry.state === 'ok') this.#noteRecord(entry.instance ?? 0, entry.chosenTo ?? 0);
    return entry;
  }

  give(): LogVerdict {
    return {
      kind: 'verdict',
      state: this.#state(),
      segmentCount: this.#segmentCount,
      recordCount: this.#recordCount,
      damagedCount: this.#damagedCount,
      ambiguousCount: this.#ambiguousCount,
      lowestInstance: this.#lowestInstance,
      highestInstance: this.#highestInstance,
      chosenTo: this.#chosenTo,
    };
  }

  #noteRecord(instance: number, chosenTo: number): void {
    this.#recordCount += 1;
    this.#chosenTo = Math.max(this.#chosenTo, chosenTo);
    if (instance === 0) return;
    this.#lowestInstance = this.#lowestInstance === 0 ? instance : Math.min(this.#lowestInstance, instance);
    this.#highestInstance = Math.max(this.#highestInstance, instance);
  }

  #state(): LogVerdict['state'] {
    if (this.#damagedCount > 0) return 'damaged';
    if (this.#ambiguousCount > 0) return 'ambiguous';
    return this.#segmentCount === 0 ? 'empty' : 'ok';
  }
}

async function readSegment(disk: Disk, directory: string, number: number, hashes: Hashes): Promise<File> {
  const path = `${directory}/${segmentName(number)}`;
  const file = await disk.open(path, 'read');
  try {
    const { bytes } = await readAround(file, 0, await file.size());
    return { number, bytes, decoded: decodeSegmentHeader(bytes, number, hashes) };
  } finally {
    await file.close();
  }
}
