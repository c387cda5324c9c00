import { assert } from '../../base/assert.ts';
import { EventHeap } from './event-heap.ts';
import { Trace } from './trace.ts';

/** Whom an event belongs to: a process during one life, or the world itself. */
export interface Owner {
  readonly name: string;
  /** `ended`: its events never happen. `paused`: they wait, and happen late. */
  readonly state: 'running' | 'paused' | 'ended';
}

/** Something that will happen. */
export interface ScheduledEvent {
  readonly timeUs: number;
  readonly sequence: number;
  readonly owner: Owner;
  readonly kind: string;
  readonly detail: string | number;
  readonly numbers: readonly number[];
  /** Empty once it has happened or was cancelled. */
  action: (() => void) | undefined;
}

export interface RunOptions {
  /** Virtual time at which to stop, in milliseconds: the clock stands there afterwards. */
  readonly untilMs?: number;
  /** At most so many events in this run. */
  readonly eventsMax?: number;
  /** Asked before every event, when all promises have run dry. */
  readonly until?: () => boolean;
  /** Called after every event, when all promises have run dry. What it throws ends the run. */
  readonly afterEvent?: () => void;
}

/** Why a run ended. `idle`: nothing is left that could happen. */
export type RunEnd = 'idle' | 'time' | 'events' | 'condition';

/** The owner of what belongs to no process: faults, scenarios, connections between others. */
export const world: Owner = { name: 'world', state: 'running' };

const resolved = Promise.resolve();
const noNumbers: readonly number[] = [];

/** After so many events the real event loop gets a turn: timers of the test runner, signals, `setImmediate`. */
const eventsPerTurn = 4_096;

/**
 * Virtual time: takes the earliest event, runs it, lets every promise run dry, takes the next. Nothing runs at the same
 * time as anything else, and the order depends on nothing but the events.
 *
 * How promises run dry: a `process.nextTick` that is asked for inside a microtask is called when no microtask is left,
 * however long a chain of promises was. 1.7 million bare events a second here, against 0.6 with `setImmediate`.
 */
export class Scheduler {
  readonly #heap = new EventHeap<ScheduledEvent>();
  readonly #trace: Trace;
  /** What would have happened to paused owners, in order. */
  readonly #held = new Map<Owner, ScheduledEvent[]>();
  #nowUs = 0;
  #sequence = 0;
  #isRunning = false;
  #failure: { readonly error: unknown } | undefined;
  /** Events that have happened. */
  eventCount = 0;

  constructor(options: { readonly traceLines?: number } = {}) {
    this.#trace = new Trace(options.traceLines ?? 200);
  }

  /** Virtual milliseconds since the beginning, to the microsecond. */
  get nowMs(): number {
    return this.#nowUs / 1_000;
  }

  /** Equal in two runs that did the same. */
  get traceHash(): string {
    return this.#trace.hash;
  }

  /** The last lines of what happened, oldest first. */
  traceLines(): string[] {
    return this.#trace.lines();
  }

  /** Writes a line and counts it into the hash: what a fault did, what was acknowledged. */
  note(owner: Owner, kind: string, detail: string | number = ''): void {
    this.#trace.add(this.#nowUs, owner.name, kind, detail, noNumbers);
  }

  /**
   * Lets `action` happen after `delayMs`, rounded up to a microsecond. Equal times: in the order of the calls. A detail
   * that comes with numbers is one of few texts: see `Trace`.
   */
  after(
    owner: Owner,
    delayMs: number,
    kind: string,
    detail: string | number,
    action: () => void,
    numbers = noNumbers,
  ): ScheduledEvent {
    assert(delayMs >= 0, 'nothing happens in the past');
    this.#sequence += 1;
    const timeUs = this.#nowUs + Math.ceil(delayMs * 1_000 - 1e-6);
    const event = { timeUs, sequence: this.#sequence, owner, kind, detail, numbers, action };
    this.#heap.push(event);
    return event;
  }

  /** Ends the run, after this event, as if the event had thrown: for what fails in a promise that nobody waits for. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** Nothing happens where it has happened. */
  cancel(event: ScheduledEvent): void {
    event.action = undefined;
  }

  /** Lets what a paused owner missed happen now, in the order in which it would have. */
  release(owner: Owner): void {
    assert(owner.state !== 'paused', 'only who goes on catches up');
    const held = this.#held.get(owner) ?? [];
    this.#held.delete(owner);
    for (const event of held) {
      const { action } = event;
      if (action !== undefined) this.after(owner, 0, event.kind, event.detail, action, event.numbers);
    }
  }

  /**
   * Runs events until an end is reached. Rejects with what an event or a check threw; the world stands where it was
   * then. One run at a time.
   */
  run(options: RunOptions = {}): Promise<RunEnd> {
    assert(!this.#isRunning, 'one run at a time');
    this.#isRunning = true;
    const { untilMs = Number.POSITIVE_INFINITY, eventsMax = Number.POSITIVE_INFINITY, until, afterEvent } = options;
    const { promise, resolve, reject } = Promise.withResolvers<RunEnd>();
    let count = 0;
    let quietTurns = 0;
    const end = (why: RunEnd) => {
      this.#isRunning = false;
      resolve(why);
    };
    const whenDry = () => process.nextTick(step);
    // A promise, not `queueMicrotask`: that one makes an object for whoever traces resources.
    const goOn = () => void resolved.then(whenDry);
    const step = () => {
      try {
        this.#throwFailure();
        if (count > 0 && quietTurns === 0) afterEvent?.();
        if (until?.() === true) return end('condition');
        if (count >= eventsMax) return end('events');
        const event = this.#next(untilMs * 1_000);
        if (event === undefined) {
          // Code that waits for a turn of the real loop is let through before anybody says that nothing is left.
          quietTurns += 1;
          if (quietTurns <= 2) return setImmediate(goOn);
          if (untilMs === Number.POSITIVE_INFINITY) return end('idle');
          this.#nowUs = Math.max(this.#nowUs, Math.round(untilMs * 1_000));
          return end('time');
        }
        quietTurns = 0;
        count += 1;
        this.eventCount += 1;
        this.#nowUs = event.timeUs;
        const { action } = event;
        event.action = undefined;
        this.#trace.add(event.timeUs, event.owner.name, event.kind, event.detail, event.numbers);
        action?.();
        if (count % eventsPerTurn === 0) setImmediate(goOn);
        else goOn();
      } catch (error) {
        this.#isRunning = false;
        reject(error);
      }
    };
    goOn();
    return promise;
  }

  #throwFailure(): void {
    if (this.#failure === undefined) return;
    const { error } = this.#failure;
    this.#failure = undefined;
    throw error;
  }

  /** The next event that happens at or before a time. */
  #next(untilUs: number): ScheduledEvent | undefined {
    for (;;) {
      const event = this.#heap.first();
      if (event === undefined || event.timeUs > untilUs) return undefined;
      this.#heap.pop();
      if (event.action === undefined || event.owner.state === 'ended') continue;
      if (event.owner.state === 'running') return event;
      const held = this.#held.get(event.owner);
      if (held === undefined) this.#held.set(event.owner, [event]);
      else held.push(event);
    }
  }
}
