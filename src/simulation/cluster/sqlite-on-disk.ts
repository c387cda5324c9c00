import { DatabaseSync, type Session } from 'node:sqlite';
import { assert } from '../../base/assert.ts';
import type { Disk } from '../../base/disk.ts';
import type { Hashes } from '../../base/hashes.ts';
import { writeFileWhole } from '../../documents/history/file-access.ts';
import type { CommittedView } from '../../documents/store/live-rows.ts';
import type { RowPages } from '../../documents/store/row-storage.ts';
import { createTables, damaged, metaKeys } from '../../documents/store/schema.ts';
import { translated } from '../../documents/store/sqlite.ts';
import type { SqliteDatabase } from '../../documents/store/sqlite-file.ts';
import { SqliteRows } from '../../documents/store/sqlite-rows.ts';
import { CommitFile } from './commit-file.ts';

const tableNames = ['documents', 'dedupe', 'digests', 'meta'];

/**
 * SQLite in memory whose commits lie on the simulated disk: first an image of the database, then the changes of each
 * transaction, durable before SQLite commits them. After a crash the database is what was durable.
 */
export class SqliteOnDisk implements SqliteDatabase {
  readonly path: string;
  readonly #disk: Disk;
  readonly #file: CommitFile;
  #database: DatabaseSync | undefined;
  #session: Session | undefined;
  #frozen: Uint8Array | undefined;

  constructor(options: { readonly directory: string; readonly disk: Disk; readonly hashes: Hashes }) {
    this.#file = new CommitFile({ ...options, name: 'database' });
    this.path = this.#file.path;
    this.#disk = options.disk;
  }

  async open(): Promise<DatabaseSync> {
    const database = new DatabaseSync(':memory:');
    const [image, ...changes] = await this.#file.open();
    if (image !== undefined) fill(database, image);
    for (const change of changes) {
      if (!translated(this.path, () => database.applyChangeset(change))) damaged('a change does not fit');
    }
    this.#database = database;
    return database;
  }

  /** In SQLite's transaction, before it is committed. */
  readonly persist = async (): Promise<void> => {
    const database = this.#opened();
    // The session saw what this transaction changed; without one nobody did, and all of it is written.
    if (this.#session === undefined || this.#file.isLong) await this.#file.replace(database.serialize());
    else await this.#file.append(this.#session.changeset());
    this.#session?.close();
    this.#session = undefined;
    // What this transaction did is not in the new session.
    this.#session = database.createSession();
  };

  async freeze(): Promise<void> {
    this.#frozen = this.#opened().serialize();
  }

  async copyTo(path: string): Promise<void> {
    assert(this.#frozen !== undefined, 'a database is copied while it is frozen');
    await writeFileWhole(this.#disk, path, this.#frozen);
  }

  thaw(): void {
    this.#frozen = undefined;
  }

  async close(): Promise<void> {
    this.#session?.close();
    this.#session = undefined;
    this.#database?.close();
    this.#database = undefined;
    await this.#file.close();
  }

  #opened(): DatabaseSync {
    assert(this.#database !== undefined, 'a database is open while it is used');
    return this.#database;
  }
}

/**
 * Copies the rows of an image. A database that is opened on an image itself gives, while a transaction is open, an image
 * without it.
 */
function fill(database: DatabaseSync, image: Uint8Array): void {
  createTables(database);
  database.exec("attach ':memory:' as image");
  database.deserialize(image, { dbName: 'image' });
  for (const table of tableNames) database.exec(`insert into main.${table} select * from image.${table}`);
  database.exec('detach image');
}

/** The rows of a checkpoint in such a database, with the views of them that the live machine and readers have. */
export class SqliteRowsOnDisk extends SqliteRows {
  readonly live: CommittedView = {
    open() {},
    row: (collection, documentId) => this.stored.document(collection, documentId)?.row,
    dedupe: (actor, key, line) => this.stored.dedupe(actor, key, line),
    close() {},
  };
  readonly pages: RowPages = {
    open() {},
    page: (collection, afterId, countMax) => this.stored.page(collection, afterId, countMax),
    historyEnd: () => this.stored.meta(metaKeys.historyEnd) ?? damaged('the end of history is missing'),
    close() {},
  };

  constructor(options: { readonly directory: string; readonly disk: Disk; readonly hashes: Hashes }) {
    super(new SqliteOnDisk(options), options.hashes);
  }
}
