import type { Clock } from '../base/clock.ts';

/** Somebody may wait here until a deadline. */
export interface Expiring {
  /** Nobody waits. */
  readonly isIdle: boolean;
  /** Answers those whose deadline is not after `now`, monotonic milliseconds. */
  expire(now: number): void;
}

/** Looks at deadlines as long as anybody waits. */
export class DeadlineSweep {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #waiting: readonly Expiring[];
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, everyMs: number, waiting: readonly Expiring[]) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#waiting = waiting;
  }

  /** Somebody may wait now. */
  later(): void {
    if (this.#cancel !== undefined || this.#waiting.every(({ isIdle }) => isIdle)) return;
    this.#cancel = this.#clock.after(this.#everyMs, () => {
      this.#cancel = undefined;
      const now = this.#clock.monotonic();
      for (const waiting of this.#waiting) waiting.expire(now);
      this.later();
    });
  }

  stop(): void {
    this.#cancel?.();
  }
}
