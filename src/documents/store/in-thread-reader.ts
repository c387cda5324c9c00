import type { DatabaseSync } from 'node:sqlite';
import { assert } from '../../base/assert.ts';
import type { Disk } from '../../base/disk.ts';
import type { Hashes } from '../../base/hashes.ts';
import { parseHistoryEnd } from '../history/history-end.ts';
import { HistoryReader } from '../history/history-reader.ts';
import type { DocumentRow } from '../machine/types.ts';
import type { CheckpointReader, EventFilter, HistoryLine } from './checkpoint-reader.ts';
import { damaged, databaseFile, historyDirectory, metaKeys } from './schema.ts';
import { openForReading } from './sqlite.ts';
import { VerifiedRows } from './verified-rows.ts';

export interface CheckpointReaderOptions {
  /** Of a checkpoint that a store has opened before. */
  readonly directory: string;
  readonly disk: Disk;
  readonly hashes: Hashes;
}

const cacheKibibytes = 4 * 1024;
const historyCacheBytesMax = 16 * 1024 * 1024;

interface Opened {
  readonly database: DatabaseSync;
  readonly rows: VerifiedRows;
  readonly history: HistoryReader;
}

/** The checkpoint reader in the thread that calls it. Each call sees the newest commit of its moment. */
export class InThreadCheckpointReader implements CheckpointReader {
  readonly #directory: string;
  readonly #disk: Disk;
  readonly #hashes: Hashes;
  #opened: Opened | undefined;
  /** The text that `#historyEnd` was read from: it changes with each commit and with nothing else. */
  #printedEnd: string | undefined;

  constructor({ directory, disk, hashes }: CheckpointReaderOptions) {
    this.#directory = directory;
    this.#disk = disk;
    this.#hashes = hashes;
  }

  async open(): Promise<void> {
    assert(this.#opened === undefined, 'a reader is opened once');
    const path = `${this.#directory}/${databaseFile}`;
    const database = openForReading(path, cacheKibibytes);
    this.#opened = {
      database,
      rows: new VerifiedRows(database, path, this.#hashes),
      history: new HistoryReader({
        disk: this.#disk,
        directory: `${this.#directory}/${historyDirectory}`,
        hashes: this.#hashes,
        cacheBytesMax: historyCacheBytesMax,
      }),
    };
  }

  async lastPosition(): Promise<number> {
    return this.#history().end.position;
  }

  async rows(collection: string, afterId: string | undefined, countMax: number): Promise<readonly DocumentRow[]> {
    return this.#reading().rows.page(collection, afterId, countMax);
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
    this.#reading().history.refresh();
  }

  async close(): Promise<void> {
    this.#opened?.database.close();
    this.#opened = undefined;
  }

  /** History as far as the newest commit states. */
  #history(): HistoryReader {
    const { rows, history } = this.#reading();
    const printed = rows.meta(metaKeys.historyEnd) ?? damaged('the end of history is missing');
    if (printed !== this.#printedEnd) history.advance(parseHistoryEnd(printed));
    this.#printedEnd = printed;
    return history;
  }

  #reading(): Opened {
    assert(this.#opened !== undefined, 'a reader is open while it is used');
    return this.#opened;
  }
}
