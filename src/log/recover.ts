import { LoggosError } from '../base/errors.ts';
import { BootFindings, type DamagePlace, type Proof } from './boot-findings.ts';
import {
  decodeSegmentHeader,
  type HiddenRange,
  type SegmentHeader,
  segmentHeaderBytes,
  segmentName,
  segmentOfName,
} from './format.ts';
import { readAround } from './read-around.ts';
import { durableEnd, type Scanned, scanSegment } from './scan.ts';
import { indexOf, Segment, type SegmentContext } from './segment.ts';

type RecordItem = Extract<Scanned, { kind: 'record' }>;

/** What the new segment starts with: what stood above the last `durableTo` of the old one. */
export type TailItem =
  | { readonly kind: 'record'; readonly item: RecordItem }
  | { readonly kind: 'mark'; readonly range: HiddenRange };

/** What the segment files say. Nothing was changed on the disk. */
export interface Recovery {
  readonly segments: Segment[];
  readonly findings: BootFindings;
  readonly tail: readonly TailItem[];
  /** The end of what stays in the last segment; what is behind it moves or is cut. */
  readonly previousEnd: number;
  /** The end of all bytes in the last segment that are not zero. */
  readonly dataEnd: number;
  readonly cutBytes: number;
  readonly firstInstance: number;
}

/** A segment's file, before it is known what stands in it. */
interface SegmentFile {
  readonly number: number;
  readonly fileBytes: number;
  /** Absent: unreadable. */
  readonly header: SegmentHeader | undefined;
}

/**
 * Reads the log as a process that may have ended anywhere left it. Segments that lie wholly at or below the checkpoint
 * are not read beyond their headers.
 * @throws LoggosError `wrong-cluster`: a segment is another log's. `directory-unusable`: written by a newer version
 */
export async function recover(context: SegmentContext, checkpointInstance: number): Promise<Recovery> {
  const files = await findSegments(context);
  const findings = new BootFindings(checkpointInstance);
  const segments: Segment[] = [];
  let last: ScannedSegment | undefined;
  for (const [position, file] of files.entries()) {
    const before = files[position - 1];
    const next = files[position + 1];
    noteWhatIsMissing(findings, before, file, checkpointInstance);
    if (file.header === undefined) findings.onUnreadable('damaged', placeOf(file.number, 0, 'unreadable header'));
    else findings.onSegment(file.header);
    if (isCovered(file, next, checkpointInstance)) {
      segments.push(coveredSegment(context, file, next));
      continue;
    }
    last = await scanInto(findings, context, file, next);
    segments.push(last.segment);
  }
  findings.end();
  return {
    segments,
    findings,
    tail: last === undefined ? [] : tailOf(last, findings),
    previousEnd: last?.segment.end ?? 0,
    dataEnd: last?.dataEnd ?? 0,
    cutBytes: last?.cutBytes ?? 0,
    firstInstance: firstHeld(files, checkpointInstance, findings),
  };
}

async function findSegments(context: SegmentContext): Promise<SegmentFile[]> {
  const { disk, directory, seal, hashes } = context;
  const files: SegmentFile[] = [];
  for (const name of await disk.list(directory)) {
    const number = segmentOfName(name);
    if (number === undefined) continue;
    const file = await disk.open(`${directory}/${name}`, 'read');
    try {
      const { bytes } = await readAround(file, 0, segmentHeaderBytes);
      const decoded = decodeSegmentHeader(bytes, number, hashes);
      if (decoded !== undefined && decoded.identity !== seal.identity) {
        throw new LoggosError('wrong-cluster', `${name} belongs to ${decoded.identity}, not to ${seal.identity}`);
      }
      files.push({ number, fileBytes: await file.size(), header: decoded?.header });
    } finally {
      await file.close();
    }
  }
  return files;
}

function noteWhatIsMissing(
  findings: BootFindings,
  before: SegmentFile | undefined,
  file: SegmentFile,
  checkpointInstance: number,
): void {
  if (before !== undefined && before.number + 1 < file.number) {
    findings.onUnreadable('damaged', placeOf(before.number + 1, 0, 'missing segment'));
  }
  const startsAfter = file.header?.newestInstance ?? 0;
  if (before === undefined && file.number > 1 && startsAfter > checkpointInstance) {
    findings.onMissingStart(startsAfter, placeOf(file.number - 1, 0, 'missing segment'));
  }
}

/** The header of the segment right after it says where this one ends and how new its records are. */
function successor(file: SegmentFile, next: SegmentFile | undefined): SegmentHeader | undefined {
  return next?.number === file.number + 1 ? next.header : undefined;
}

function isCovered(file: SegmentFile, next: SegmentFile | undefined, checkpointInstance: number): boolean {
  const after = successor(file, next);
  return file.header !== undefined && after !== undefined && after.newestInstance <= checkpointInstance;
}

function whyEndIsUnknown(file: SegmentFile, next: SegmentFile): DamagePlace {
  const isMissing = next.number > file.number + 1;
  return placeOf(file.number + 1, 0, isMissing ? 'missing segment' : 'unreadable header');
}

function coveredSegment(context: SegmentContext, file: SegmentFile, next: SegmentFile | undefined): Segment {
  const after = successor(file, next);
  return new Segment(context, file.header ?? lostHeader(file), {
    fileBytes: file.fileBytes,
    end: after?.previousEnd ?? file.fileBytes,
    newestInstance: after?.newestInstance ?? 0,
    newestTime: after?.time ?? 0,
  });
}

interface ScannedSegment {
  readonly segment: Segment;
  /** Items behind what is durable, with their order; only in the last segment. */
  readonly loose: readonly { readonly item: Scanned; readonly order: number }[];
  readonly dataEnd: number;
  readonly cutBytes: number;
}

async function scanInto(
  findings: BootFindings,
  context: SegmentContext,
  file: SegmentFile,
  next: SegmentFile | undefined,
): Promise<ScannedSegment> {
  const { seal, hashes, ballots } = context;
  const header = file.header ?? lostHeader(file, findings);
  const knownEnd = successor(file, next)?.previousEnd;
  const bytes = await readFile(context, file);
  const options = { segment: file.number, seal, hashes, firstOffset: segmentHeaderBytes, knownEnd };
  const items = [...scanSegment(bytes, options), ...(next === undefined ? lostEnd(file, header) : [])];
  const end = knownEnd ?? durableEnd(items, header.initialEnd);
  const durable = items.filter(({ offset }) => offset < end);
  const loose = items.filter(({ offset }) => offset >= end);
  for (const item of durable) tell(findings, item, file.number, 'damaged');
  const told =
    next === undefined ? loose.map((item) => ({ item, order: tell(findings, item, file.number, 'ambiguous') })) : [];
  // A later segment is there, but its header does not say where this one ends: what is behind may have been cut.
  if (next !== undefined && loose.length > 0) findings.onUnreadable('damaged', whyEndIsUnknown(file, next));
  const newestTime = items.reduce(
    (newest, item) => Math.max(newest, item.kind === 'record' ? item.header.time : 0),
    header.time,
  );
  const facts = { fileBytes: file.fileBytes, end, newestInstance: findings.newestInstance, newestTime };
  const lastItem = items.at(-1);
  return {
    segment: new Segment(context, header, facts, indexOf(durable, header.chosenTo, ballots)),
    loose: told,
    dataEnd: Math.min(file.fileBytes, Math.max(end, lastItem === undefined ? 0 : lastItem.offset + lastItem.bytes)),
    cutBytes: told.reduce((sum, { item }) => sum + (item.kind === 'unreadable' || !item.intact ? item.bytes : 0), 0),
  };
}

/** A last segment that is shorter than it was made: what stood behind its end cannot be told. */
function lostEnd(file: SegmentFile, header: SegmentHeader): Scanned[] {
  const bytes = header.fileBytes - file.fileBytes;
  return bytes > 0 ? [{ kind: 'unreadable', offset: file.fileBytes, bytes }] : [];
}

function tell(findings: BootFindings, item: Scanned, segment: number, proof: Proof): number {
  if (item.kind === 'unreadable')
    return findings.onUnreadable(proof, placeOf(segment, item.offset, 'unreadable record'));
  return findings.onRecord(item, segment, proof, placeOf(segment, item.offset, 'damaged payload'));
}

function tailOf({ loose }: ScannedSegment, findings: BootFindings): TailItem[] {
  return loose.flatMap(({ item, order }): TailItem[] => {
    if (item.kind === 'record' && item.intact) return item.header.type === 'seal' ? [] : [{ kind: 'record', item }];
    const range = findings.ambiguousRange(order);
    return range === undefined ? [] : [{ kind: 'mark', range }];
  });
}

/**
 * The oldest instance from which on the log holds all. The oldest segment holds what is newer than it found; a hole
 * that an installed checkpoint left is remembered by the segment that began after it.
 */
function firstHeld(files: readonly SegmentFile[], checkpointInstance: number, findings: BootFindings): number {
  const headers = files.flatMap(({ header }) => header ?? []);
  const oldest = headers[0];
  const newest = headers.at(-1);
  const isHole = findings.newestInLog < checkpointInstance;
  if (oldest === undefined || newest === undefined || isHole) return checkpointInstance + 1;
  return Math.max(oldest.newestInstance + 1, newest.firstInstance);
}

/** What can be said of a segment whose header is unreadable. */
function lostHeader(file: SegmentFile, findings?: BootFindings): SegmentHeader {
  return {
    segment: file.number,
    previousEnd: 0,
    initialEnd: segmentHeaderBytes,
    fileBytes: file.fileBytes,
    firstInstance: 0,
    newestInstance: findings?.newestInLog ?? 0,
    chosenTo: findings?.lastChosenTo ?? 0,
    time: 0,
  };
}

function placeOf(segment: number, offset: number, what: string): DamagePlace {
  return { segment: segmentName(segment), offset, what };
}

async function readFile({ disk, directory }: SegmentContext, { number, fileBytes }: SegmentFile): Promise<Uint8Array> {
  const file = await disk.open(`${directory}/${segmentName(number)}`, 'read');
  try {
    return (await readAround(file, 0, fileBytes)).bytes;
  } finally {
    await file.close();
  }
}
