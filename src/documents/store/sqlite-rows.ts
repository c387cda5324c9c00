import type { DatabaseSync } from 'node:sqlite';
import { assert } from '../../base/assert.ts';
import type { Hashes } from '../../base/hashes.ts';
import { emptyHistory, type HistoryEnd, parseHistoryEnd } from '../history/history-end.ts';
import { CommitWriter } from './commit-writer.ts';
import type { OpenTransaction } from './open-transaction.ts';
import { RecentDocuments } from './recent-documents.ts';
import { RowScrubber } from './row-scrubber.ts';
import { type CommittedRows, nearer, type RowStorage, type StoredHead } from './row-storage.ts';
import {
  type CommittedCheckpoint,
  checkFormat,
  checkpointFormat,
  createTables,
  damaged,
  digestOf,
  metaKeys,
  type RecordedDigest,
  type StoredDocument,
  sql,
} from './schema.ts';
import { databaseBytes, inPersistedTransaction, inTransaction, Statement, translated } from './sqlite.ts';
import type { SqliteDatabase } from './sqlite-file.ts';
import { VerifiedRows } from './verified-rows.ts';

/** Most of the documents that a busy second changes. */
const recentBytesMax = 16 * 1024 * 1024;

interface Opened {
  readonly database: DatabaseSync;
  readonly rows: VerifiedRows;
  readonly recent: RecentDocuments;
  readonly writer: CommitWriter;
  readonly scrubber: RowScrubber;
  readonly digests: { readonly read: Statement; readonly below: Statement; readonly above: Statement };
}

/** The rows of a checkpoint in SQLite. */
export class SqliteRows implements RowStorage {
  readonly #sqlite: SqliteDatabase;
  readonly #hashes: Hashes;
  #opened: Opened | undefined;

  constructor(sqlite: SqliteDatabase, hashes: Hashes) {
    this.#sqlite = sqlite;
    this.#hashes = hashes;
  }

  async open(first: CommittedCheckpoint): Promise<StoredHead> {
    const { path } = this.#sqlite;
    const database = await this.#sqlite.open();
    try {
      if (!hasTables(database, path)) await this.#create(database, first);
      const rows = new VerifiedRows(database, path, this.#hashes);
      checkFormat(rows.meta(metaKeys.format));
      const historyEnd = rows.meta(metaKeys.historyEnd) ?? damaged('the end of history is missing');
      const committed = rows.committed() ?? damaged('the checkpoint instance is missing');
      this.#opened = {
        database,
        rows,
        recent: new RecentDocuments(rows, recentBytesMax),
        writer: new CommitWriter(database, path, this.#hashes),
        scrubber: new RowScrubber(database, path, this.#hashes),
        digests: {
          read: new Statement(database, path, sql.readDigest),
          below: new Statement(database, path, sql.digestBelow),
          above: new Statement(database, path, sql.digestAbove),
        },
      };
      return { committed, historyEnd: parseHistoryEnd(historyEnd) };
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  get rows(): CommittedRows {
    return this.#open().recent;
  }

  /** As they are in the file. */
  get stored(): VerifiedRows {
    return this.#open().rows;
  }

  get scrubber(): RowScrubber {
    return this.#open().scrubber;
  }

  get bytes(): number {
    return databaseBytes(this.#open().database, this.#sqlite.path);
  }

  /** One read transaction: taking SQLite's locks costs as much as a read does. */
  inOneRead<Value>(action: () => Value): Value {
    const { database } = this.#open();
    translated(this.#sqlite.path, () => database.exec('begin'));
    try {
      return action();
    } finally {
      translated(this.#sqlite.path, () => database.exec('rollback'));
    }
  }

  async commit(
    before: CommittedCheckpoint,
    transaction: OpenTransaction,
    historyEnd: HistoryEnd,
  ): Promise<CommittedCheckpoint> {
    const { database, recent, writer, scrubber } = this.#open();
    const written: StoredDocument[] = [];
    const after = await this.#atomically(database, () =>
      writer.write(before, transaction, historyEnd, scrubber, (document) => written.push(document)),
    );
    recent.committed(written);
    return after;
  }

  recordDigest(committed: CommittedCheckpoint): Promise<void> {
    const { database, writer } = this.#open();
    return this.#atomically(database, () => writer.recordDigest(committed));
  }

  digestAt(instance: number): RecordedDigest | undefined {
    const columns = this.#open().digests.read.get(instance);
    return columns === undefined ? undefined : digestOf(columns, this.#hashes);
  }

  nearestDigest(instance: number): number | undefined {
    const { below, above } = this.#open().digests;
    return nearer(instance, below.number(instance), above.number(instance));
  }

  freeze(): Promise<void> {
    return this.#sqlite.freeze();
  }

  copyTo(path: string, instance: number, signal?: AbortSignal): Promise<void> {
    return this.#sqlite.copyTo(path, instance, signal);
  }

  thaw(): void {
    this.#sqlite.thaw();
  }

  async close(): Promise<void> {
    this.#opened = undefined;
    await this.#sqlite.close();
  }

  #create(database: DatabaseSync, first: CommittedCheckpoint): Promise<void> {
    return this.#atomically(database, () => {
      translated(this.#sqlite.path, () => createTables(database));
      const writer = new CommitWriter(database, this.#sqlite.path, this.#hashes);
      writer.format(checkpointFormat);
      writer.state(first, emptyHistory);
    });
  }

  /** Runs `write` in one SQLite transaction; durable when it resolves. */
  async #atomically<Value>(database: DatabaseSync, write: () => Value): Promise<Value> {
    const { path, persist } = this.#sqlite;
    return persist === undefined
      ? inTransaction(database, path, write)
      : inPersistedTransaction(database, path, write, persist);
  }

  #open(): Opened {
    assert(this.#opened !== undefined, 'rows are open while they are used');
    return this.#opened;
  }
}

function hasTables(database: DatabaseSync, path: string): boolean {
  return new Statement(database, path, 'select count(*) from sqlite_schema').number() !== 0;
}
