import type { DatabaseSync } from 'node:sqlite';
import { assert } from '../../base/assert.ts';
import type { Disk, DiskFile } from '../../base/disk.ts';
import { LoggosError } from '../../base/errors.ts';
import type { Hashes } from '../../base/hashes.ts';
import { copyFrozenDatabase } from './copy-database.ts';
import { databaseFile } from './schema.ts';
import { databaseBytes, lockWaitMs, openAlone, openForWriting, Statement, translated } from './sqlite.ts';
import { VerifiedRows } from './verified-rows.ts';

/** The database under the rows of a checkpoint, and how it becomes durable and is copied. */
export interface SqliteDatabase {
  /** For errors. */
  readonly path: string;
  /** @returns the one connection that writes */
  open(): Promise<DatabaseSync>;
  /** Where a commit of SQLite is not durable by itself: called in the transaction, before it is committed. */
  readonly persist?: () => Promise<void>;
  freeze(): Promise<void>;
  copyTo(path: string, instance: number, signal?: AbortSignal): Promise<void>;
  thaw(): void;
  close(): Promise<void>;
}

const cacheKibibytes = 8 * 1024;
/** Pages in the WAL at which a commit folds it into the main file. */
const automaticCheckpointPages = 4_000;
/** Pauses between tries to fold the WAL while readers are in the way: they read for milliseconds. */
const freezeTriesMax = 200;
const freezePauseMs = 10;

interface Opened {
  readonly database: DatabaseSync;
  /** Opened before SQLite was and closed after it: closing it in between would drop SQLite's locks on the file. */
  readonly descriptor: DiskFile;
}

/** `documents.sqlite` in the file system: WAL, each commit synced. Frozen, its WAL is folded into the one file. */
export class SqliteFile implements SqliteDatabase {
  readonly path: string;
  readonly #directory: string;
  readonly #disk: Disk;
  readonly #hashes: Hashes;
  #opened: Opened | undefined;
  /** Length of the main file while it is frozen: what is written meanwhile waits in the WAL. */
  #frozenBytes: number | undefined;

  constructor({
    directory,
    disk,
    hashes,
  }: {
    readonly directory: string;
    readonly disk: Disk;
    readonly hashes: Hashes;
  }) {
    this.path = `${directory}/${databaseFile}`;
    this.#directory = directory;
    this.#disk = disk;
    this.#hashes = hashes;
  }

  async open(): Promise<DatabaseSync> {
    const descriptor = await this.#openDescriptor();
    try {
      const database = openForWriting(this.path, cacheKibibytes);
      this.#opened = { database, descriptor };
      this.#allowAutomaticCheckpoints(database);
      return database;
    } catch (error) {
      if (this.#opened === undefined) await descriptor.close();
      await this.close();
      throw error;
    }
  }

  async freeze(): Promise<void> {
    const { database } = this.#open();
    translated(this.path, () => database.exec('pragma wal_autocheckpoint = 0'));
    try {
      await this.#foldWal(database);
      this.#frozenBytes = databaseBytes(database, this.path);
    } catch (error) {
      this.#allowAutomaticCheckpoints(database);
      throw error;
    }
  }

  async copyTo(path: string, instance: number, signal?: AbortSignal): Promise<void> {
    assert(this.#frozenBytes !== undefined, 'a database is copied while it is frozen');
    await copyFrozenDatabase(this.#open().descriptor, this.#frozenBytes, this.#disk, path, signal);
    const copy = openAlone(path, 'read');
    try {
      const stated = new VerifiedRows(copy, path, this.#hashes).committed();
      assert(stated?.state.instance === instance, 'a copy is exact at the frozen instance', { instance });
    } finally {
      copy.close();
    }
  }

  thaw(): void {
    this.#frozenBytes = undefined;
    this.#allowAutomaticCheckpoints(this.#open().database);
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened === undefined) return;
    translated(this.path, () => opened.database.close());
    await opened.descriptor.close();
  }

  async #openDescriptor(): Promise<DiskFile> {
    await this.#disk.makeDirectory(this.#directory);
    if ((await this.#disk.stat(this.path)) !== undefined) return this.#disk.open(this.path, 'read');
    // Made by the disk, so that it has the disk's permissions; SQLite gives its WAL the same.
    const created = await this.#disk.open(this.path, 'create');
    await created.close();
    const descriptor = await this.#disk.open(this.path, 'read');
    await this.#disk.syncDirectory(this.#directory);
    return descriptor;
  }

  /** TRUNCATE answers in a row whether readers were in the way; only a row without `busy` means that all is folded. */
  async #foldWal(database: DatabaseSync): Promise<void> {
    const fold = new Statement(database, this.path, 'pragma wal_checkpoint(truncate)');
    for (let attempt = 0; attempt < freezeTriesMax; attempt++) {
      // Without waiting inside SQLite, which would stop this thread and all that it serves.
      translated(this.path, () => database.exec('pragma busy_timeout = 0'));
      const busy = fold.number();
      translated(this.path, () => database.exec(`pragma busy_timeout = ${lockWaitMs}`));
      if (busy === 0) return;
      await new Promise((resolve) => setTimeout(resolve, freezePauseMs));
    }
    throw new LoggosError('busy', 'Readers kept the checkpoint from being frozen.');
  }

  #allowAutomaticCheckpoints(database: DatabaseSync): void {
    translated(this.path, () => database.exec(`pragma wal_autocheckpoint = ${automaticCheckpointPages}`));
  }

  #open(): Opened {
    assert(this.#opened !== undefined, 'a database is open while it is used');
    return this.#opened;
  }
}
