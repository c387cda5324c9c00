import type { Clock } from '../base/clock.ts';
import { LoggosError } from '../base/errors.ts';

/** At the limit a new waiter is answered `busy`. */
const waiterCountMax = 10_000;

interface Waiter {
  readonly instance: number;
  readonly done: (error?: LoggosError) => void;
}

/** Lets readers wait for an instance. One owner advances it; anyone may wait. */
export class InstanceWaiters {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiter>();
  #reached: number;
  #closed = false;

  constructor(clock: Clock, reached: number) {
    this.#clock = clock;
    this.#reached = reached;
  }

  /**
   * Resolves when `instance` has been reached.
   * @param deadline - on the monotonic clock, milliseconds
   * @throws LoggosError `position-not-reached`, `busy`, `stopped`
   */
  wait(instance: number, deadline: number): Promise<void> {
    if (instance <= this.#reached) return Promise.resolve();
    if (this.#closed) return Promise.reject(stopped());
    if (this.#waiting.size >= waiterCountMax) {
      return Promise.reject(new LoggosError('busy', 'Too many requests wait for the checkpoint'));
    }
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(Math.max(0, deadline - this.#clock.monotonic()), () =>
        waiter.done(
          new LoggosError('position-not-reached', `The checkpoint has not reached instance ${instance} in time`),
        ),
      );
      const waiter: Waiter = {
        instance,
        done: (error) => {
          this.#waiting.delete(waiter);
          cancel();
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      this.#waiting.add(waiter);
    });
  }

  advance(instance: number): void {
    this.#reached = Math.max(this.#reached, instance);
    for (const waiter of this.#waiting) if (waiter.instance <= this.#reached) waiter.done();
  }

  /** Fails whoever waits. */
  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiting) waiter.done(stopped());
  }
}

function stopped(): LoggosError {
  return new LoggosError('stopped', 'The replica is stopping');
}
