import type { Disk, DiskError, DiskFile } from '../base/disk.ts';
import type { Hashes } from '../base/hashes.ts';
import {
  decodeRecordHeader,
  type RecordHeader,
  recordBytes,
  recordHeaderBytes,
  type Seal,
  type SegmentHeader,
  segmentHeaderBytes,
  segmentName,
} from './format.ts';
import { type ReadAround, readAround } from './read-around.ts';
import { type Scanned, scanSegment } from './scan.ts';
import { type BallotTable, type IndexEntry, SegmentIndex } from './segment-index.ts';

/** What every segment of one log shares. */
export interface SegmentContext {
  readonly directory: string;
  /** Reads. */
  readonly disk: Disk;
  readonly seal: Seal;
  readonly hashes: Hashes;
  readonly ballots: BallotTable;
}

/** One segment file, for reading. Whoever appends to it moves `end` and tells the index. */
export class Segment {
  readonly #context: SegmentContext;
  readonly header: SegmentHeader;
  fileBytes: number;
  /** The end of its durable records. */
  end: number;
  /** No instance of its records is higher. */
  newestInstance: number;
  /** Of its newest record, milliseconds since 1970. */
  newestTime: number;
  #index: SegmentIndex | undefined;
  #loading: Promise<SegmentIndex> | undefined;
  #indexFailure: DiskError | undefined;
  #file: Promise<DiskFile> | undefined;
  #reads = 0;
  #closed = false;

  constructor(
    context: SegmentContext,
    header: SegmentHeader,
    facts: { readonly fileBytes: number; readonly end: number; readonly newestInstance: number; newestTime: number },
    index?: SegmentIndex,
  ) {
    this.#context = context;
    this.header = header;
    this.fileBytes = facts.fileBytes;
    this.end = facts.end;
    this.newestInstance = facts.newestInstance;
    this.newestTime = facts.newestTime;
    this.#index = index;
  }

  get number(): number {
    return this.header.segment;
  }

  get path(): string {
    return `${this.#context.directory}/${segmentName(this.number)}`;
  }

  /** The index where it is in memory already. */
  get loadedIndex(): SegmentIndex | undefined {
    return this.#index;
  }

  /** The index; read from the file the first time, where boot had no need of it. */
  async index(): Promise<SegmentIndex> {
    if (this.#index !== undefined) return this.#index;
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  /** Where some of the file could not be read: why, and the next who asks for the index reads it once more. */
  forgetIncompleteIndex(): DiskError | undefined {
    const failure = this.#indexFailure;
    if (failure !== undefined) this.#index = undefined;
    this.#indexFailure = undefined;
    return failure;
  }

  /**
   * The record of an instance in this segment, once `index` has resolved: `unreadable` where one may be hidden that this
   * one does not decide over, `unloaded` where the index is not in memory.
   */
  find(instance: number): IndexEntry | 'unreadable' | 'unloaded' | undefined {
    const index = this.#index;
    if (index === undefined) return 'unloaded';
    const entry = index.get(instance);
    if (entry?.kind === 'chosen') return entry;
    for (const { above, to, offset } of index.hidden) {
      const mayHoldIt = instance > above && (to === undefined || instance <= to);
      if (mayHoldIt && (entry === undefined || entry.offset < offset)) return 'unreadable';
    }
    return entry;
  }

  /** Header and payload of the record that stands there; the payload only where its CRC is right. */
  decode(
    bytes: Buffer,
    position: number,
    offset: number,
  ): { header: RecordHeader; payload: Buffer | undefined } | undefined {
    const { seal, hashes } = this.#context;
    const header = decodeRecordHeader({ bytes, position, segment: this.number, offset }, seal, hashes);
    if (header === undefined) return undefined;
    const first = position + recordHeaderBytes;
    const payload = bytes.subarray(first, first + header.payloadBytes);
    const intact = payload.byteLength === header.payloadBytes && hashes.crc32(payload) === header.payloadCrc;
    return { header, payload: intact ? payload : undefined };
  }

  /** The payload of one record, in memory of its own; nothing where it is unreadable. */
  async readPayload(offset: number): Promise<Buffer | undefined> {
    const head = await this.read(offset, recordHeaderBytes);
    const header = this.decode(head.bytes, 0, offset)?.header;
    if (header === undefined) return undefined;
    const record = await this.read(offset, recordBytes(header.payloadBytes));
    return this.decode(record.bytes, 0, offset)?.payload;
  }

  /** What the disk cannot give is bytes that are nothing. */
  async read(offset: number, length: number): Promise<ReadAround> {
    this.#reads += 1;
    try {
      return await readAround(await this.#open(), offset, length);
    } finally {
      this.#reads -= 1;
      if (this.#closed && this.#reads === 0) await this.#closeFile();
    }
  }

  /** Closes its file when the last read is done. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#reads === 0) await this.#closeFile();
  }

  async #load(): Promise<SegmentIndex> {
    const { bytes, failure } = await this.read(0, this.fileBytes);
    const items = scanSegment(bytes, {
      segment: this.number,
      seal: this.#context.seal,
      hashes: this.#context.hashes,
      firstOffset: segmentHeaderBytes,
      knownEnd: this.end,
    });
    this.#index = indexOf(items, this.header.chosenTo, this.#context.ballots);
    this.#indexFailure = failure;
    return this.#index;
  }

  /** One file for all who read at the same time. One that could not be opened is tried again by the next who reads. */
  #open(): Promise<DiskFile> {
    if (this.#file !== undefined) return this.#file;
    const file = this.#context.disk.open(this.path, 'read');
    this.#file = file;
    file.catch(() => {
      if (this.#file === file) this.#file = undefined;
    });
    return file;
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) await (await file).close();
  }
}

/** The index of what stands in a segment that began with `chosenTo`. */
export function indexOf(items: Iterable<Scanned>, chosenTo: number, ballots: BallotTable): SegmentIndex {
  const index = new SegmentIndex(ballots);
  let lastChosenTo = chosenTo;
  let hiddenAt: number | undefined;
  const hide = (offset: number, to: number | undefined) => {
    index.hidden.push({ offset, above: lastChosenTo, to });
    hiddenAt = undefined;
  };
  for (const item of items) {
    if (item.kind === 'unreadable') {
      hiddenAt ??= item.offset;
      continue;
    }
    const { type, instance, ballot, newestInstance } = item.header;
    if (hiddenAt !== undefined) hide(hiddenAt, newestInstance);
    lastChosenTo = item.header.chosenTo;
    // A damaged payload keeps its place: an older record of the instance must not be taken for the deciding one.
    if (type === 'accepted' || type === 'chosen') index.put(instance, item.offset, { kind: type, ballot });
  }
  if (hiddenAt !== undefined) hide(hiddenAt, undefined);
  return index;
}
