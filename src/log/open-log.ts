import { assert } from '../base/assert.ts';
import { DiskError } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import type { Observer } from '../base/observer.ts';
import { type Ballot, ballotZero, compareBallots } from '../paxos/ballot.ts';
import type { InHand } from './boot-findings.ts';
import { beginNewSegment, untouchedSegment } from './boot-segment.ts';
import { sealOf, segmentHeaderBytes } from './format.ts';
import type { BootInstance, Log, LogBoot } from './log.ts';
import { type LogOptions, logDefaults } from './log-options.ts';
import { PromiseFiles, readPromises } from './promise-files.ts';
import { RecentRecords } from './recent-records.ts';
import { type Recovery, recover } from './recover.ts';
import type { SegmentContext } from './segment.ts';
import { BallotTable } from './segment-index.ts';
import { SegmentLog } from './segment-log.ts';
import { SegmentSupply } from './segment-supply.ts';
import { Segments } from './segments.ts';

/**
 * Opens the log as it was left, wherever its last process ended, and says what boot may build on. Never appends to a
 * segment that was appended to before: what cannot be proved durable is copied into a new one first.
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
  const segmentBytes = options.segmentBytes ?? logDefaults.segmentBytes;
  assert(segmentBytes >= logDefaults.segmentBytesMin && segmentBytes < 2 ** 32, 'a segment has 64 KiB to 4 GiB');
  const readDisk = options.readDisk ?? disk;
  const seal = sealOf(options.identity, hashes);
  const context: SegmentContext = { directory, disk: readDisk, seal, hashes, ballots: new BallotTable() };
  await disk.makeDirectory(directory);
  await disk.syncDirectory(parentOf(directory));

  const recovery = await recover(context, checkpointInstance);
  const promise = await openPromises(options, recovery);
  const boot = await tell(recovery, promise, checkpointInstance);
  reportFindings(recovery, promise, observer);

  const untouched = await untouchedSegment(options, context, recovery, boot);
  const begun = untouched ?? (await beginNewSegment(options, context, recovery, boot));
  const segments = begun.isNew ? [...recovery.segments, begun.segment] : recovery.segments;
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
    segments: new Segments(segments, recovery.firstInstance),
    file: begun.file,
    supply,
    encoder: begun.encoder,
    recent: new RecentRecords(options.cacheBytes ?? logDefaults.cacheBytes),
    promises: promise.files,
    lastInstance: boot.lastInstance,
    chosenTo: boot.chosenTo,
    hasMarks: recovery.findings.hasMarks,
    appendBytesMax: segmentBytes - segmentHeaderBytes,
    reserveBytesMax: logDefaults.reserveBytesMax,
    sealAfterMs: options.sealAfterMs ?? logDefaults.sealAfterMs,
    clock,
    observer,
    onFailure: options.onFailure ?? (() => {}),
  });
  return { log, boot };
}

function parentOf(path: string): string {
  const end = path.lastIndexOf('/');
  if (end < 0) return '.';
  return end === 0 ? '/' : path.slice(0, end);
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
  const { findings, cutBytes, firstInstance } = recovery;
  const { chosenTo, lastInstance } = findings;
  const { to, openProof } = findings.hiddenEnd;
  const above: BootInstance[] = [];
  for (let instance = chosenTo + 1; instance <= Math.max(lastInstance, to); instance += 1) {
    const told = await tellInstance(recovery, instance);
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

async function tellInstance(recovery: Recovery, instance: number): Promise<BootInstance | undefined> {
  const { findings } = recovery;
  const doubt = findings.doubtsOf(instance);
  const inHand = findings.inHand.get(instance);
  if (inHand === undefined) return doubt && { state: 'cannot-tell', instance, proof: doubt };
  const value = await payloadOf(recovery, inHand);
  if (value === undefined) return { state: 'cannot-tell', instance, proof: 'damaged' };
  const record = { kind: inHand.kind, instance, ballot: inHand.ballot, value };
  return { state: 'accepted', record, ...(doubt && { maybeSuperseded: doubt }) };
}

/**
 * What moves to the new segment is told as it will stand there. After a sync that failed it may be in the cache alone:
 * read again it might be gone, although an older record of the instance is as good as ever.
 */
async function payloadOf({ tail, segments }: Recovery, { segment, offset }: InHand): Promise<Buffer | undefined> {
  const last = segments.at(-1)?.number;
  for (const moved of tail) {
    if (moved.kind === 'record' && segment === last && moved.item.offset === offset) return moved.item.payload;
  }
  return segments.find(({ number }) => number === segment)?.readPayload(offset);
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
