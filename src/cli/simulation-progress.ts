import { stderr } from 'node:process';
import { Presets, SingleBar } from 'cli-progress';
import { note } from './output.ts';

/** Elsewhere than on a terminal there is a line from time to time. */
const lineEverySeconds = 15;

/** How far a simulation is, on stderr: a bar on a terminal, else plain lines. */
export class SimulationProgress {
  readonly #bar: SingleBar | undefined;
  #lineAt = performance.now();

  constructor() {
    if (!stderr.isTTY) return;
    const format = '[{bar}] {percentage}% {text}';
    this.#bar = new SingleBar(
      { format, hideCursor: true, clearOnComplete: true, stream: stderr, barsize: 20, fps: 4 },
      Presets.shades_classic,
    );
    this.#bar.start(1_000, 0, { text: '' });
  }

  /** @param part - from 0 to 1 */
  at(part: number, text: string): void {
    const now = performance.now();
    this.#bar?.update(Math.min(1_000, Math.floor(part * 1_000)), { text });
    if (this.#bar !== undefined || now < this.#lineAt + lineEverySeconds * 1_000) return;
    this.#lineAt = now;
    note(text);
  }

  /** A line that stays, where no bar would be torn by it. */
  tell(line: string): void {
    if (this.#bar === undefined) note(line);
  }

  end(): void {
    this.#bar?.stop();
  }
}
