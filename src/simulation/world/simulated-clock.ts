import { assert } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import type { Owner, ScheduledEvent, Scheduler } from './scheduler.ts';

/** Wall time at the beginning of every world: some day in 2027. */
const beginningMs = 1_800_000_000_000;
/** As in Node, no timer is shorter. Code that waits for a time that is a hair away makes progress by this. */
const shortestTimerMs = 1;

/**
 * The clock of one machine. Its quartz runs at a rate, its wall time is off and may jump; its monotonic time never goes
 * back but may stand still. It lives as long as the machine; each process reads it through a `SimulatedClock`.
 */
export class MachineTime {
  readonly #scheduler: Scheduler;
  /** Monotonic time was `#baseMs` at `#sinceMs` of true time, which may be in the future: then it stands still. */
  #baseMs: number;
  #sinceMs = 0;
  #rate = 1;
  #wallOffsetMs: number;

  constructor(
    scheduler: Scheduler,
    options: { readonly skewMs?: number; readonly rate?: number; readonly uptimeMs?: number } = {},
  ) {
    this.#scheduler = scheduler;
    this.#sinceMs = scheduler.nowMs;
    this.#baseMs = options.uptimeMs ?? 0;
    this.#wallOffsetMs = beginningMs + this.#sinceMs - this.#baseMs + (options.skewMs ?? 0);
    this.setRate(options.rate ?? 1);
  }

  monotonicMs(): number {
    return this.#baseMs + Math.max(0, this.#scheduler.nowMs - this.#sinceMs) * this.#rate;
  }

  wallMs(): number {
    return Math.floor(this.monotonicMs() + this.#wallOffsetMs);
  }

  /** True milliseconds from now until the monotonic time will have come, if nothing happens to the clock. */
  trueMsUntil(monotonicMs: number): number {
    const wait = Math.max(0, monotonicMs - this.monotonicMs()) / this.#rate;
    return wait + Math.max(0, this.#sinceMs - this.#scheduler.nowMs);
  }

  /** From now on the quartz makes so many milliseconds a true millisecond: more than 0. */
  setRate(rate: number): void {
    assert(rate > 0, 'a clock that runs runs forward', { rate });
    this.#baseMs = this.monotonicMs();
    this.#sinceMs = Math.max(this.#sinceMs, this.#scheduler.nowMs);
    this.#rate = rate;
  }

  /** Sets the wall clock forward, or back where negative. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** Both clocks stand still for so long. */
  stall(durationMs: number): void {
    this.#baseMs = this.monotonicMs();
    this.#sinceMs = Math.max(this.#sinceMs, this.#scheduler.nowMs) + durationMs;
  }
}

/** The machine's time as one process sees it. When the process has ended, its timers are gone and no new one fires. */
export class SimulatedClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #time: MachineTime;
  readonly #owner: Owner;

  constructor(scheduler: Scheduler, time: MachineTime, owner: Owner) {
    this.#scheduler = scheduler;
    this.#time = time;
    this.#owner = owner;
  }

  now(): number {
    return this.#time.wallMs();
  }

  monotonic(): number {
    return this.#time.monotonicMs();
  }

  after(delayMs: number, action: () => void): () => void {
    const dueMs = this.#time.monotonicMs() + Math.max(shortestTimerMs, delayMs);
    let event: ScheduledEvent;
    const arm = () => {
      event = this.#scheduler.after(this.#owner, this.#time.trueMsUntil(dueMs), 'timer', delayMs, fire);
    };
    // The clock may have slowed down or stood still meanwhile: a timer is never early by its own clock.
    const fire = () => {
      if (this.#time.trueMsUntil(dueMs) > 0.001) arm();
      else action();
    };
    arm();
    return () => this.#scheduler.cancel(event);
  }
}
