import type { Clock } from '../base/clock.ts';
import { type Disk, DiskError } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import type { Observer } from '../base/observer.ts';
import { isPlanted } from '../base/planted-bugs.ts';
import type { Random } from '../base/random.ts';
import type { StateMachine } from '../statemachine/state-machine.ts';
import type { AppliedLog } from './applied-log.ts';
import {
  type CheckpointConfiguration,
  checkConfiguration,
  readConfiguration,
  writeConfiguration,
} from './checkpoint-configuration.ts';
import { Cleaner, type LogHold } from './cleaner.ts';
import type { CurrentCheckpoint } from './current.ts';
import { Replayer, type ReplayerStatus } from './replayer.ts';
import { SelfSealer } from './self-sealer.ts';
import { fileLocks, type ReaderLocks } from './snapshot-locks.ts';
import { type SnapshotKind, SnapshotSealer } from './snapshot-sealer.ts';
import { type SnapshotInfo, Snapshots, type SnapshotTar } from './snapshots.ts';

export interface CheckpointManagerOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  /** `databases/<database>` */
  readonly databaseDirectory: string;
  readonly database: string;
  /** What `openCurrent` answered; the machines are opened in its directory. */
  readonly current: CurrentCheckpoint;
  readonly machines: readonly StateMachine[];
  readonly log: AppliedLog;
  /** For `log` in the status. */
  logSize(): { readonly segments: number; readonly bytes: number };
  /** Whether the group has this one voter. */
  isAlone(): boolean;
  /** Default: proper-lockfile's. */
  readonly locks?: ReaderLocks;
  /** The two executions differ: this replica must stop serving and keep its files. */
  readonly onBroken?: (error: Error) => void;
  /** The checkpoint is damaged: the Replayer met it, or the snapshot that a group of one made of itself did not verify. */
  readonly onRot?: (error: unknown) => void;
  /** The log is damaged where the checkpoint goes on (`Replica.logRotted`). */
  readonly onLogRot?: (error: LoggosError) => void;
  /** See `SelfSealer`. */
  readonly selfSealBytesMin?: number;
  /** See `SelfSealer`. */
  copiedBytes?(): number;
}

/** As `GET /v1/checkpoint` shows it. */
export interface CheckpointStatus {
  readonly minChosenInstance: number;
  readonly checkpointInstance: number;
  readonly maxChosenInstance: number;
  readonly appliedInstance: number;
  readonly holdCount: number;
  readonly holdBytes: number;
  readonly holdSeconds: number;
  readonly log: { readonly segments: number; readonly bytes: number };
  readonly replayer: ReplayerStatus;
  readonly cleaner: { readonly state: 'running' | 'paused' };
  readonly transfers: readonly [];
  /** base64url, of the durable checkpoint. */
  readonly digest: string;
}

export interface CheckpointChange {
  readonly holdCount?: number;
  readonly holdBytes?: number;
  readonly holdSeconds?: number;
  readonly replayer?: { readonly state: 'running' | 'paused' };
  readonly cleaner?: { readonly state: 'running' | 'paused' };
}

/** Everything about the checkpoint of one group: Replayer, Cleaner, snapshots, and what an operator sets of them. */
export class CheckpointManager {
  readonly replayer: Replayer;
  readonly cleaner: Cleaner;
  readonly #options: CheckpointManagerOptions;
  readonly #snapshots: Snapshots;
  readonly #sealer: SnapshotSealer;
  readonly #selfSealer: SelfSealer;
  readonly #stopping = new AbortController();
  #configuration: CheckpointConfiguration;
  #configuring: Promise<unknown> = Promise.resolve();

  private constructor(options: CheckpointManagerOptions, configuration: CheckpointConfiguration, snapshots: Snapshots) {
    const { disk, clock, random, observer, machines, log, current, database, onBroken, onRot, onLogRot } = options;
    this.#options = options;
    this.#configuration = configuration;
    this.#snapshots = snapshots;
    this.replayer = new Replayer({
      machines,
      log,
      group: current.group,
      clock,
      observer,
      onCheckpoint: () => this.#onCheckpoint(),
      ...(onBroken === undefined ? {} : { onBroken }),
      ...(onRot === undefined ? {} : { onRot }),
      ...(onLogRot === undefined ? {} : { onLogRot }),
    });
    this.#sealer = new SnapshotSealer({
      disk,
      random,
      observer,
      database,
      machines,
      log,
      group: current.group,
      replayer: this.replayer,
      snapshots,
      stopping: this.#stopping.signal,
    });
    this.#selfSealer = new SelfSealer({
      disk,
      clock,
      random,
      observer,
      machines,
      log,
      replayer: this.replayer,
      sealer: this.#sealer,
      snapshots,
      checkpointDirectory: current.directory,
      stopping: this.#stopping.signal,
      isAlone: () => options.isAlone(),
      hold: (instance) => this.cleaner.hold(instance, 'until-released'),
      ...(options.selfSealBytesMin === undefined ? {} : { logBytesMin: options.selfSealBytesMin }),
      ...(options.copiedBytes === undefined ? {} : { copiedBytes: () => options.copiedBytes?.() ?? 0 }),
      ...(onRot === undefined ? {} : { onRot }),
    });
    this.cleaner = new Cleaner({
      log,
      clock,
      observer,
      limits: configuration,
      checkpointInstance: () =>
        isPlanted('clean-beyond-checkpoint') ? log.appliedInstance : this.replayer.checkpointInstance,
      rebuildHold: () => this.#selfSealer.rebuildHold,
      onHeldToRebuild: () => this.#selfSealer.heldToRebuild(),
    });
    if (configuration.replayer === 'paused') this.replayer.pause();
    if (configuration.cleaner === 'paused') this.cleaner.pause();
  }

  /** Reads what is kept and clears leftovers; nothing runs before `start`. */
  static async open(options: CheckpointManagerOptions): Promise<CheckpointManager> {
    const { disk, clock, random, observer, databaseDirectory, locks = fileLocks } = options;
    const configuration = await readConfiguration(disk, databaseDirectory, observer);
    const directory = `${databaseDirectory}/snapshots`;
    const snapshots = await Snapshots.open({ disk, clock, random, observer, locks, directory });
    return new CheckpointManager(options, configuration, snapshots);
  }

  start(): void {
    this.replayer.start();
    this.cleaner.notify();
  }

  /** Gives up what may take long and is worth nothing half done: seals and verifications. `stop` follows. */
  beginStop(): void {
    if (!this.#stopping.signal.aborted) this.#stopping.abort(new LoggosError('stopped', 'The replica is stopping.'));
  }

  /** Resolves when nothing of it runs any more. The machines and the log are closed after it. */
  async stop(): Promise<void> {
    this.beginStop();
    this.#snapshots.close();
    await Promise.all([this.replayer.stop(), this.cleaner.stop()]);
    await this.#sealer.settle();
    await this.#selfSealer.stop();
  }

  get checkpointInstance(): number {
    return this.replayer.checkpointInstance;
  }

  /** See `Replayer.reached`. */
  reached(instance: number, deadline: number): Promise<void> {
    return this.replayer.reached(instance, deadline);
  }

  /** See `Cleaner.hold`. */
  hold(instance: number): LogHold {
    return this.cleaner.hold(instance);
  }

  status(): CheckpointStatus {
    const { log, machines } = this.#options;
    const { holdCount, holdBytes, holdSeconds } = this.#configuration;
    return {
      minChosenInstance: log.minChosenInstance,
      checkpointInstance: this.checkpointInstance,
      maxChosenInstance: log.maxChosenInstance,
      appliedInstance: log.appliedInstance,
      holdCount,
      holdBytes,
      holdSeconds,
      log: this.#options.logSize(),
      replayer: this.replayer.status,
      cleaner: { state: this.cleaner.state },
      transfers: [],
      digest: machines[0]?.checkpointFacts?.().digest ?? '',
    };
  }

  /** Checks, keeps, then applies; changes run one after the other. @throws LoggosError `invalid-parameter`, `no-room` */
  configure(change: CheckpointChange): Promise<CheckpointStatus> {
    const configured = this.#configuring.then(() => sayingNoRoom(this.#configure(change)));
    this.#configuring = configured.catch(() => undefined);
    return configured;
  }

  /**
   * Seals one of everything applied now, or answers the newest where nothing was written since.
   * @throws LoggosError `diverged` where the two executions differ: it is a source for nobody (E5)
   */
  async createSnapshot(kind: SnapshotKind = 'kept'): Promise<SnapshotInfo> {
    this.#refuseBroken();
    return sayingNoRoom(this.#sealer.create(kind));
  }

  listSnapshots(): Promise<readonly SnapshotInfo[]> {
    return this.#snapshots.list();
  }

  /** @throws LoggosError `not-found`, `in-use`, `no-room` */
  removeSnapshot(instance: number): Promise<void> {
    return sayingNoRoom(this.#snapshots.remove(instance));
  }

  /** @throws LoggosError `not-found`, `no-room` (a reader's lock is a file), `diverged` as `createSnapshot` */
  async openSnapshot(instance: number): Promise<SnapshotTar> {
    this.#refuseBroken();
    return sayingNoRoom(this.#snapshots.open(instance));
  }

  /** The newest snapshot that was verified by this replica; what a rotten checkpoint is rebuilt from. */
  get newestVerifiedSnapshot(): number | undefined {
    return this.#snapshots.newestVerifiedInstance;
  }

  #refuseBroken(): void {
    const { broken } = this.replayer;
    if (broken === undefined) return;
    throw new LoggosError('diverged', 'The checkpoint executes otherwise than the live state.', {}, broken);
  }

  async #configure(change: CheckpointChange): Promise<CheckpointStatus> {
    const { disk, databaseDirectory } = this.#options;
    const { replayer, cleaner, ...limits } = change;
    const configuration: CheckpointConfiguration = {
      ...this.#configuration,
      ...limits,
      replayer: replayer?.state ?? this.#configuration.replayer,
      cleaner: cleaner?.state ?? this.#configuration.cleaner,
    };
    checkConfiguration(configuration);
    // A pause takes effect at once, even while the disk is slow.
    if (configuration.cleaner === 'paused') this.cleaner.pause();
    if (configuration.replayer === 'paused') this.replayer.pause();
    await writeConfiguration(disk, databaseDirectory, configuration);
    this.#configuration = configuration;
    this.cleaner.setLimits(configuration);
    if (configuration.cleaner === 'running') this.cleaner.resume();
    if (configuration.replayer === 'running') this.replayer.resume();
    return this.status();
  }

  #onCheckpoint(): void {
    this.#selfSealer.notify();
    this.cleaner.notify();
  }
}

/** A full disk is the operator's to mend, no defect. Locks are made past `Disk`: theirs is the kernel's own error. */
async function sayingNoRoom<Value>(work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (error) {
    const kernelCode = error instanceof Error && 'code' in error ? error.code : undefined;
    const isFull =
      error instanceof DiskError ? error.kind === 'no-room' : kernelCode === 'ENOSPC' || kernelCode === 'EDQUOT';
    if (isFull) throw new LoggosError('no-room', 'The disk of the checkpoint has no room', {}, error);
    throw error;
  }
}
