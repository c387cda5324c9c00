import { note } from './output.ts';

/** npm passes on what the terminal sends to everyone: the second signal of one Ctrl-C comes within this time. */
const sameKeyMs = 1_000;

/**
 * Ctrl-C: the first time what runs comes to its end, the second time it does not. It is heard until the process ends,
 * since what runs may come to its end between the two signals of one key.
 */
export class Interrupt {
  isRaised = false;

  constructor(running: { close(): void }) {
    let firstAt: number | undefined;
    process.on('SIGINT', () => {
      if (firstAt !== undefined && performance.now() - firstAt <= sameKeyMs) return;
      if (this.isRaised) {
        running.close();
        process.exit(130);
      }
      firstAt = performance.now();
      this.isRaised = true;
      note('stopping; again to stop at once');
    });
  }
}
