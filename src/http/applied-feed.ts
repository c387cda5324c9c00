import type { Clock } from '../base/clock.ts';
import type { DocumentReader } from '../documents/document-reader.ts';

/** Between two wake-ups of all who wait: many applied instances are one. */
const wakeEveryMs = 5;
/** Whoever waits is woken at least so often, to see that its reader is gone or that a heartbeat is due. */
const tickMs = 500;

/**
 * Wakes everyone who follows the events of one database. All wait on one promise, so that an applied instance costs
 * the same for one stream and for a thousand.
 */
export class AppliedFeed {
  readonly #clock: Clock;
  readonly #unsubscribe: () => void;
  #waiting: PromiseWithResolvers<void> | undefined;
  #isWakePlanned = false;
  #lastWakeAt = 0;
  #isClosed = false;

  constructor(reader: DocumentReader, clock: Clock) {
    this.#clock = clock;
    this.#unsubscribe = reader.onApplied(() => this.#onApplied());
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Resolves soon after the next applied instance, at a tick, or at once where the feed is closed. */
  changed(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    if (this.#waiting === undefined) {
      const waiting = Promise.withResolvers<void>();
      this.#waiting = waiting;
      this.#clock.after(tickMs, () => {
        if (this.#waiting === waiting) this.#wake();
      });
    }
    return this.#waiting.promise;
  }

  /** Every stream ends; later ones end at once. */
  close(): void {
    this.#isClosed = true;
    this.#unsubscribe();
    this.#wake();
  }

  #onApplied(): void {
    if (this.#waiting === undefined || this.#isWakePlanned) return;
    this.#isWakePlanned = true;
    const waitMs = Math.max(0, this.#lastWakeAt + wakeEveryMs - this.#clock.monotonic());
    this.#clock.after(waitMs, () => {
      this.#isWakePlanned = false;
      this.#wake();
    });
  }

  #wake(): void {
    this.#lastWakeAt = this.#clock.monotonic();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve();
  }
}
