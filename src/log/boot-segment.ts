import { type Disk, DiskError, type DiskFile } from '../base/disk.ts';
import { BatchEncoder } from './batch-encoder.ts';
import { beginSegment } from './begin-segment.ts';
import {
  encodeHidden,
  encodeSegmentHeader,
  recordBytes,
  type SegmentHeader,
  segmentHeaderBytes,
  spareName,
} from './format.ts';
import type { LogBoot } from './log.ts';
import { type LogOptions, logDefaults } from './log-options.ts';
import type { Recovery, TailItem } from './recover.ts';
import { Segment, type SegmentContext } from './segment.ts';
import { SegmentIndex } from './segment-index.ts';
import { findSpare, makeSpare, type Spare } from './segment-supply.ts';

/** The segment that this process appends to. */
export interface Begun {
  readonly segment: Segment;
  /** False: it is the last of those that were found. */
  readonly isNew: boolean;
  readonly file: DiskFile;
  readonly encoder: BatchEncoder;
}

/**
 * The last segment, where it holds only what a boot began it with and a new one would say the same: whoever restarts
 * again and again without a word, as a damaged log does, must not fill the disk with beginnings. What a boot begins
 * with was synced before it got its name (A8), and nothing was ever written behind it.
 */
export async function untouchedSegment(
  options: LogOptions,
  context: SegmentContext,
  recovery: Recovery,
  boot: LogBoot,
): Promise<Begun | undefined> {
  const { disk, directory, hashes } = options;
  const { segments, findings, firstInstance, tail, cutBytes, dataEnd } = recovery;
  const segment = segments.at(-1);
  if (segment === undefined) return undefined;
  const { header, end, fileBytes } = segment;
  const isUntouched = tail.length === 0 && cutBytes === 0 && end === header.initialEnd && dataEnd === end;
  const saysTheSame =
    header.firstInstance === firstInstance &&
    header.newestInstance === findings.newestInstance &&
    header.chosenTo === chosenBefore(await segment.index(), boot);
  if (!isUntouched || !saysTheSame || fileBytes - end < logDefaults.segmentBytesMin / 2) return undefined;
  const file = await disk.open(segment.path, 'write');
  // Named, but perhaps not durably so: that process may not have got so far.
  await file.sync();
  await disk.syncDirectory(directory);
  return { segment, isNew: false, file, encoder: new BatchEncoder(context.seal, hashes, findings.newestInstance) };
}

/**
 * Makes the segment that this process appends to, with what the old one cannot be trusted with; durable, and named, when
 * it resolves.
 */
export async function beginNewSegment(
  options: LogOptions,
  context: SegmentContext,
  recovery: Recovery,
  boot: LogBoot,
): Promise<Begun> {
  const { disk, directory, hashes, clock } = options;
  const number = (recovery.segments.at(-1)?.number ?? 0) + 1;
  const tailBytes = recovery.tail.reduce((sum, item) => sum + recordBytes(payloadOf(item).byteLength), 0);
  const spare = await spareFor(options, context, recovery, number, segmentHeaderBytes + tailBytes);
  const encoder = new BatchEncoder(context.seal, hashes, recovery.findings.newestInstance);
  const index = new SegmentIndex(context.ballots);
  encoder.begin({ segment: number, offset: segmentHeaderBytes, time: clock.now() }, tailBytes);
  for (const item of recovery.tail) addToNewSegment(item, encoder, index, boot.chosenTo);
  const header: SegmentHeader = {
    segment: number,
    previousEnd: recovery.previousEnd,
    initialEnd: segmentHeaderBytes + tailBytes,
    fileBytes: spare.bytes,
    firstInstance: recovery.firstInstance,
    newestInstance: recovery.findings.newestInstance,
    chosenTo: Math.min(boot.chosenTo, firstInTail(recovery.tail) - 1),
    time: clock.now(),
  };
  const content = Buffer.concat([encodeSegmentHeader(header, context.seal, hashes), encoder.bytes]);
  const file = await beginSegment(disk, directory, spare, content);
  await giveBackZeros(disk, recovery);
  const facts = {
    fileBytes: spare.bytes,
    end: header.initialEnd,
    newestInstance: header.newestInstance,
    newestTime: recovery.segments.at(-1)?.newestTime ?? header.time,
  };
  return { segment: new Segment(context, header, facts, index), isNew: true, file, encoder };
}

/** What was known to be chosen, with its records before this segment: what the segment itself begins with is not. */
function chosenBefore({ firstInstance }: SegmentIndex, { chosenTo }: LogBoot): number {
  return firstInstance === undefined ? chosenTo : Math.min(chosenTo, firstInstance - 1);
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

/**
 * A header's `chosenTo` says that the deciding records are in segments before this one. Those of the tail are here and
 * nowhere else, chosen or not.
 */
function firstInTail(tail: readonly TailItem[]): number {
  let first = Number.POSITIVE_INFINITY;
  for (const item of tail) {
    if (item.kind === 'mark') continue;
    const { type, instance } = item.item.header;
    if (type === 'accepted' || type === 'chosen') first = Math.min(first, instance);
  }
  return first;
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
 * The spare that is there, or a new one: a small one, so that a start does not wait for a whole segment to be filled,
 * and on a full disk an even smaller one, so that what is stored can be read and cleaned.
 */
async function spareFor(
  options: LogOptions,
  context: SegmentContext,
  recovery: Recovery,
  number: number,
  bytesMin: number,
): Promise<Spare> {
  const { disk, directory } = context;
  const segmentBytes = options.segmentBytes ?? logDefaults.segmentBytes;
  await removeOtherSpares(disk, directory, number);
  const found = await findSpare(disk, directory, number, segmentBytes);
  if (found !== undefined && found.bytes >= bytesMin) return found;
  const sizes = [Math.min(segmentBytes, logDefaults.firstSegmentBytes), logDefaults.segmentBytesMin];
  for (const bytes of sizes) {
    try {
      return await makeSpare(disk, directory, number, Math.max(bytes, bytesMin));
    } catch (error) {
      if (!isNoRoom(error)) throw error;
      await shortenLast(options, recovery);
    }
  }
  return makeSpare(disk, directory, number, Math.max(logDefaults.segmentBytesMin, bytesMin));
}

function isNoRoom(error: unknown): boolean {
  return error instanceof DiskError && error.kind === 'no-room';
}

/**
 * Gives back zeros before there is a next segment to say that they were nothing. Where that one does not come to be, the
 * next start finds a file that is shorter than it was made, and doubts what stood there: a doubt is dissolved by the
 * others. A header that says it first would be written over in place, and one that is torn there is damage for good.
 */
async function shortenLast(options: LogOptions, recovery: Recovery): Promise<void> {
  // A damaged log is left as it is.
  if (recovery.findings.damage.matters.length === 0) await giveBackZeros(options.disk, recovery);
}

async function removeOtherSpares(disk: Disk, directory: string, number: number): Promise<void> {
  for (const name of await disk.list(directory)) {
    if (name.endsWith('.segment.new') && name !== spareName(number)) await disk.remove(`${directory}/${name}`);
  }
}
