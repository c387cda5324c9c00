import type { Clock } from '../base/clock.ts';
import { LoggosError } from '../base/errors.ts';

interface Waiter {
  readonly position: number;
  readonly resolve: () => void;
}

/** So many may wait at once; one more is `busy`. */
const waitersMax = 10_000;

/** Lets readers wait for a position. */
export class PositionGate {
  readonly #clock: Clock;
  readonly #reached: () => number;
  readonly #waiters = new Set<Waiter>();

  /** @param reached - the last applied position now; whoever moves it calls `advanced` */
  constructor(clock: Clock, reached: () => number) {
    this.#clock = clock;
    this.#reached = reached;
  }

  /**
   * Resolves when `position` is reached, at once where it has been.
   * @param deadline - on the monotonic clock, milliseconds
   * @throws LoggosError `position-not-reached`, `busy`
   */
  wait(position: number, deadline: number): Promise<void> {
    if (position <= this.#reached()) return Promise.resolve();
    if (this.#waiters.size >= waitersMax) {
      return Promise.reject(new LoggosError('busy', 'Too many reads are waiting.', { cause: 'reads' }));
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const cancel = this.#clock.after(Math.max(0, deadline - this.#clock.monotonic()), () => {
      this.#waiters.delete(waiter);
      const facts = { position: this.#reached() };
      reject(new LoggosError('position-not-reached', `Position ${position} is not applied here yet.`, facts));
    });
    const waiter: Waiter = {
      position,
      resolve: () => {
        cancel();
        resolve();
      },
    };
    this.#waiters.add(waiter);
    return promise;
  }

  /** Positions were applied: on the path of every write, so it is cheap while nobody waits. */
  advanced(): void {
    if (this.#waiters.size === 0) return;
    const reached = this.#reached();
    for (const waiter of this.#waiters) {
      if (waiter.position > reached) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }
}
