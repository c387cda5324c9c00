import type { Clock } from '../../src/base/clock.ts';

/** Time that passes only when the test says so, a step for every few turns of the event loop. */
export class ManualClock implements Clock {
  #nowMs = 1_000_000;
  #timers: { readonly at: number; readonly action: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { at: this.#nowMs + delayMs, action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Lets time pass in steps of 5 ms, and all that comes of it happen. */
  async pass(durationMs: number): Promise<void> {
    for (const end = this.#nowMs + durationMs; this.#nowMs < end; ) {
      this.#nowMs += 5;
      const due = this.#timers.filter(({ at }) => at <= this.#nowMs).sort((left, right) => left.at - right.at);
      this.#timers = this.#timers.filter(({ at }) => at > this.#nowMs);
      for (const { action } of due) action();
      for (let turn = 0; turn < 6; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /** @throws Error where it does not become true within that time */
  async until(condition: () => boolean, what: string, withinMs = 20_000): Promise<void> {
    for (const end = this.#nowMs + withinMs; this.#nowMs < end; ) {
      if (condition()) return;
      await this.pass(5);
    }
    throw new Error(`within ${withinMs} ms it did not happen that ${what}`);
  }
}
