import { LoggosError } from '../base/errors.ts';
import { TransientMap } from '../base/transient-map.ts';
import { noLeader } from './life.ts';
import type { ReplicaLimits } from './limits.ts';

/** What the log may add to a proposal, at most: the record's head and the value's, where it goes alone. */
export const proposalOverheadBytes = 256;

export interface ProposalResult {
  readonly instance: number;
  /** The machine's own kind. */
  readonly outcome: unknown;
}

export interface ProposeOptions {
  /** On the monotonic clock, in milliseconds. Absent: waits as long as the replica runs. */
  readonly deadline?: number;
  /** Handed to the machine's `execute` on this replica; see `Batch.context`. */
  readonly context?: unknown;
}

interface Waiter {
  readonly bytes: Uint8Array;
  readonly deadline: number;
  readonly context: unknown;
  readonly resolve: (result: ProposalResult) => void;
  readonly reject: (error: LoggosError) => void;
  isSettled: boolean;
}

/** Proposals that go into one value. */
export interface Batch {
  readonly machineId: number;
  readonly waiters: readonly Waiter[];
  readonly bytes: number;
  /** What the proposers handed in, one entry a proposal; undefined where nobody did. */
  readonly context: readonly unknown[] | undefined;
}

interface InFlight {
  readonly value: Uint8Array;
  readonly batch: Batch;
}

/** What clients ask, from their call to the outcome: first waiting for a batch, then in flight at an instance. */
export class Proposals {
  readonly #limits: ReplicaLimits;
  /** By machine, in order of arrival; machines take turns. */
  readonly #waiting = new TransientMap<number, Waiter[]>();
  /**
   * By instance. There is more than one at an instance where this replica lost its office and won it again, before it
   * learned what was chosen there.
   */
  readonly #inFlight = new TransientMap<number, readonly InFlight[]>();
  #waitingCount = 0;
  #waitingBytes = 0;
  #inFlightBytes = 0;

  constructor(limits: ReplicaLimits) {
    this.#limits = limits;
  }

  get isIdle(): boolean {
    return this.#waitingCount === 0 && this.#inFlight.size === 0;
  }

  get waitingCount(): number {
    return this.#waitingCount;
  }

  /** Bytes that the log must have room for, if all that is here is written. */
  get bytes(): number {
    return this.#waitingBytes + this.#inFlightBytes;
  }

  /** @throws LoggosError `busy`: too much is waiting */
  submit(machineId: number, bytes: Uint8Array, options: ProposeOptions): Promise<ProposalResult> {
    const needed = bytes.length + proposalOverheadBytes;
    if (this.#waitingBytes + needed > this.#limits.waitingBytesMax) {
      return Promise.reject(new LoggosError('busy', 'Too many writes are waiting for the log.', { cause: 'queue' }));
    }
    const { promise, resolve, reject } = Promise.withResolvers<ProposalResult>();
    const { deadline = Number.POSITIVE_INFINITY, context } = options;
    const queue = this.#waiting.get(machineId);
    const waiter: Waiter = { bytes, deadline, context, resolve, reject, isSettled: false };
    if (queue === undefined) this.#waiting.set(machineId, [waiter]);
    else queue.push(waiter);
    this.#waitingCount++;
    this.#waitingBytes += needed;
    return promise;
  }

  /** Takes the next batch: all that waits for one machine, as far as the limits go. */
  cut(): Batch | undefined {
    const next = this.#waiting.entries().next();
    if (next.done === true) return undefined;
    const [machineId, queue] = next.value;
    let count = 0;
    let bytes = 0;
    for (const waiter of queue) {
      const withIt = bytes + waiter.bytes.length + proposalOverheadBytes;
      if (count > 0 && (withIt > this.#limits.batchBytesMax || count >= this.#limits.batchCountMax)) break;
      bytes = withIt;
      count++;
    }
    const waiters = queue.splice(0, count);
    // Behind the others: machines take turns.
    this.#waiting.delete(machineId);
    if (queue.length > 0) this.#waiting.set(machineId, queue);
    this.#waitingCount -= count;
    this.#waitingBytes -= bytes;
    const hasContext = waiters.some((waiter) => waiter.context !== undefined);
    return { machineId, waiters, bytes, context: hasContext ? waiters.map((waiter) => waiter.context) : undefined };
  }

  /** `batch` was proposed as `value` at `instance`; from here on its fate may be unknown. */
  proposed(instance: number, value: Uint8Array, batch: Batch): void {
    const flight = { value, batch };
    const earlier = this.#inFlight.get(instance);
    this.#inFlight.set(instance, earlier === undefined ? [flight] : [...earlier, flight]);
    this.#inFlightBytes += batch.bytes;
  }

  /** What the proposers of a chosen value handed in; undefined where it is another replica's. */
  contextOf(instance: number, value: Uint8Array): readonly unknown[] | undefined {
    const flights = this.#inFlight.get(instance);
    return flights?.find((flight) => isSame(flight.value, value))?.batch.context;
  }

  /**
   * An instance was applied: whoever proposed there gets the outcome. A value that lost its instance to another one was
   * proposed nowhere else, so it is surely not done.
   * @param outcomes - one for each proposal
   */
  applied(instance: number, value: Uint8Array, outcomes: readonly unknown[]): void {
    const flights = this.#inFlight.get(instance);
    if (flights === undefined) return;
    this.#inFlight.delete(instance);
    for (const { value: proposed, batch } of flights) {
      this.#inFlightBytes -= batch.bytes;
      if (isSame(proposed, value)) resolveAll(batch.waiters, instance, outcomes);
      else rejectAll(batch.waiters, noLeader('Another leader took over before the write was chosen.', undefined));
    }
  }

  /** Answers those whose deadline has passed: surely not done while waiting, unknown once in flight. */
  expire(now: number): void {
    for (const [machineId, queue] of this.#waiting) {
      if (!queue.some((waiter) => waiter.deadline <= now)) continue;
      const error = new LoggosError('busy', 'The write waited for its turn until its deadline.', { cause: 'deadline' });
      const [late, rest] = [[] as Waiter[], [] as Waiter[]];
      for (const waiter of queue) (waiter.deadline <= now ? late : rest).push(waiter);
      if (rest.length > 0) this.#waiting.set(machineId, rest);
      else this.#waiting.delete(machineId);
      this.#dropWaiting(late, error);
    }
    for (const flights of this.#inFlight.values()) {
      for (const { batch } of flights) {
        const late = batch.waiters.filter((waiter) => !waiter.isSettled && waiter.deadline <= now);
        if (late.length > 0) rejectAll(late, outcomeUnknown('The deadline passed'));
      }
    }
  }

  /** Refuses all that waits; it was proposed nowhere. */
  refuseWaiting(error: LoggosError): void {
    const queues = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const queue of queues) this.#dropWaiting(queue, error);
  }

  /** Nothing is learned any more: what is in flight may be chosen or not. */
  abandonInFlight(why: string): void {
    const all = [...this.#inFlight.values()].flat();
    this.#inFlight.clear();
    this.#inFlightBytes = 0;
    for (const { batch } of all) rejectAll(batch.waiters, outcomeUnknown(why));
  }

  #dropWaiting(waiters: readonly Waiter[], error: LoggosError): void {
    for (const waiter of waiters) {
      this.#waitingCount--;
      this.#waitingBytes -= waiter.bytes.length + proposalOverheadBytes;
    }
    rejectAll(waiters, error);
  }
}

function resolveAll(waiters: readonly Waiter[], instance: number, outcomes: readonly unknown[]): void {
  for (let index = 0; index < waiters.length; index++) {
    const waiter = waiters[index];
    if (waiter === undefined || waiter.isSettled) continue;
    waiter.isSettled = true;
    waiter.resolve({ instance, outcome: outcomes[index] });
  }
}

function rejectAll(waiters: readonly Waiter[], error: LoggosError): void {
  for (const waiter of waiters) {
    if (waiter.isSettled) continue;
    waiter.isSettled = true;
    waiter.reject(error);
  }
}

/** @param why - begins the sentence */
export function outcomeUnknown(why: string): LoggosError {
  return new LoggosError('outcome-unknown', `${why} while the write was on its way; it may be done or not.`);
}

export function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return left === right || (left.length === right.length && left.every((byte, index) => byte === right[index]));
}
