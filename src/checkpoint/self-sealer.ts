import type { Clock } from '../base/clock.ts';
import type { Disk } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import type { Observer } from '../base/observer.ts';
import type { Random } from '../base/random.ts';
import type { StateMachine } from '../statemachine/state-machine.ts';
import type { AppliedLog } from './applied-log.ts';
import type { LogHold, RebuildHold } from './cleaner.ts';
import { listFiles } from './files.ts';
import type { Replayer } from './replayer.ts';
import type { SnapshotSealer } from './snapshot-sealer.ts';
import type { Snapshots } from './snapshots.ts';
import { verifySnapshot } from './verify.ts';

const gibibyte = 1024 * 1024 * 1024;
/** After a failure the next try waits for so much more log. */
const retryBytes = 64 * 1024 * 1024;

export interface SelfSealerOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  readonly machines: readonly StateMachine[];
  readonly log: AppliedLog;
  readonly replayer: Replayer;
  readonly sealer: SnapshotSealer;
  readonly snapshots: Snapshots;
  /** `<database>/checkpoints/<install>` */
  readonly checkpointDirectory: string;
  /** Whether the group has this one voter: nobody else could give a rotten checkpoint back. */
  isAlone(): boolean;
  /** Keeps the log from an instance on until it is released. */
  hold(instance: number): LogHold;
  /** Bytes of the checkpoint that a snapshot copies and cannot link; default: all of its files. */
  copiedBytes?(): number;
  /** Log that is worth a snapshot, at least; default 1 GiB. */
  readonly logBytesMin?: number;
  /** Aborted when the replica stops: a verification is given up. */
  readonly stopping: AbortSignal;
  /** A snapshot just made did not verify: the checkpoint itself is rotten, or the disk lies. */
  readonly onRot?: (error: unknown) => void;
}

/**
 * In a group of one, seals and verifies a snapshot whenever the log since the last exceeds max(1 GiB, half of the bytes
 * that it copies), so that a checkpoint that rots can be rebuilt from it and the log. The first is sealed as soon as
 * the Cleaner would drop log if there were one: until it is verified the log is all that a rebuild has.
 */
export class SelfSealer {
  readonly #options: SelfSealerOptions;
  readonly #logBytesMin: number;
  /** What was replayed before this start and after the newest verified snapshot, as far as it can be told. */
  readonly #bytesBeforeStart: number;
  #bytesAtSeal = 0;
  #nextBaseTryBytes = 0;
  #sealedHere = false;
  #isBaseWanted = false;
  #thresholdBytes: number;
  #nextLookBytes: number;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(options: SelfSealerOptions) {
    this.#options = options;
    this.#logBytesMin = options.logBytesMin ?? gibibyte;
    this.#thresholdBytes = this.#logBytesMin;
    this.#nextLookBytes = this.#logBytesMin;
    this.#bytesBeforeStart = this.#estimateBytesBeforeStart();
  }

  /**
   * What the Cleaner leaves: the log after the newest verified snapshot, all of it where there is none, up to twice of
   * what is worth a new one (E3).
   */
  get rebuildHold(): RebuildHold | undefined {
    if (!this.#options.isAlone()) return undefined;
    return { rebuildFrom: this.#baseInstance + 1, rebuildBytes: 2 * this.#thresholdBytes };
  }

  /** The Cleaner would drop log that a rebuild needs. */
  heldToRebuild(): void {
    if (this.#options.snapshots.newestVerifiedInstance !== undefined) return;
    this.#isBaseWanted = true;
    this.notify();
  }

  /** The checkpoint moved on. */
  notify(): void {
    if (this.#running !== undefined || this.#stopped || !this.#options.isAlone()) return;
    if (this.#bytesSinceSeal() < this.#nextLookBytes && !this.#lacksBase()) return;
    // One that stands still can seal nothing; its next step is told here.
    if (this.#options.replayer.status.state !== 'running') return;
    this.#running = this.#consider().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when what is under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #consider(): Promise<void> {
    const { observer } = this.#options;
    try {
      const half = Math.floor((await this.#checkpointBytes()) / 2);
      this.#thresholdBytes = Math.max(this.#logBytesMin, half);
      this.#nextLookBytes = this.#thresholdBytes;
      if (this.#bytesSinceSeal() < this.#thresholdBytes && !this.#lacksBase()) return;
      await this.#sealAndVerify();
    } catch (error) {
      // The Replayer was stopped or paused meanwhile, which says nothing about the next try.
      if (error instanceof LoggosError && (error.code === 'busy' || error.code === 'stopped')) return;
      this.#nextLookBytes = this.#bytesSinceSeal() + retryBytes;
      this.#nextBaseTryBytes = this.#nextLookBytes;
      observer.report('error', 'self-seal-failed', { error: String(error) });
      observer.count('self_seal_failures');
    }
  }

  async #sealAndVerify(): Promise<void> {
    const { sealer, snapshots, replayer } = this.#options;
    const replayed = replayer.replayedBytes;
    // The log behind it must be there when it is verified: otherwise it would be the base of nothing.
    const hold = this.#options.hold(this.#earliestSealed() + 1);
    try {
      const { instance } = await sealer.create('own');
      await this.#verify(instance);
    } finally {
      hold.release();
    }
    this.#isBaseWanted = false;
    this.#bytesAtSeal = replayed;
    this.#sealedHere = true;
    this.#nextLookBytes = this.#thresholdBytes;
    this.#nextBaseTryBytes = retryBytes;
    await snapshots.retain();
  }

  /** One that is not what it says is of no use, and says that the checkpoint is rotten. */
  async #verify(instance: number): Promise<void> {
    const { snapshots, disk, clock, random, machines, onRot, stopping: signal } = this.#options;
    try {
      await verifySnapshot(`${snapshots.directory}/${instance}`, { disk, clock, random, machines, signal });
    } catch (error) {
      if (error instanceof LoggosError && error.code.endsWith('-damaged')) {
        onRot?.(error);
        await snapshots.remove(instance);
      }
      throw error;
    }
    await snapshots.verified(instance);
  }

  /** What a rebuild begins from, with the log after it; 0: an empty checkpoint. */
  get #baseInstance(): number {
    return this.#options.snapshots.newestVerifiedInstance ?? 0;
  }

  /** The least instance that a snapshot asked for now is of: the checkpoint's, or the newest one's where that serves. */
  #earliestSealed(): number {
    const { snapshots, replayer } = this.#options;
    const newest = snapshots.newestInstance;
    if (newest === undefined || newest < replayer.lastWriteInstance) return replayer.checkpointInstance;
    return Math.min(newest, replayer.checkpointInstance);
  }

  /** Nothing to rebuild from, since the log does not reach back to the base; or it must reach back too far. */
  #lacksBase(): boolean {
    const reaches = this.#options.log.minChosenInstance <= this.#baseInstance + 1;
    if (reaches && !this.#isBaseWanted) return false;
    return this.#bytesSinceSeal() >= this.#nextBaseTryBytes;
  }

  #bytesSinceSeal(): number {
    const before = this.#sealedHere ? 0 : this.#bytesBeforeStart;
    return before + this.#options.replayer.replayedBytes - this.#bytesAtSeal;
  }

  /** The Cleaner may have dropped log since the last snapshot: what is still held tells how large an instance is. */
  #estimateBytesBeforeStart(): number {
    const { log, replayer, snapshots } = this.#options;
    const { checkpointInstance } = replayer;
    const heldCount = checkpointInstance - log.minChosenInstance + 1;
    if (heldCount <= 0) return 0;
    const heldBytes = log.bytesFrom(log.minChosenInstance) - log.bytesFrom(checkpointInstance + 1);
    const count = Math.max(0, checkpointInstance - (snapshots.newestVerifiedInstance ?? 0));
    return Math.round((heldBytes / heldCount) * count);
  }

  async #checkpointBytes(): Promise<number> {
    const copied = this.#options.copiedBytes?.();
    if (copied !== undefined) return copied;
    const files = await listFiles(this.#options.disk, this.#options.checkpointDirectory);
    return files.reduce((sum, file) => sum + file.bytes, 0);
  }
}
