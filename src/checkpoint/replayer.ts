import { assert, InvariantError } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { DiskError, type DiskErrorKind } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import type { Observer } from '../base/observer.ts';
import type { StateMachine } from '../statemachine/state-machine.ts';
import type { AppliedLog } from './applied-log.ts';
import type { GroupFile } from './group-file.ts';
import { InstanceWaiters } from './instance-waiters.ts';
import { Transaction } from './replay-transaction.ts';

/** Every transaction ends where this divides the instance: there the digest is recorded (FORMATS). */
export const digestInterval = 1_000;
/** Events a transaction: few for a level checkpoint that readers wait for, else many, since a commit costs the same. */
const eventCountAwaited = 1_000;
const eventCountMost = 10_000;
/** Bytes of values a transaction. */
const transactionBytesMax = 32 * 1024 * 1024;
/**
 * A level Replayer that nobody waits for lets so much time pass, so that many writes share one commit: the pages that
 * they change are written once, and a document that changes often too. Little while readers come, so that they wait
 * less.
 */
const lingerMs = 500;
const lingerAwaitedMs = 50;
/** How long after the last of them readers are expected. */
const awaitedMs = 2_000;
const retryMs = 100;
const retryMsMax = 10_000;
/** So many failures in a row are a state to be told. */
const failuresUntilFailed = 3;

export interface ReplayerOptions {
  /** Machines of the group, all of them. */
  readonly machines: readonly StateMachine[];
  readonly log: AppliedLog;
  readonly group: GroupFile;
  readonly clock: Clock;
  readonly observer: Observer;
  /** Told after each durable step with the group's checkpoint instance. */
  readonly onCheckpoint?: (instance: number) => void;
  /** A broken invariant: this replica's two executions differ. Replay has stopped for good; nothing is cleaned beyond. */
  readonly onBroken?: (error: Error) => void;
  /** A machine found its checkpoint damaged while it replayed: trying again does not mend it. */
  readonly onRot?: (error: LoggosError) => void;
  /** What is to be replayed next cannot be read from the log, however often it is tried: told once. */
  readonly onLogRot?: (error: LoggosError) => void;
}

export interface ReplayerStatus {
  readonly state: 'running' | 'paused' | 'failed';
  /** Instances applied and not yet in the durable checkpoint. */
  readonly lag: number;
  /** Why it failed, or fails; names no path. */
  readonly reason?: string;
}

/**
 * Advances the checkpoints of all machines from the log, in instance order, one transaction after the other, and never
 * beyond what is applied. A failure is retried at the same instance; a difference between the checkpoint's and the live
 * execution ends it before it is committed.
 */
export class Replayer {
  readonly #options: ReplayerOptions;
  readonly #waiters: InstanceWaiters;
  readonly #stopListening: () => void;
  #paused = false;
  #stopped = false;
  #broken: Error | undefined;
  #failureCount = 0;
  #reason: string | undefined;
  #isBehind = false;
  #demand = 0;
  #demandedAt = Number.NEGATIVE_INFINITY;
  /** Transactions and seals take turns. */
  #turn: Promise<unknown> = Promise.resolve();
  #running = false;
  #endPause: (() => void) | undefined;
  #lastWriteInstance: number;
  #replayedBytes = 0;

  constructor(options: ReplayerOptions) {
    this.#options = options;
    this.#waiters = new InstanceWaiters(options.clock, this.checkpointInstance);
    this.#lastWriteInstance = this.checkpointInstance;
    this.#stopListening = options.log.onApplied(() => this.#wake());
  }

  /** Begins; what is applied already is replayed at once. */
  start(): void {
    this.#wake();
  }

  /** The group's durable checkpoint instance: the minimum over its machines. */
  get checkpointInstance(): number {
    return Math.min(...this.#options.machines.map((machine) => machine.checkpointInstance()));
  }

  /** The last instance at or below the checkpoint that held more than a no-op, as far as known since start. */
  get lastWriteInstance(): number {
    return this.#lastWriteInstance;
  }

  /** Why the two executions are known to differ; undefined: they are not. */
  get broken(): Error | undefined {
    return this.#broken;
  }

  /** Bytes of values that became durable in the checkpoint since start. */
  get replayedBytes(): number {
    return this.#replayedBytes;
  }

  get status(): ReplayerStatus {
    const lag = Math.max(0, this.#options.log.appliedInstance - this.checkpointInstance);
    const failed = this.#broken !== undefined || this.#failureCount >= failuresUntilFailed;
    const state = failed ? 'failed' : this.#paused ? 'paused' : 'running';
    return this.#reason === undefined ? { state, lag } : { state, lag, reason: this.#reason };
  }

  /** After the transaction under way the checkpoint stands still. */
  pause(): void {
    this.#paused = true;
    this.#endPause?.();
  }

  resume(): void {
    this.#paused = false;
    this.#wake();
  }

  /** Resolves when the transaction under way has ended; none follows. Waiters fail with `stopped`. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopListening();
    this.#waiters.close();
    this.#endPause?.();
    await this.#turn;
  }

  /**
   * Resolves when the durable checkpoint covers an instance.
   * @param deadline - on the monotonic clock, milliseconds
   * @throws LoggosError `position-not-reached` after the deadline; `busy` where too many wait; `stopped`
   */
  async reached(instance: number, deadline: number): Promise<void> {
    if (instance <= this.checkpointInstance) return;
    const waiting = this.#waiters.wait(instance, deadline);
    this.#hurry(instance);
    await waiting;
  }

  /**
   * Brings every machine to one instance, `instance` or later, and holds them there while `action` runs.
   * @throws LoggosError `busy` while paused or failing where the checkpoint is not there yet
   */
  async atOneInstance<Value>(instance: number, action: (instance: number) => Promise<Value>): Promise<Value> {
    return this.#takeTurn(async () => {
      for (;;) {
        const covered = this.#options.machines.map((machine) => machine.checkpointInstance());
        const target = Math.max(instance, ...covered);
        if (covered.every((each) => each === target)) return action(target);
        if (this.#stopped) throw new LoggosError('stopped', 'The replica is stopping');
        if (this.#broken !== undefined) throw new LoggosError('busy', `The Replayer has failed: ${this.#reason}`);
        if (this.#paused) throw new LoggosError('busy', 'The Replayer is paused: resume it to advance the checkpoint');
        if (target > this.#options.log.appliedInstance) {
          throw new LoggosError('busy', `Instance ${target} is not applied here yet`);
        }
        if (!(await this.#transact(target))) throw new LoggosError('busy', `The Replayer fails: ${this.#reason}`);
      }
    });
  }

  /** Brings every machine to one instance, `instance` or later, and resolves with it. */
  advanceTo(instance: number): Promise<number> {
    return this.atOneInstance(instance, async (reached) => reached);
  }

  /** Somebody waits: no lingering up to that instance. */
  #hurry(instance: number): void {
    this.#demand = Math.max(this.#demand, instance);
    this.#demandedAt = this.#options.clock.monotonic();
    // The pause before a retry is not cut short: many readers would make it none.
    if (this.#failureCount === 0) this.#endPause?.();
    this.#wake();
  }

  #wake(): void {
    if (this.#running) {
      // Lingering ends early when a whole transaction waits.
      if (this.#failureCount === 0 && this.#lag() >= digestInterval) this.#endPause?.();
      return;
    }
    if (!this.#mayRun()) return;
    this.#running = true;
    void this.#run().finally(() => {
      this.#running = false;
      if (this.#mayRun()) this.#wake();
    });
  }

  #mayRun(): boolean {
    return !this.#stopped && !this.#paused && this.#broken === undefined && this.#lag() > 0;
  }

  #lag(): number {
    return this.#options.log.appliedInstance - this.checkpointInstance;
  }

  async #run(): Promise<void> {
    while (this.#mayRun()) {
      const level = this.#lag() < digestInterval && !this.#isBehind;
      if (level && this.#demand <= this.checkpointInstance) {
        await this.#wait(this.#isAwaited ? lingerAwaitedMs : lingerMs);
      }
      if (!this.#mayRun()) return;
      const done = await this.#takeTurn(async () => this.#paused || this.#stopped || this.#transact());
      if (!done) await this.#wait(Math.min(retryMsMax, retryMs * 2 ** Math.min(this.#failureCount - 1, 10)));
    }
  }

  /** Waits, but not longer than until somebody needs the Replayer at once. */
  async #wait(durationMs: number): Promise<void> {
    const early = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(durationMs, early.resolve);
    this.#endPause = early.resolve;
    await early.promise;
    this.#endPause = undefined;
    cancel();
  }

  #takeTurn<Value>(action: () => Promise<Value>): Promise<Value> {
    const turn = this.#turn.then(action, action);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** One transaction: read, execute, compare, commit. Answers false after a failure, which `#failed` has noted. */
  async #transact(target = Number.MAX_SAFE_INTEGER): Promise<boolean> {
    const { machines, log, group, clock, observer } = this.#options;
    const startedAt = clock.monotonic();
    const before = this.checkpointInstance;
    try {
      const lastInstance = Math.min(target, log.appliedInstance, nextMultiple(before + 1));
      const transaction = new Transaction({ machines, log, group, firstInstance: before + 1 });
      const eventCountMax = this.#isAwaited && !this.#isBehind ? eventCountAwaited : eventCountMost;
      await transaction.execute({ lastInstance, eventCountMax, bytesMax: transactionBytesMax });
      // Synced before the commit that covers its newest entry (FORMATS).
      await group.save();
      await Promise.all(machines.map((machine) => machine.commitCheckpoint?.()));
      for (const machine of machines) {
        assert(machine.checkpointInstance() >= transaction.lastInstance, 'a commit makes durable what was executed', {
          machine: machine.id,
          checkpoint: machine.checkpointInstance(),
          executed: transaction.lastInstance,
        });
        machine.checkpointCommitted?.(machine.checkpointInstance());
      }
      if (transaction.lastWriteInstance !== undefined) this.#lastWriteInstance = transaction.lastWriteInstance;
      this.#replayedBytes += transaction.bytes;
      this.#isBehind = transaction.eventCount >= eventCountMax || this.#lag() >= digestInterval;
      observer.measure('replay_transaction_events', transaction.eventCount);
    } catch (error) {
      this.#failed(error);
      return false;
    }
    this.#failureCount = 0;
    this.#reason = undefined;
    const instance = this.checkpointInstance;
    observer.measure('replay_transaction_seconds', (clock.monotonic() - startedAt) / 1000);
    observer.count('replayed_instances', instance - before);
    log.checkpointed(instance);
    this.#waiters.advance(instance);
    this.#options.onCheckpoint?.(instance);
    return true;
  }

  /** Whether readers came lately. */
  get #isAwaited(): boolean {
    return this.#options.clock.monotonic() - this.#demandedAt < awaitedMs;
  }

  #failed(error: unknown): void {
    const { observer, onBroken, onRot, onLogRot } = this.#options;
    const facts = { instance: this.checkpointInstance + 1, error: String(error) };
    this.#failureCount += 1;
    this.#reason = reasonOf(error);
    observer.count('replay_failures');
    if (error instanceof InvariantError) {
      this.#broken = error;
      observer.report('error', 'replay-broken', facts);
      onBroken?.(error);
      return;
    }
    const code = error instanceof LoggosError ? error.code : undefined;
    if (error instanceof LoggosError && code === 'checkpoint-damaged') onRot?.(error);
    const isLasting = this.#failureCount === failuresUntilFailed;
    if (error instanceof LoggosError && code === 'log-damaged' && isLasting) onLogRot?.(error);
    observer.report(this.#failureCount >= failuresUntilFailed ? 'error' : 'warn', 'replay-failed', facts);
  }
}

const diskWords: Readonly<Record<DiskErrorKind, string>> = {
  'no-room': 'no room',
  absent: 'a file is missing',
  exists: 'a file is in the way',
  'not-permitted': 'not permitted',
  failed: 'reading or writing failed',
};

/** For clients: where the files are is the operator's business, and is in the report. */
function reasonOf(error: unknown): string {
  if (error instanceof DiskError) return `the checkpoint's disk failed: ${diskWords[error.kind]}`;
  if (error instanceof LoggosError && error.code === 'checkpoint-damaged') return 'the checkpoint is damaged';
  if (error instanceof InvariantError) return error.message;
  if (error instanceof LoggosError && !error.message.includes('/')) return error.message;
  return "an unexpected error; it is in the server's log";
}

/** The first multiple of the digest's interval at or after an instance. */
function nextMultiple(instance: number): number {
  return Math.ceil(instance / digestInterval) * digestInterval;
}
