import type { Clock } from '../base/clock.ts';
import type { Observer } from '../base/observer.ts';
import type { CheckpointStore } from '../documents/store/checkpoint-store.ts';

/** A step reads what the rate allows for so long: short, since the Replayer waits meanwhile. */
const stepMs = 250;
/** Between two whole passes. */
const restMs = 600_000;

export interface ScrubberOptions {
  readonly store: Pick<CheckpointStore, 'scrub'>;
  readonly clock: Clock;
  readonly observer: Observer;
  /** 0: nothing is read. */
  readonly bytesPerSecond: number;
  /** Something does not match its checksum: the checkpoint must not be served any more. */
  readonly onDamage: (damage: string) => void;
}

/** Reads the whole checkpoint again and again, slowly, so that rot is found before it is asked for. */
export class Scrubber {
  readonly #options: ScrubberOptions;
  #cancelNext: (() => void) | undefined;
  #step: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ScrubberOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#options.bytesPerSecond > 0) this.#schedule(stepMs);
  }

  /** Resolves when the step under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelNext?.();
    await this.#step;
  }

  #schedule(delayMs: number): void {
    if (this.#stopped) return;
    this.#cancelNext = this.#options.clock.after(delayMs, () => {
      this.#step = this.#run();
    });
  }

  async #run(): Promise<void> {
    const { store, observer, bytesPerSecond, onDamage } = this.#options;
    try {
      const { bytes, done, damage } = await store.scrub(Math.ceil((bytesPerSecond * stepMs) / 1_000));
      observer.count('scrubbed_bytes', bytes);
      if (damage !== undefined) return onDamage(damage);
      if (done) observer.count('scrub_passes');
      this.#schedule(done ? restMs : stepMs);
    } catch (error) {
      // The store's own failures are told by whoever writes to it.
      observer.report('warn', 'scrub-failed', { error: String(error) });
      this.#schedule(restMs);
    }
  }
}
