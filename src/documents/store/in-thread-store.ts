import { dirname } from 'node:path';
import { assert } from '../../base/assert.ts';
import type { Disk } from '../../base/disk.ts';
import type { Hashes } from '../../base/hashes.ts';
import { isPlanted } from '../../base/planted-bugs.ts';
import type { MachineValue } from '../../statemachine/state-machine.ts';
import type { HistoryCuts } from '../history/format.ts';
import { emptyHistory, type HistoryEnd } from '../history/history-end.ts';
import { HistoryWriter } from '../history/history-writer.ts';
import { zeroDigest } from '../machine/digest.ts';
import { executeInstance, initialState } from '../machine/execute.ts';
import type { InstanceEffects } from '../machine/types.ts';
import { CheckpointScrubber } from './checkpoint-scrubber.ts';
import type { CheckpointHead, CheckpointStore, FrozenFiles } from './checkpoint-store.ts';
import { isBusy, isForGood, isNoRoom } from './failures.ts';
import { InOrder } from './in-order.ts';
import { OpenTransaction } from './open-transaction.ts';
import type { RowStorage } from './row-storage.ts';
import { type CommittedCheckpoint, damaged, historyDirectory, type RecordedDigest } from './schema.ts';
import { SqliteFile } from './sqlite-file.ts';
import { SqliteRows } from './sqlite-rows.ts';

export interface CheckpointStoreOptions {
  /** Holds the rows and `history/`; made where it is absent. */
  readonly directory: string;
  /** Of the first history, where there is no checkpoint yet. */
  readonly historyId: string;
  readonly disk: Disk;
  readonly hashes: Hashes;
  /** Default: `documents.sqlite` in the directory. */
  readonly rows?: RowStorage;
  /** Default: the format's. */
  readonly cuts?: HistoryCuts;
  /** Nothing can be written any more, for a failing disk (D7). Damage and broken invariants are only thrown. */
  readonly onFailure?: (error: unknown) => void;
}

/** Sealing one file a commit keeps each commit short; files fill more slowly than commits come. */
const sealedPerCommitMax = 1;

const noFingerprint = new Uint8Array(0);

/** All that is open, from `open` to `close`. */
interface Opened {
  readonly scrubber: CheckpointScrubber;
  history: HistoryWriter;
}

/** Set from `freeze` to `thaw`. */
interface Frozen {
  readonly instance: number;
}

/**
 * The checkpoint store in the thread that calls it: what is executed goes into history and rows, in the order of a
 * commit. A failure that passes (no room, a lock that
 * another program holds) drops the open transaction whole, and execution begins again after the last commit; any other
 * failure is for ever (A8, D7): every later call fails with it.
 */
export class InThreadCheckpointStore implements CheckpointStore {
  readonly #options: CheckpointStoreOptions;
  readonly #rows: RowStorage;
  readonly #inOrder = new InOrder();
  #opened: Opened | undefined;
  #committed: CommittedCheckpoint | undefined;
  #historyEnd: HistoryEnd = emptyHistory;
  #transaction: OpenTransaction | undefined;
  #frozen: Frozen | undefined;
  /** False after a transaction was abandoned: files may go on beyond the last commit. */
  #historyIsSound = true;
  #failure: unknown;

  constructor(options: CheckpointStoreOptions) {
    this.#options = options;
    this.#rows = options.rows ?? new SqliteRows(new SqliteFile(options), options.hashes);
  }

  open(): Promise<CheckpointHead> {
    return this.#inOrder.run(async () => {
      assert(this.#opened === undefined, 'a store is opened once');
      this.#opened = await this.#open();
      return this.#head(this.#opened);
    });
  }

  execute(
    items: readonly { readonly instance: number; readonly value: MachineValue | undefined }[],
  ): Promise<readonly Uint8Array[]> {
    return this.#write(async (opened) => {
      const transaction = this.#transaction ?? new OpenTransaction(this.#stated().state, this.#rows.rows);
      this.#transaction = transaction;
      const executed = this.#rows.inOneRead(() => this.#executeAll(transaction, items));
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
    return this.#run(async () => this.#rows.digestAt(instance));
  }

  nearestDigest(instance: number): Promise<number | undefined> {
    return this.#run(async () => this.#rows.nearestDigest(instance));
  }

  markDigest(): Promise<void> {
    return this.#write(async (opened) => {
      await this.#commitTransaction(opened);
      await this.#rows.recordDigest(this.#stated());
    });
  }

  freeze(): Promise<FrozenFiles> {
    return this.#run(async (opened) => {
      assert(this.#frozen === undefined, 'a checkpoint is frozen once at a time');
      assert(this.#transaction === undefined, 'a checkpoint is frozen between transactions');
      await this.#mendHistory(opened);
      await this.#rows.freeze();
      const databaseBytes = this.#rows.bytes;
      this.#frozen = { instance: this.#stated().state.instance };
      return { databaseBytes, history: opened.history.files() };
    });
  }

  copyDatabase(path: string, signal?: AbortSignal): Promise<void> {
    return this.#run(() => {
      assert(this.#frozen !== undefined, 'a database is copied while it is frozen');
      return this.#rows.copyTo(path, this.#frozen.instance, signal);
    });
  }

  thaw(): Promise<void> {
    return this.#run(async () => {
      assert(this.#frozen !== undefined, 'what is thawed was frozen');
      this.#rows.thaw();
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
      await this.#rows.close();
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
    if (isNoRoom(error) || isBusy(error)) return;
    this.#failure = error;
    if (isForGood(error)) this.#options.onFailure?.(error);
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
      if (isPlanted('checkpoint-instance-outside-transaction')) {
        await this.#rows.recordDigest({ ...this.#stated(), state: transaction.state });
      }
      this.#committed = await this.#rows.commit(this.#stated(), transaction, historyEnd);
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
      const effects = executeInstance(transaction.state, transaction, instance, value, this.#options.hashes);
      transaction.take(effects);
      executed.push(effects);
    }
    return executed;
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

  async #open(): Promise<Opened> {
    const { directory, historyId, disk, hashes } = this.#options;
    const first = { state: initialState(historyId), digest: zeroDigest, documentCount: 0 };
    const { committed, historyEnd } = await this.#rows.open(first);
    try {
      if (historyEnd.position !== committed.state.position) damaged('history and rows end apart');
      await this.#makeDirectories();
      const history = await this.#openHistory(historyEnd);
      this.#committed = committed;
      this.#historyEnd = historyEnd;
      return { history, scrubber: new CheckpointScrubber({ rows: this.#rows.scrubber, directory, disk, hashes }) };
    } catch (error) {
      await this.#rows.close();
      throw error;
    }
  }

  /** Both are found again after the power went (A10), also where the process that made them ended before it synced. */
  async #makeDirectories(): Promise<void> {
    const { directory, disk } = this.#options;
    await disk.makeDirectory(`${directory}/${historyDirectory}`);
    await disk.syncDirectory(directory);
    await disk.syncDirectory(dirname(directory));
  }

  async #openHistory(end: HistoryEnd): Promise<HistoryWriter> {
    const { directory, disk, hashes, cuts } = this.#options;
    const history = new HistoryWriter({
      disk,
      directory: `${directory}/${historyDirectory}`,
      hashes,
      ...(cuts === undefined ? {} : { cuts }),
    });
    await history.open(end);
    return history;
  }

  #stated(): CommittedCheckpoint {
    assert(this.#committed !== undefined, 'an open store knows its last commit');
    return this.#committed;
  }

  #head(opened: Opened): CheckpointHead {
    const { state, digest, documentCount } = this.#stated();
    return { state, digest, documentCount, databaseBytes: this.#rows.bytes, historyBytes: opened.history.bytes };
  }
}
