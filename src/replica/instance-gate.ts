import { assert } from '../base/assert.ts';
import { LoggosError } from '../base/errors.ts';

interface Waiter {
  readonly instance: number;
  readonly deadline: number;
  readonly resolve: () => void;
  readonly reject: (error: LoggosError) => void;
}

/** Lets readers wait for an instance. One owner advances it; anyone may wait. */
export class InstanceGate {
  readonly #waitersMax: number;
  #reached: number;
  #waiters: Waiter[] = [];

  constructor(reached: number, waitersMax: number) {
    this.#reached = reached;
    this.#waitersMax = waitersMax;
  }

  get reached(): number {
    return this.#reached;
  }

  get isIdle(): boolean {
    return this.#waiters.length === 0;
  }

  /**
   * Resolves once `instance` has been reached, at once where it has.
   * @throws LoggosError `position-not-reached` at the deadline, `busy` where too many wait
   */
  wait(instance: number, deadline: number): Promise<void> {
    if (instance <= this.#reached) return Promise.resolve();
    if (this.#waiters.length >= this.#waitersMax) {
      return Promise.reject(new LoggosError('busy', 'Too many reads are waiting.', { cause: 'reads' }));
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiters.push({ instance, deadline, resolve, reject });
    return promise;
  }

  advance(instance: number): void {
    assert(instance >= this.#reached, 'an applied instance never goes back');
    this.#reached = instance;
    if (this.#waiters.length === 0) return;
    const [passed, rest] = [[] as Waiter[], [] as Waiter[]];
    for (const waiter of this.#waiters) (waiter.instance <= instance ? passed : rest).push(waiter);
    this.#waiters = rest;
    for (const waiter of passed) waiter.resolve();
  }

  expire(now: number): void {
    if (!this.#waiters.some((waiter) => waiter.deadline <= now)) return;
    const [late, rest] = [[] as Waiter[], [] as Waiter[]];
    for (const waiter of this.#waiters) (waiter.deadline <= now ? late : rest).push(waiter);
    this.#waiters = rest;
    for (const { instance, reject } of late) {
      const facts = { instance, appliedInstance: this.#reached };
      reject(new LoggosError('position-not-reached', `Instance ${instance} was not applied in time.`, facts));
    }
  }

  fail(error: LoggosError): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(error);
  }
}
