import { assert } from '../base/assert.ts';
import type { Disk } from '../base/disk.ts';
import type { Hashes } from '../base/hashes.ts';
import { type Observer, silentObserver } from '../base/observer.ts';
import { isPlanted } from '../base/planted-bugs.ts';
import type {
  CheckpointFacts,
  CheckpointFile,
  CheckpointLock,
  CheckpointMoment,
  ExecuteResult,
  Fingerprint,
  MachineValue,
  RewoundCheckpoint,
  StateMachine,
  VerifiedCheckpoint,
} from '../statemachine/state-machine.ts';
import { DocumentCheckpoint } from './document-checkpoint.ts';
import { RecentRows } from './document-state-machine-recent-rows.ts';
import { CheckpointReplay } from './document-state-machine-replay.ts';
import type { LiveDocuments, TailView } from './live-documents.ts';
import { executeInstance } from './machine/execute.ts';
import type { DecodedWrite } from './machine/proposal.ts';
import { Tail } from './machine/tail.ts';
import type { DedupeEntry, DocumentRow, MachineState, StateView } from './machine/types.ts';
import type { CheckpointHead, CheckpointStore } from './store/checkpoint-store.ts';
import type { CommittedView } from './store/live-rows.ts';
import { base64url, databaseFile, historyDirectory } from './store/schema.ts';

export const documentMachineId = 1;

const tailBytesMaxDefault = 256 * 1024 * 1024;
const recentRowsBytesMax = 24 * 1024 * 1024;

export interface DocumentStateMachineOptions {
  /** Not opened yet. */
  readonly store: CheckpointStore;
  /** Of the same directory; not opened yet. */
  readonly liveRows: CommittedView;
  readonly directory: string;
  readonly disk: Disk;
  readonly hashes: Hashes;
  readonly observer?: Observer;
  /** What the tail may hold before writes are refused. Default: 256 MiB. */
  readonly tailBytesMax?: number;
  /** How checkpoint files are verified. Default: in the calling thread, which stands still for long meanwhile. */
  readonly verify?: VerifyFiles;
}

/** See `StateMachine.verifyCheckpointState`. */
export type VerifyFiles = (
  directory: string,
  files: readonly CheckpointFile[],
  signal?: AbortSignal,
) => Promise<VerifiedCheckpoint>;

/**
 * The documents as one replicated state machine: live state = checkpoint + tail. `execute` reads the tail, then the
 * durable checkpoint, through one view; the Replayer's calls go to the store, which executes the same function.
 */
export class DocumentStateMachine implements StateMachine, LiveDocuments {
  readonly id = documentMachineId;
  readonly #store: CheckpointStore;
  readonly #liveRows: CommittedView;
  readonly #directory: string;
  readonly #hashes: Hashes;
  readonly #observer: Observer;
  readonly #tailBytesMax: number;
  readonly #replay: CheckpointReplay;
  readonly #checkpoint: DocumentCheckpoint;
  readonly #tail = new Tail();
  readonly #recentRows = new RecentRows(recentRowsBytesMax);
  readonly #verify: VerifyFiles;
  readonly #view: StateView;
  readonly #listeners = new Set<() => void>();
  #state: MachineState;

  private constructor(options: DocumentStateMachineOptions, head: CheckpointHead) {
    this.#store = options.store;
    this.#liveRows = options.liveRows;
    this.#directory = options.directory;
    this.#hashes = options.hashes;
    this.#observer = options.observer ?? silentObserver;
    this.#tailBytesMax = options.tailBytesMax ?? tailBytesMaxDefault;
    this.#replay = new CheckpointReplay(options.store, head);
    this.#checkpoint = new DocumentCheckpoint({ disk: options.disk, hashes: options.hashes });
    this.#verify = options.verify ?? ((directory, files) => this.#checkpoint.verify(directory, files));
    this.#state = head.state;
    this.#view = {
      row: (collection, documentId) => this.row(collection, documentId),
      dedupe: (actor, key, line) => this.#dedupe(actor, key, line),
    };
  }

  /** Opens the checkpoint; the live state begins at it, and the log's tail is executed next. */
  static async open(options: DocumentStateMachineOptions): Promise<DocumentStateMachine> {
    const head = await options.store.open();
    options.liveRows.open();
    return new DocumentStateMachine(options, head);
  }

  get state(): MachineState {
    return this.#state;
  }

  get tail(): TailView {
    return this.#tail;
  }

  /** What the tail holds as a part of what it may hold: at 1 and above no write may be let in. */
  get tailPressure(): number {
    return this.#tail.bytes / this.#tailBytesMax;
  }

  /** The durable checkpoint as of the last commit. */
  get checkpointHead(): CheckpointHead {
    return this.#replay.head;
  }

  row(collection: string, documentId: string): DocumentRow | undefined {
    const known = this.#recentRows.get(collection, documentId) ?? this.#tail.row(collection, documentId);
    if (known !== undefined) return known;
    const row = this.#liveRows.row(collection, documentId);
    if (row !== undefined) this.#recentRows.set(row);
    return row;
  }

  onApplied(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @param context - for each proposal what `encodeWrite` gave beside its bytes; absent: none is known */
  execute(instance: number, value: MachineValue | undefined, context?: unknown): ExecuteResult {
    assert(instance === this.#state.instance + 1, 'instances are executed in order, without gaps');
    const decoded = context as readonly (DecodedWrite | undefined)[] | undefined;
    const effects = executeInstance(this.#state, this.#view, instance, value, this.#hashes, decoded);
    this.#tail.push(effects);
    for (const row of effects.rows) this.#recentRows.set(row);
    this.#state = effects.state;
    for (const listener of this.#listeners) listener();
    return { fingerprint: effects.state.fingerprint, outcomes: effects.outcomes };
  }

  /** An instance that is covered already resolves with an empty fingerprint. */
  executeForCheckpoint(instance: number, value: MachineValue | undefined): Promise<Fingerprint> {
    assert(instance <= this.#state.instance, 'the checkpoint never passes the live state');
    return this.#replay.execute(instance, value);
  }

  async commitCheckpoint(): Promise<void> {
    await this.#replay.commit();
  }

  checkpointCommitted(instance: number): void {
    assert(instance <= this.checkpointInstance(), 'the tail keeps what is not durable in the checkpoint');
    this.#tail.prune(instance);
  }

  checkpointInstance(): number {
    return this.#replay.head.state.instance;
  }

  checkpointFingerprint(): Fingerprint {
    return this.#replay.head.state.fingerprint;
  }

  checkpointFacts(): CheckpointFacts {
    const { state, digest } = this.#replay.head;
    return { position: state.position, time: state.time, chain: base64url(state.chain), digest: base64url(digest) };
  }

  async checkpointDigest(instance: number): Promise<Uint8Array | undefined> {
    return (await this.#store.digestAt(instance))?.digest;
  }

  async lockCheckpointState(): Promise<CheckpointLock> {
    const { instance } = await this.#replay.lock();
    this.#observer.report('debug', 'checkpoint-locked', { instance });
    return { instance };
  }

  async checkpointState(
    lock: CheckpointLock,
  ): Promise<{ readonly directory: string; readonly files: readonly CheckpointFile[] }> {
    const { instance, databaseBytes, files } = this.#replay.locked();
    assert(lock.instance === instance, 'files are asked for under the lock that is held');
    const database: CheckpointFile = {
      name: databaseFile,
      bytes: databaseBytes,
      sealed: false,
      copyTo: (path, signal) => this.#store.copyDatabase(path, signal),
    };
    const history = files.map(({ name, bytes, sealed }) => ({ name: `${historyDirectory}/${name}`, bytes, sealed }));
    return { directory: this.#directory, files: [database, ...history] };
  }

  async unlockCheckpointState(lock: CheckpointLock): Promise<void> {
    assert(lock.instance === this.#replay.locked().instance, 'the lock that is held is released');
    await this.#replay.unlock();
  }

  loadCheckpointState(directory: string, files: readonly CheckpointFile[], instance: number): Promise<void> {
    return this.#checkpoint.load(directory, files, instance);
  }

  verifyCheckpointState(
    directory: string,
    files: readonly CheckpointFile[],
    signal?: AbortSignal,
  ): Promise<VerifiedCheckpoint> {
    return this.#verify(directory, files, signal);
  }

  forkCheckpointState(directory: string, historyId: string): Promise<{ readonly fingerprint: Fingerprint }> {
    return this.#checkpoint.fork(directory, historyId);
  }

  rewindCheckpointState(directory: string, moment: CheckpointMoment): Promise<RewoundCheckpoint> {
    return this.#checkpoint.rewind(directory, moment);
  }

  /** After the Replayer has stopped and every reader of the checkpoint is closed. */
  async close(): Promise<void> {
    await this.#replay.settle();
    this.#liveRows.close();
    await this.#store.close();
  }

  #dedupe(actor: string, key: string, line: number): DedupeEntry | undefined {
    const known = this.#tail.dedupe(actor, key, line);
    if (isPlanted('dedupe-by-own-progress')) return known;
    return known ?? this.#liveRows.dedupe(actor, key, line);
  }
}
