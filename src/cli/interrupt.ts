import { note } from './output.ts';

/** npm passes on what the terminal sends to everyone: the second signal of one Ctrl-C comes within this time. */
const sameKeyMs = 1_000;

/** Ctrl-C: the first time what runs comes to its end, the second time it does not. */
export class Interrupt {
  isRaised = false;
  readonly #onSignal: () => void;

  constructor(running: { close(): void }) {
    let firstAt: number | undefined;
    this.#onSignal = () => {
      if (firstAt !== undefined && performance.now() - firstAt <= sameKeyMs) return;
      if (this.isRaised) {
        running.close();
        process.exit(130);
      }
      firstAt = performance.now();
      this.isRaised = true;
      note('stopping; again to stop at once');
    };
    process.on('SIGINT', this.#onSignal);
  }

  end(): void {
    process.off('SIGINT', this.#onSignal);
  }
}
