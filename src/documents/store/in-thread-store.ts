import type { DatabaseSync } from 'node:sqlite';
import { assert } from '../../base/assert.ts';
import { type Disk, DiskError, type DiskFile } from '../../base/disk.ts';
import { LoggosError } from '../../base/errors.ts';
import type { Hashes } from '../../base/hashes.ts';
import type { MachineValue } from '../../statemachine/state-machine.ts';
import { emptyHistory, type HistoryEnd, parseHistoryEnd } from '../history/history-end.ts';
import { HistoryWriter } from '../history/history-writer.ts';
import { zeroDigest } from '../machine/digest.ts';
import { executeInstance, initialState } from '../machine/execute.ts';
import type { InstanceEffects } from '../machine/types.ts';
import { CheckpointScrubber } from './checkpoint-scrubber.ts';
import type { CheckpointHead, CheckpointStore, FrozenFiles } from './checkpoint-store.ts';
import { CommitWriter } from './commit-writer.ts';
import { copyFrozenDatabase } from './copy-database.ts';
import { InOrder } from './in-order.ts';
import { OpenTransaction } from './open-transaction.ts';
import {
  type CommittedCheckpoint,
  checkFormat,
  checkpointFormat,
  createTables,
  damaged,
  databaseFile,
  digestOf,
  historyDirectory,
  metaKeys,
  type RecordedDigest,
  sql,
} from './schema.ts';
import { lockWaitMs, openAlone, openForWriting, Statement, translated } from './sqlite.ts';
import { VerifiedRows } from './verified-rows.ts';

export interface CheckpointStoreOptions {
  /** Holds `documents.sqlite` and `history/`; made where it is absent. */
  readonly directory: string;
  /** Of the first history, where there is no checkpoint yet. */
  readonly historyId: string;
  readonly disk: Disk;
  readonly hashes: Hashes;
}

const cacheKibibytes = 8 * 1024;
/** Pages in the WAL at which a commit folds it into the main file. */
const automaticCheckpointPages = 4_000;
/** Pauses between tries to fold the WAL while readers are in the way: they read for milliseconds. */
const freezeTriesMax = 200;
const freezePauseMs = 10;
/** Sealing one file a commit keeps each commit short; files fill more slowly than commits come. */
const sealedPerCommitMax = 1;

const noFingerprint = new Uint8Array(0);

/** All that is open, from `open` to `close`. */
interface Opened {
  readonly database: DatabaseSync;
  /** Opened before SQLite was and closed after it: closing it in between would drop SQLite's locks on the file. */
  readonly descriptor: DiskFile;
  readonly rows: VerifiedRows;
  readonly writer: CommitWriter;
  readonly scrubber: CheckpointScrubber;
  readonly digestStatements: { readonly read: Statement; readonly below: Statement; readonly above: Statement };
  history: HistoryWriter;
}

/** Set from `freeze` to `thaw`. */
interface Frozen {
  readonly instance: number;
  readonly databaseBytes: number;
}

/**
 * The checkpoint store over `node:sqlite`, in the thread that calls it. A failure that passes (no room, a lock that
 * another program holds) drops the open transaction whole, and execution begins again after the last commit; any other
 * failure is for ever (A8, D7): every later call fails with it.
 */
export class InThreadCheckpointStore implements CheckpointStore {
  readonly #directory: string;
  readonly #path: string;
  readonly #historyId: string;
  readonly #disk: Disk;
  readonly #hashes: Hashes;
  readonly #inOrder = new InOrder();
  #opened: Opened | undefined;
  #committed: CommittedCheckpoint | undefined;
  #historyEnd: HistoryEnd = emptyHistory;
  #transaction: OpenTransaction | undefined;
  #frozen: Frozen | undefined;
  /** False after a transaction was abandoned: files may go on beyond the last commit. */
  #historyIsSound = true;
  #failure: unknown;

  constructor({ directory, historyId, disk, hashes }: CheckpointStoreOptions) {
    this.#directory = directory;
    this.#path = `${directory}/${databaseFile}`;
    this.#historyId = historyId;
    this.#disk = disk;
    this.#hashes = hashes;
  }

  open(): Promise<CheckpointHead> {
    return this.#inOrder.run(async () => {
      assert(this.#opened === undefined, 'a store is opened once');
      const descriptor = await this.#openDescriptor();
      this.#opened = await this.#openDatabase(descriptor);
      return this.#head(this.#opened);
    });
  }

  execute(
    items: readonly { readonly instance: number; readonly value: MachineValue | undefined }[],
  ): Promise<readonly Uint8Array[]> {
    return this.#write(async (opened) => {
      const transaction = this.#transaction ?? new OpenTransaction(this.#stated().state, opened.rows);
      this.#transaction = transaction;
      const executed = this.#inOneRead(opened.database, () => this.#executeAll(transaction, items));
      for (const { events, state } of executed) await opened.history.append(events, state.chain);
      const covered = Array.from({ length: items.length - executed.length }, () => noFingerprint);
      return [...covered, ...executed.map(({ state }) => state.fingerprint)];
    });
  }

  commit(): Promise<CheckpointHead> {
    return this.#write(async (opened) => {
      await this.#commitTransaction(opened);
      return this.#head(opened);
    });
  }

  digestAt(instance: number): Promise<RecordedDigest | undefined> {
    return this.#run(async ({ digestStatements }) => {
      const columns = digestStatements.read.get(instance);
      return columns === undefined ? undefined : digestOf(columns, this.#hashes);
    });
  }

  nearestDigest(instance: number): Promise<number | undefined> {
    return this.#run(async ({ digestStatements }) => {
      const below = firstNumber(digestStatements.below.get(instance));
      const above = firstNumber(digestStatements.above.get(instance));
      if (below === undefined || above === undefined) return below ?? above;
      return above - instance < instance - below ? above : below;
    });
  }

  markDigest(): Promise<void> {
    return this.#write(async (opened) => {
      await this.#commitTransaction(opened);
      const committed = this.#stated();
      opened.writer.atomically(() => opened.writer.recordDigest(committed));
    });
  }

  freeze(): Promise<FrozenFiles> {
    return this.#run(async (opened) => {
      assert(this.#frozen === undefined, 'a checkpoint is frozen once at a time');
      assert(this.#transaction === undefined, 'a checkpoint is frozen between transactions');
      await this.#mendHistory(opened);
      translated(this.#path, () => opened.database.exec('pragma wal_autocheckpoint = 0'));
      try {
        await this.#foldWal(opened.database);
      } catch (error) {
        this.#allowAutomaticCheckpoints(opened.database);
        throw error;
      }
      const databaseBytes = this.#databaseBytes(opened.database);
      this.#frozen = { instance: this.#stated().state.instance, databaseBytes };
      return { databaseBytes, history: opened.history.files() };
    });
  }

  copyDatabase(path: string, signal?: AbortSignal): Promise<void> {
    return this.#run(async ({ descriptor }) => {
      assert(this.#frozen !== undefined, 'a database is copied while it is frozen');
      await copyFrozenDatabase(descriptor, this.#frozen.databaseBytes, this.#disk, path, signal);
      this.#checkCopy(path, this.#frozen.instance);
    });
  }

  thaw(): Promise<void> {
    return this.#run(async ({ database }) => {
      assert(this.#frozen !== undefined, 'what is thawed was frozen');
      this.#allowAutomaticCheckpoints(database);
      this.#frozen = undefined;
    });
  }

  scrub(bytesMax: number): Promise<{ readonly bytes: number; readonly done: boolean; readonly damage?: string }> {
    return this.#run(({ scrubber }) => scrubber.step(bytesMax, this.#stated(), this.#historyEnd));
  }

  /** What was executed and not committed is dropped. Readers of the same files are closed before. */
  close(): Promise<void> {
    return this.#inOrder.run(async () => {
      const opened = this.#opened;
      this.#opened = undefined;
      this.#transaction = undefined;
      if (opened === undefined) return;
      await opened.history.close();
      translated(this.#path, () => opened.database.close());
      await opened.descriptor.close();
    });
  }

  #run<Value>(action: (opened: Opened) => Promise<Value>): Promise<Value> {
    return this.#inOrder.run(() => {
      if (this.#failure !== undefined) throw this.#failure;
      assert(this.#opened !== undefined, 'a store is open while it is used');
      return action(this.#opened);
    });
  }

  #write<Value>(action: (opened: Opened) => Promise<Value>): Promise<Value> {
    return this.#run(async (opened) => {
      try {
        await this.#mendHistory(opened);
        return await action(opened);
      } catch (error) {
        this.#abandon(opened, error);
        throw error;
      }
    });
  }

  /** Goes back to the last commit where that is safe; a failed sync or a broken invariant ends the store. */
  #abandon(opened: Opened, error: unknown): void {
    this.#transaction = undefined;
    this.#historyIsSound = false;
    opened.scrubber.restart();
    if (!isNoRoom(error) && !isBusy(error)) this.#failure = error;
  }

  /** Cuts what an abandoned transaction appended. On a disk that is still full this fails too, and is tried again. */
  async #mendHistory(opened: Opened): Promise<void> {
    if (this.#historyIsSound) return;
    await opened.history.close();
    opened.history = await this.#openHistory(this.#historyEnd);
    this.#historyIsSound = true;
  }

  async #commitTransaction(opened: Opened): Promise<void> {
    const transaction = this.#transaction;
    if (transaction === undefined) return;
    if (!transaction.isEmpty) {
      const historyEnd = await opened.history.sync();
      assert(historyEnd.position === transaction.state.position, 'history ends where the rows do');
      this.#committed = opened.writer.commit(this.#stated(), transaction, historyEnd, opened.scrubber.rows);
      this.#historyEnd = historyEnd;
    }
    this.#transaction = undefined;
    await this.#seal(opened);
  }

  /** What each instance did that was not covered before: covered ones come first. */
  #executeAll(
    transaction: OpenTransaction,
    items: readonly { readonly instance: number; readonly value: MachineValue | undefined }[],
  ): InstanceEffects[] {
    const executed: InstanceEffects[] = [];
    for (const { instance, value } of items) {
      if (instance <= transaction.state.instance) continue;
      const effects = executeInstance(transaction.state, transaction, instance, value, this.#hashes);
      transaction.take(effects);
      executed.push(effects);
    }
    return executed;
  }

  /** One read transaction for many point reads: taking SQLite's locks costs as much as a read does. */
  #inOneRead<Value>(database: DatabaseSync, action: () => Value): Value {
    translated(this.#path, () => database.exec('begin'));
    try {
      return action();
    } finally {
      translated(this.#path, () => database.exec('rollback'));
    }
  }

  /** Not while frozen: files that a snapshot names may not go. For want of room the lines stay plain for now. */
  async #seal(opened: Opened): Promise<void> {
    if (this.#frozen !== undefined) return;
    try {
      await opened.history.sealReady(this.#historyEnd, sealedPerCommitMax);
    } catch (error) {
      if (!isNoRoom(error)) throw error;
    }
  }

  async #openDescriptor(): Promise<DiskFile> {
    await this.#disk.makeDirectory(this.#directory);
    if ((await this.#disk.stat(this.#path)) !== undefined) return this.#disk.open(this.#path, 'read');
    // Made by the disk, so that it has the disk's permissions; SQLite gives its WAL the same.
    const created = await this.#disk.open(this.#path, 'create');
    await created.close();
    const descriptor = await this.#disk.open(this.#path, 'read');
    await this.#disk.syncDirectory(this.#directory);
    return descriptor;
  }

  async #openDatabase(descriptor: DiskFile): Promise<Opened> {
    const database = openForWriting(this.#path, cacheKibibytes);
    try {
      this.#allowAutomaticCheckpoints(database);
      if (!hasTables(database, this.#path)) this.#create(database);
      const rows = new VerifiedRows(database, this.#path, this.#hashes);
      checkFormat(rows.meta(metaKeys.format));
      const historyEnd = rows.meta(metaKeys.historyEnd) ?? damaged('the end of history is missing');
      this.#committed = rows.committed() ?? damaged('the checkpoint instance is missing');
      this.#historyEnd = parseHistoryEnd(historyEnd);
      if (this.#historyEnd.position !== this.#committed.state.position) damaged('history and rows end apart');
      return {
        database,
        descriptor,
        rows,
        writer: new CommitWriter(database, this.#path, this.#hashes),
        scrubber: new CheckpointScrubber({
          database,
          path: this.#path,
          directory: this.#directory,
          disk: this.#disk,
          hashes: this.#hashes,
        }),
        digestStatements: {
          read: new Statement(database, this.#path, sql.readDigest),
          below: new Statement(database, this.#path, sql.digestBelow),
          above: new Statement(database, this.#path, sql.digestAbove),
        },
        history: await this.#openHistory(this.#historyEnd),
      };
    } catch (error) {
      database.close();
      await descriptor.close();
      throw error;
    }
  }

  #create(database: DatabaseSync): void {
    translated(this.#path, () => database.exec('begin immediate'));
    translated(this.#path, () => createTables(database));
    const writer = new CommitWriter(database, this.#path, this.#hashes);
    const first = { state: initialState(this.#historyId), digest: zeroDigest, documentCount: 0 };
    writer.format(checkpointFormat);
    writer.state(first, emptyHistory);
    translated(this.#path, () => database.exec('commit'));
  }

  async #openHistory(end: HistoryEnd): Promise<HistoryWriter> {
    const directory = `${this.#directory}/${historyDirectory}`;
    const history = new HistoryWriter({ disk: this.#disk, directory, hashes: this.#hashes });
    await history.open(end);
    return history;
  }

  /** TRUNCATE answers in a row whether readers were in the way; only a row without `busy` means that all is folded. */
  async #foldWal(database: DatabaseSync): Promise<void> {
    const fold = new Statement(database, this.#path, 'pragma wal_checkpoint(truncate)');
    for (let attempt = 0; attempt < freezeTriesMax; attempt++) {
      // Without waiting inside SQLite, which would stop this thread and all that it serves.
      translated(this.#path, () => database.exec('pragma busy_timeout = 0'));
      const busy = firstNumber(fold.get());
      translated(this.#path, () => database.exec(`pragma busy_timeout = ${lockWaitMs}`));
      if (busy === 0) return;
      await new Promise((resolve) => setTimeout(resolve, freezePauseMs));
    }
    throw new LoggosError('busy', 'Readers kept the checkpoint from being frozen.');
  }

  #checkCopy(path: string, instance: number): void {
    const copy = openAlone(path, 'read');
    try {
      const stated = new VerifiedRows(copy, path, this.#hashes).committed();
      assert(stated?.state.instance === instance, 'a copy is exact at the frozen instance', { instance });
    } finally {
      copy.close();
    }
  }

  #allowAutomaticCheckpoints(database: DatabaseSync): void {
    translated(this.#path, () => database.exec(`pragma wal_autocheckpoint = ${automaticCheckpointPages}`));
  }

  #stated(): CommittedCheckpoint {
    assert(this.#committed !== undefined, 'an open store knows its last commit');
    return this.#committed;
  }

  #head({ database, history }: Opened): CheckpointHead {
    const { state, digest, documentCount } = this.#stated();
    const databaseBytes = this.#databaseBytes(database);
    return { state, digest, documentCount, databaseBytes, historyBytes: history.bytes };
  }

  #databaseBytes(database: DatabaseSync): number {
    const pages = firstNumber(new Statement(database, this.#path, 'pragma page_count').get()) ?? 0;
    const pageBytes = firstNumber(new Statement(database, this.#path, 'pragma page_size').get()) ?? 0;
    return pages * pageBytes;
  }
}

function isNoRoom(error: unknown): boolean {
  return error instanceof DiskError && error.kind === 'no-room';
}

function isBusy(error: unknown): boolean {
  return error instanceof LoggosError && error.code === 'busy';
}

function hasTables(database: DatabaseSync, path: string): boolean {
  return firstNumber(new Statement(database, path, 'select count(*) from sqlite_schema').get()) !== 0;
}

function firstNumber(columns: unknown): number | undefined {
  const [first] = Array.isArray(columns) ? (columns as unknown[]) : [];
  return typeof first === 'number' ? first : undefined;
}
