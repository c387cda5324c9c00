import type { Clock } from '../base/clock.ts';

/** Calls an action again and again, with a pause between; a late one is not made up for. */
export class Ticking {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #action: () => void;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, everyMs: number, action: () => void) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#action = action;
  }

  start(): void {
    this.#cancel = this.#clock.after(this.#everyMs, () => {
      this.start();
      this.#action();
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
