import type { Clock } from '../../../src/base/clock.ts';

/** Time that a test moves. */
export class ManualClock implements Clock {
  #time = 1_800_000_000_000;
  readonly #timers = new Set<{ readonly at: number; readonly action: () => void }>();

  now(): number {
    return this.#time;
  }

  monotonic(): number {
    return this.#time - 1_800_000_000_000;
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { at: this.#time + delayMs, action };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Moves on, calling what is due in order. */
  advance(durationMs: number): void {
    const end = this.#time + durationMs;
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((left, right) => left.at - right.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#time = Math.max(this.#time, due.at);
      due.action();
    }
    this.#time = end;
  }

  get timerCount(): number {
    return this.#timers.size;
  }
}

/** Lets everything that is ready run, until nothing is. */
export async function settle(turns = 50): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
