import { assert } from '../../base/assert.ts';
import type { Disk } from '../../base/disk.ts';
import type { Hashes } from '../../base/hashes.ts';
import { parseHistoryEnd } from '../history/history-end.ts';
import { HistoryReader } from '../history/history-reader.ts';
import type { DocumentRow } from '../machine/types.ts';
import type { CheckpointReader, EventFilter, HistoryLine } from './checkpoint-reader.ts';
import type { RowPages } from './row-storage.ts';
import { historyDirectory } from './schema.ts';
import { SqlitePages } from './sqlite-pages.ts';

export interface CheckpointReaderOptions {
  /** Of a checkpoint that a store has opened before. */
  readonly directory: string;
  readonly disk: Disk;
  readonly hashes: Hashes;
  /** Default: `documents.sqlite` in the directory. */
  readonly pages?: RowPages;
}

const historyCacheBytesMax = 16 * 1024 * 1024;

/** The checkpoint reader in the thread that calls it. Each call sees the newest commit of its moment. */
export class InThreadCheckpointReader implements CheckpointReader {
  readonly #pages: RowPages;
  readonly #options: CheckpointReaderOptions;
  #opened: HistoryReader | undefined;
  /** What `#opened` was advanced to. */
  #printedEnd: string | undefined;

  constructor(options: CheckpointReaderOptions) {
    this.#options = options;
    this.#pages = options.pages ?? new SqlitePages(options);
  }

  async open(): Promise<void> {
    assert(this.#opened === undefined, 'a reader is opened once');
    const { disk, directory, hashes } = this.#options;
    this.#pages.open();
    this.#opened = new HistoryReader({
      disk,
      directory: `${directory}/${historyDirectory}`,
      hashes,
      cacheBytesMax: historyCacheBytesMax,
    });
  }

  async lastPosition(): Promise<number> {
    return this.#history().end.position;
  }

  async rows(collection: string, afterId: string | undefined, countMax: number): Promise<readonly DocumentRow[]> {
    assert(this.#opened !== undefined, 'a reader is open while it is used');
    return this.#pages.page(collection, afterId, countMax);
  }

  async line(position: number): Promise<string | undefined> {
    return this.#history().line(position);
  }

  async lines(request: {
    readonly after: number;
    readonly filter?: EventFilter;
    readonly countMax: number;
    readonly bytesMax: number;
    readonly scanMax: number;
  }): Promise<{ readonly lines: readonly HistoryLine[]; readonly scannedTo: number }> {
    return this.#history().lines(request);
  }

  async walk(request: {
    readonly from: number;
    readonly revisionMax?: number;
    readonly positionMax?: number;
    readonly countMax: number;
    readonly positionAfter?: number;
  }): Promise<readonly HistoryLine[]> {
    return this.#history().walk(request);
  }

  async positionAtTime(time: number): Promise<number> {
    return this.#history().positionAtTime(time);
  }

  async chainAt(position: number): Promise<Uint8Array | undefined> {
    return this.#history().chainAt(position);
  }

  async refresh(): Promise<void> {
    this.#reading().refresh();
  }

  async close(): Promise<void> {
    if (this.#opened !== undefined) this.#pages.close();
    this.#opened = undefined;
  }

  /** History as far as the newest commit states. */
  #history(): HistoryReader {
    const history = this.#reading();
    const printed = this.#pages.historyEnd();
    if (printed !== this.#printedEnd) history.advance(parseHistoryEnd(printed));
    this.#printedEnd = printed;
    return history;
  }

  #reading(): HistoryReader {
    assert(this.#opened !== undefined, 'a reader is open while it is used');
    return this.#opened;
  }
}
