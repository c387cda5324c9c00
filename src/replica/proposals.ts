import { LoggosError } from '../base/errors.ts';
import { TransientMap } from '../base/transient-map.ts';
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
  readonly #inFlight = new TransientMap<number, InFlight>();
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
    this.#inFlight.set(instance, { value, batch });
    this.#inFlightBytes += batch.bytes;
  }

  /** What the proposers of a chosen value handed in. */
  contextOf(instance: number): readonly unknown[] | undefined {
    return this.#inFlight.get(instance)?.batch.context;
  }

  /**
   * An instance was applied: whoever proposed there gets the outcome. A value that lost its instance to another one was
   * proposed nowhere else, so it is surely not done.
   * @param outcomes - one for each proposal
   */
  applied(instance: number, value: Uint8Array, outcomes: readonly unknown[]): void {
    const flight = this.#inFlight.get(instance);
    if (flight === undefined) return;
    this.#land(instance, flight);
    const { waiters } = flight.batch;
    if (!isSame(flight.value, value)) {
      const error = new LoggosError('no-leader', 'Another leader took over before the write was chosen.');
      for (const waiter of waiters) settle(waiter, () => waiter.reject(error));
      return;
    }
    for (let index = 0; index < waiters.length; index++) {
      const waiter = waiters[index];
      if (waiter === undefined || waiter.isSettled) continue;
      waiter.isSettled = true;
      waiter.resolve({ instance, outcome: outcomes[index] });
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
    for (const { batch } of this.#inFlight.values()) {
      for (const waiter of batch.waiters) {
        if (waiter.deadline <= now) settle(waiter, () => waiter.reject(outcomeUnknown('The deadline passed')));
      }
    }
  }

  /** Refuses all that waits; it was proposed nowhere. */
  refuseWaiting(error: LoggosError): void {
    const queues = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const queue of queues) this.#dropWaiting(queue, error);
  }

  /** The replica stops: what is in flight may be chosen or not. */
  abandonInFlight(): void {
    for (const [instance, flight] of this.#inFlight) {
      this.#land(instance, flight);
      for (const waiter of flight.batch.waiters) {
        settle(waiter, () => waiter.reject(outcomeUnknown('The replica stopped')));
      }
    }
  }

  #land(instance: number, flight: InFlight): void {
    this.#inFlight.delete(instance);
    this.#inFlightBytes -= flight.batch.bytes;
  }

  #dropWaiting(waiters: readonly Waiter[], error: LoggosError): void {
    for (const waiter of waiters) {
      this.#waitingCount--;
      this.#waitingBytes -= waiter.bytes.length + proposalOverheadBytes;
      settle(waiter, () => waiter.reject(error));
    }
  }
}

function settle(waiter: Waiter, answer: () => void): void {
  if (waiter.isSettled) return;
  waiter.isSettled = true;
  answer();
}

function outcomeUnknown(why: string): LoggosError {
  return new LoggosError('outcome-unknown', `${why} while the write was on its way; it may be done or not.`);
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return left === right || (left.length === right.length && left.every((byte, index) => byte === right[index]));
}
