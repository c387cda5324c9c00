import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { type Disk, DiskError, type DiskFile } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import type { Hashes } from '../base/hashes.ts';
import type { Observer } from '../base/observer.ts';
import { type Ballot, ballotZero, compareBallots } from '../paxos/ballot.ts';
import { BatchEncoder } from './batch-encoder.ts';
import { beginSegment } from './begin-segment.ts';
import type { BootFindings } from './boot-findings.ts';
import {
  encodeHidden,
  encodeSegmentHeader,
  recordBytes,
  type SegmentHeader,
  sealOf,
  segmentHeaderBytes,
  spareName,
} from './format.ts';
import type { BootInstance, Log, LogBoot } from './log.ts';
import { PromiseFiles, readPromises } from './promise-files.ts';
import { RecentRecords } from './recent-records.ts';
import { type Recovery, recover, type TailItem } from './recover.ts';
import { Segment, type SegmentContext } from './segment.ts';
import { BallotTable, SegmentIndex } from './segment-index.ts';
import { SegmentLog } from './segment-log.ts';
import { findSpare, makeSpare, SegmentSupply, type Spare } from './segment-supply.ts';
import { Segments } from './segments.ts';

export interface LogOptions {
  /** What the log is written by: best a thread of its own. */
  readonly disk: Disk;
  /** What it is read, zero-filled ahead and dropped by. Absent: `disk`. */
  readonly readDisk?: Disk;
  /** Made where it is absent; its parent must be there and durable. */
  readonly directory: string;
  /** Whose log it is (cluster, incarnation, database): 1 to 256 bytes, the same for the life of the directory. */
  readonly identity: string;
  /** The last instance that the durable checkpoint covers; 0: none. */
  readonly checkpointInstance: number;
  readonly hashes: Hashes;
  readonly clock: Clock;
  readonly observer: Observer;
  /** Bytes of a segment: more makes fewer and larger steps of cleaning. Default 64 MiB, at least 64 KiB. */
  readonly segmentBytes?: number;
  /** Bytes of the newest values kept in memory. Default 16 MiB. */
  readonly cacheBytes?: number;
  /** Room that the log leaves to others on the disk. Default: a segment. */
  readonly keepFreeBytes?: number;
  /** Default 10. */
  readonly sealAfterMs?: number;
  /** Told once when a write or a sync has failed: the process must end (A8). */
  readonly onFailure?: (error: Error) => void;
}

const defaults = {
  segmentBytes: 64 * 1024 * 1024,
  segmentBytesMin: 64 * 1024,
  cacheBytes: 16 * 1024 * 1024,
  reserveBytesMax: 4 * 1024 * 1024,
  sealAfterMs: 10,
};

/**
 * Opens the log as it was left, wherever its last process ended, and says what boot may build on. Never appends to an
 * old segment: what cannot be proved durable is copied into a new one first.
 * @throws LoggosError `no-room`: not even a small segment can be made. `wrong-cluster`: the directory holds another log.
 * `directory-unusable`: not permitted, or written by a newer version
 */
export async function openLog(options: LogOptions): Promise<{ log: Log; boot: LogBoot }> {
  try {
    return await open(options);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    if (error.kind === 'no-room') throw new LoggosError('no-room', 'the disk has no room for the log', {}, error);
    if (error.kind !== 'not-permitted') throw error;
    throw new LoggosError('directory-unusable', `${options.directory} cannot be used`, {}, error);
  }
}

async function open(options: LogOptions): Promise<{ log: Log; boot: LogBoot }> {
  const { disk, directory, hashes, checkpointInstance, clock, observer } = options;
  const segmentBytes = options.segmentBytes ?? defaults.segmentBytes;
  assert(segmentBytes >= defaults.segmentBytesMin && segmentBytes < 2 ** 32, 'a segment has 64 KiB to 4 GiB');
  const readDisk = options.readDisk ?? disk;
  const seal = sealOf(options.identity, hashes);
  const context: SegmentContext = { directory, disk: readDisk, seal, hashes, ballots: new BallotTable() };
  await disk.makeDirectory(directory);

  const recovery = await recover(context, checkpointInstance);
  const promise = await openPromises(options, recovery);
  const boot = await tell(recovery, promise, checkpointInstance);
  reportFindings(recovery, promise, observer);

  const begun = await beginNewSegment(options, segmentBytes, context, recovery, boot);
  const supply = new SegmentSupply({
    disk: readDisk,
    directory,
    segmentBytes,
    keepFreeBytes: options.keepFreeBytes ?? segmentBytes,
    clock,
    observer,
  });
  supply.prepare(begun.segment.number + 1);
  const log = new SegmentLog({
    disk,
    context,
    segments: new Segments([...recovery.segments, begun.segment], recovery.firstInstance),
    file: begun.file,
    supply,
    encoder: begun.encoder,
    recent: new RecentRecords(options.cacheBytes ?? defaults.cacheBytes),
    promises: promise.files,
    lastInstance: boot.lastInstance,
    chosenTo: boot.chosenTo,
    hasMarks: recovery.findings.hasMarks,
    appendBytesMax: segmentBytes - segmentHeaderBytes,
    reserveBytes: Math.min(defaults.reserveBytesMax, Math.floor(segmentBytes / 8)),
    sealAfterMs: options.sealAfterMs ?? defaults.sealAfterMs,
    clock,
    observer,
    onFailure: options.onFailure ?? (() => {}),
  });
  return { log, boot };
}

interface OpenedPromises {
  readonly promised: Ballot;
  /** Absent: lost. */
  readonly files: PromiseFiles | undefined;
  readonly repairedCount: number;
}

/**
 * A directory without a segment never answered anything: there promises are made, and durable before the first segment
 * is. Else both copies unreadable means that they are lost. A promise is never below what was accepted (A3).
 */
async function openPromises(options: LogOptions, { segments, findings }: Recovery): Promise<OpenedPromises> {
  const { disk, directory, hashes } = options;
  const seal = sealOf(options.identity, hashes);
  const found = await readPromises(disk, directory, seal, hashes);
  const isLost = found.promised === undefined && segments.length > 0;
  const read = found.promised ?? ballotZero;
  const promised = compareBallots(findings.highestAccepted, read) > 0 ? findings.highestAccepted : read;
  if (isLost) return { promised, files: undefined, repairedCount: 0 };
  const files = await PromiseFiles.open(disk, directory, found, promised, seal, hashes);
  const repairedCount = found.copies.filter(({ ballot }) => ballot === undefined && segments.length > 0).length;
  return { promised, files, repairedCount };
}

async function tell(recovery: Recovery, promise: OpenedPromises, checkpointInstance: number): Promise<LogBoot> {
  const { findings, segments, cutBytes, firstInstance } = recovery;
  const { chosenTo, lastInstance } = findings;
  const { to, openProof } = findings.hiddenEnd;
  const above: BootInstance[] = [];
  for (let instance = chosenTo + 1; instance <= Math.max(lastInstance, to); instance += 1) {
    const told = await tellInstance(findings, segments, instance);
    if (told !== undefined) above.push(told);
  }
  assert(chosenTo >= checkpointInstance, 'the log proves no less than the checkpoint');
  return {
    promised: promise.promised,
    promiseLost: promise.files === undefined,
    firstInstance,
    lastInstance,
    chosenTo,
    above,
    ...(openProof && { cannotTellAbove: Math.max(lastInstance, to), cannotTellAboveProof: openProof }),
    damaged: findings.damage.matters.map(({ instance, place }) => ({ instance, ...place })),
    cutBytes,
  };
}

async function tellInstance(
  findings: BootFindings,
  segments: readonly Segment[],
  instance: number,
): Promise<BootInstance | undefined> {
  const doubt = findings.doubtsOf(instance);
  const inHand = findings.inHand.get(instance);
  if (inHand === undefined) return doubt && { state: 'cannot-tell', instance, proof: doubt };
  const segment = segments.find(({ number }) => number === inHand.segment);
  const value = await segment?.readPayload(inHand.offset);
  if (value === undefined) return { state: 'cannot-tell', instance, proof: 'damaged' };
  const record = { kind: inHand.kind, instance, ballot: inHand.ballot, value };
  return { state: 'accepted', record, ...(doubt && { maybeSuperseded: doubt }) };
}

function reportFindings({ findings, cutBytes }: Recovery, promise: OpenedPromises, observer: Observer): void {
  for (const place of findings.damage.ignored) observer.report('warn', 'log-damaged-below-checkpoint', { ...place });
  for (const { place, instance } of findings.damage.matters) {
    observer.report('error', 'log-damaged', { ...place, instance });
  }
  if (cutBytes > 0) observer.report('warn', 'log-tail-cut', { cutBytes });
  if (promise.files === undefined) observer.report('error', 'log-promise-lost', {});
  if (promise.repairedCount > 0) observer.report('warn', 'log-promise-repaired', { copies: promise.repairedCount });
}

interface Begun {
  readonly segment: Segment;
  readonly file: DiskFile;
  readonly encoder: BatchEncoder;
}

/** The segment that this process appends to, with what the old one cannot be trusted with. */
async function beginNewSegment(
  options: LogOptions,
  segmentBytes: number,
  context: SegmentContext,
  recovery: Recovery,
  boot: LogBoot,
): Promise<Begun> {
  const { disk, directory, hashes, clock } = options;
  const number = (recovery.segments.at(-1)?.number ?? 0) + 1;
  const tailBytes = recovery.tail.reduce((sum, item) => sum + recordBytes(payloadOf(item).byteLength), 0);
  await giveBackZeros(disk, recovery);
  const spare = await spareFor(context.disk, directory, number, segmentBytes, segmentHeaderBytes + tailBytes);
  const encoder = new BatchEncoder(context.seal, hashes, recovery.findings.newestInstance);
  const index = new SegmentIndex(context.ballots);
  encoder.begin({ segment: number, offset: segmentHeaderBytes, time: clock.now() }, tailBytes);
  for (const item of recovery.tail) addToNewSegment(item, encoder, index, boot.chosenTo);
  const header: SegmentHeader = {
    segment: number,
    previousEnd: recovery.previousEnd,
    initialEnd: segmentHeaderBytes + tailBytes,
    firstInstance: recovery.firstInstance,
    newestInstance: recovery.findings.newestInstance,
    chosenTo: boot.chosenTo,
    time: clock.now(),
  };
  const content = Buffer.concat([encodeSegmentHeader(header, context.seal, hashes), encoder.bytes]);
  const file = await beginSegment(disk, directory, spare, content);
  const facts = {
    fileBytes: spare.bytes,
    end: header.initialEnd,
    newestInstance: header.newestInstance,
    newestTime: recovery.segments.at(-1)?.newestTime ?? header.time,
  };
  return { segment: new Segment(context, header, facts, index), file, encoder };
}

function addToNewSegment(item: TailItem, encoder: BatchEncoder, index: SegmentIndex, chosenTo: number): void {
  if (item.kind === 'mark') {
    encoder.addMark('hidden', encodeHidden(item.range), chosenTo);
    return;
  }
  const { type, instance, ballot } = item.item.header;
  const value = item.item.payload;
  if (type === 'accepted' || type === 'chosen') {
    index.put(instance, encoder.add({ kind: type, instance, ballot, value }, chosenTo), { kind: type, ballot });
  } else {
    encoder.addMark(type, value, chosenTo);
  }
}

function payloadOf(item: TailItem): Uint8Array {
  return item.kind === 'mark' ? encodeHidden(item.range) : item.item.payload;
}

/** The last segment's zeros are room that nobody needs any more: it is never appended to again. */
async function giveBackZeros(disk: Disk, { segments, dataEnd }: Recovery): Promise<void> {
  const last = segments.at(-1);
  if (last === undefined || last.fileBytes <= dataEnd) return;
  const file = await disk.open(last.path, 'write');
  try {
    await file.truncate(dataEnd);
    last.fileBytes = dataEnd;
  } finally {
    await file.close();
  }
}

/**
 * The spare that is there, or a new one; on a disk that is nearly full a smaller one, so that what is stored can be
 * read and cleaned.
 */
async function spareFor(
  disk: Disk,
  directory: string,
  number: number,
  bytes: number,
  bytesMin: number,
): Promise<Spare> {
  await removeOtherSpares(disk, directory, number);
  const found = await findSpare(disk, directory, number, bytes);
  if (found !== undefined && found.bytes >= bytesMin) return found;
  for (
    let tried = Math.max(bytes, bytesMin);
    ;
    tried = Math.max(Math.floor(tried / 8), defaults.segmentBytesMin, bytesMin)
  ) {
    try {
      return await makeSpare(disk, directory, number, tried);
    } catch (error) {
      const isLastTry = tried <= Math.max(defaults.segmentBytesMin, bytesMin);
      if (isLastTry || !(error instanceof DiskError) || error.kind !== 'no-room') throw error;
    }
  }
}

async function removeOtherSpares(disk: Disk, directory: string, number: number): Promise<void> {
  for (const name of await disk.list(directory)) {
    if (name.endsWith('.segment.new') && name !== spareName(number)) await disk.remove(`${directory}/${name}`);
  }
}
