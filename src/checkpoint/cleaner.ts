import { assert, InvariantError } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import type { Observer } from '../base/observer.ts';
import type { AppliedLog } from './applied-log.ts';
import { type CleanFacts, cleanTo, firstWhere } from './clean-rule.ts';

/** Dropped in one step; after each one the Cleaner makes way for others. */
const stepBytes = 64 * 1024 * 1024;
const stepPauseMs = 10;
const retryMs = 1_000;
/** Not sooner than so after a pass does it look whether log became too old. */
const expiryMsMin = 1_000;
const expiryMsMax = 86_400_000;

/** How much log stays below the checkpoint, for replicas that lag. */
export interface CleanerLimits {
  readonly holdCount: number;
  readonly holdBytes: number;
  readonly holdSeconds: number;
}

/** A reader's hold counts while it is renewed; one of Loggos's own work, which always ends, until it is released. */
export type HoldLasts = 'while-renewed' | 'until-released';

/** Somebody reads the log from an instance on. */
export interface LogHold {
  /** Moves on, or says at the same instance that it is still there: a hold that is silent for `holdSeconds` counts no more (E2). */
  renew(instance: number): void;
  release(): void;
}

/** What a group of one holds to rebuild its checkpoint. */
export interface RebuildHold {
  readonly rebuildFrom: number;
  readonly rebuildBytes: number;
}

export interface CleanerOptions {
  readonly log: AppliedLog;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly limits: CleanerLimits;
  /** The group's durable checkpoint instance. */
  checkpointInstance(): number;
  rebuildHold?(): RebuildHold | undefined;
  /** Log stays only because the checkpoint could not be rebuilt without it: a verified snapshot would set it free. */
  onHeldToRebuild?(): void;
}

/** Deletes log that the durable checkpoint covers, less what is held: exactly what `cleanTo` says, a step at a time. */
export class Cleaner {
  readonly #options: CleanerOptions;
  readonly #holds = new Map<LogHold, { instance: number; renewedAt: number; readonly lasts: HoldLasts }>();
  #limits: CleanerLimits;
  #paused = false;
  #stopped = false;
  #running = false;
  #asked = false;
  /** The last step failed: files of what counts as dropped may still be there. */
  #unfinished = false;
  #pass: Promise<void> = Promise.resolve();
  #cancelExpiry: (() => void) | undefined;
  #endPause: (() => void) | undefined;

  constructor(options: CleanerOptions) {
    this.#options = options;
    this.#limits = options.limits;
  }

  get state(): 'running' | 'paused' {
    return this.#paused ? 'paused' : 'running';
  }

  get limits(): CleanerLimits {
    return this.#limits;
  }

  /** Takes effect at the next step. */
  setLimits(limits: CleanerLimits): void {
    this.#limits = limits;
    this.notify();
  }

  /** At once: no step begins after it. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.notify();
  }

  /** Keeps the log from `instance` on while somebody reads it. */
  hold(instance: number, lasts: HoldLasts = 'while-renewed'): LogHold {
    const entry = { instance, renewedAt: this.#options.clock.monotonic(), lasts };
    const hold: LogHold = {
      renew: (moved) => {
        entry.instance = moved;
        entry.renewedAt = this.#options.clock.monotonic();
      },
      release: () => {
        if (this.#holds.delete(hold)) this.notify();
      },
    };
    this.#holds.set(hold, entry);
    return hold;
  }

  /** Something moved: the checkpoint, a limit, a hold. */
  notify(): void {
    this.#asked = true;
    if (this.#running || this.#paused || this.#stopped) return;
    this.#running = true;
    this.#pass = this.#run().finally(() => {
      this.#running = false;
      if (this.#asked) this.notify();
    });
  }

  /** Resolves when the step under way has ended; none follows. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelExpiry?.();
    this.#endPause?.();
    await this.#pass;
  }

  async #run(): Promise<void> {
    this.#cancelExpiry?.();
    let failures = 0;
    while (this.#asked && !this.#paused && !this.#stopped) {
      this.#asked = false;
      try {
        await this.#clean();
        failures = 0;
      } catch (error) {
        this.#options.observer.report('error', 'clean-failed', { error: String(error) });
        // A broken invariant is no reason to delete anything more.
        if (error instanceof InvariantError) this.#stopped = true;
        // The log decides whether a failure of its own is fatal; here it only means that there is more to do.
        this.#asked = true;
        this.#unfinished = true;
        failures += 1;
        await this.#wait(Math.min(60_000, retryMs * 2 ** Math.min(failures, 6)));
      }
    }
    if (!this.#paused && !this.#stopped) this.#awaitExpiry();
  }

  async #clean(): Promise<void> {
    const { log, observer } = this.#options;
    if (this.#unfinished) await log.dropBelow(log.minChosenInstance);
    this.#unfinished = false;
    let tried = log.minChosenInstance;
    while (!this.#paused && !this.#stopped) {
      const facts = this.#facts();
      const target = cleanTo(facts);
      // A damaged log may hold nothing from before the checkpoint's end; then nothing is dropped at all.
      const droppable = Math.max(this.#options.checkpointInstance() + 1, log.minChosenInstance);
      assert(target <= droppable, 'no log above the durable checkpoint is dropped', { target });
      if (target <= tried) {
        this.#tellHeld(facts, target);
        return;
      }
      const step = this.#stepTo(tried, target);
      const before = log.minChosenInstance;
      const after = await log.dropBelow(step);
      assert(after <= Math.max(step, before), 'the log drops no more than it is told', { step, after });
      if (after > before) observer.count('cleaned_instances', after - before);
      // Whole segments go: an instance in the midst of one stays until the step is behind it.
      tried = Math.max(step, after);
      if (tried < target) await this.#wait(stepPauseMs);
    }
  }

  #tellHeld({ rebuildFrom, ...others }: CleanFacts, target: number): void {
    if (rebuildFrom !== undefined && cleanTo(others) > target) this.#options.onHeldToRebuild?.();
  }

  async #wait(durationMs: number): Promise<void> {
    if (this.#stopped) return;
    const ended = Promise.withResolvers<void>();
    const cancel = this.#options.clock.after(durationMs, ended.resolve);
    this.#endPause = ended.resolve;
    await ended.promise;
    cancel();
  }

  /** The end of a step: `stepBytes` of log from `first` on, or all. */
  #stepTo(first: number, target: number): number {
    const { log } = this.#options;
    const bytes = log.bytesFrom(first);
    return firstWhere(first + 1, target, (instance) => bytes - log.bytesFrom(instance) >= stepBytes);
  }

  #facts(): CleanFacts {
    const { log, clock, checkpointInstance, rebuildHold } = this.#options;
    const heldFrom = this.#heldFrom();
    return {
      minChosenInstance: log.minChosenInstance,
      checkpointInstance: checkpointInstance(),
      appliedInstance: log.appliedInstance,
      ...this.#limits,
      now: clock.now(),
      bytesFrom: (instance) => log.bytesFrom(instance),
      timeOf: (instance) => log.timeOf(instance),
      ...(heldFrom === undefined ? {} : { heldFrom }),
      ...rebuildHold?.(),
    };
  }

  #heldFrom(): number | undefined {
    const silentSince = this.#options.clock.monotonic() - this.#limits.holdSeconds * 1000;
    let heldFrom: number | undefined;
    for (const { instance, renewedAt, lasts } of this.#holds.values()) {
      if (lasts === 'until-released' || renewedAt >= silentSince) heldFrom = Math.min(heldFrom ?? instance, instance);
    }
    return heldFrom;
  }

  /** Log that is held now becomes too old while nothing else happens. */
  #awaitExpiry(): void {
    const { log, clock } = this.#options;
    const time = log.timeOf(log.minChosenInstance);
    if (time === undefined || log.minChosenInstance > this.#options.checkpointInstance()) return;
    const untilTooOld = time + this.#limits.holdSeconds * 1000 - clock.now() + 1;
    const delayMs = Math.min(expiryMsMax, Math.max(expiryMsMin, untilTooOld));
    this.#cancelExpiry = clock.after(delayMs, () => this.notify());
  }
}
