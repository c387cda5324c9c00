import { note } from './output.ts';

/** Ctrl-C: the first time what runs comes to its end, the second time it does not. */
export class Interrupt {
  isRaised = false;
  readonly #onSignal: () => void;

  constructor(running: { close(): void }) {
    this.#onSignal = () => {
      if (this.isRaised) {
        running.close();
        process.exit(130);
      }
      this.isRaised = true;
      note('stopping; again to stop at once');
    };
    process.on('SIGINT', this.#onSignal);
  }

  end(): void {
    process.off('SIGINT', this.#onSignal);
  }
}
