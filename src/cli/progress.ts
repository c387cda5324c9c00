import { stderr } from 'node:process';
import { Presets, SingleBar } from 'cli-progress';
import { sizeText } from './output.ts';

/** How far long work is, on a terminal's stderr; nobody is told elsewhere. */
export interface Progress {
  /** Bytes done so far. */
  at(doneBytes: number): void;
  /** Takes the bar away; nothing happens the second time. */
  end(): void;
}

export function startProgress(what: string, totalBytes: number): Progress {
  if (!stderr.isTTY) return { at() {}, end() {} };
  const bar = new SingleBar(
    {
      format: `${what} [{bar}] {percentage}% of ${sizeText(totalBytes)}, {eta_formatted} left`,
      hideCursor: true,
      clearOnComplete: true,
      stream: stderr,
    },
    Presets.shades_classic,
  );
  bar.start(totalBytes, 0);
  return { at: (doneBytes) => bar.update(Math.min(doneBytes, totalBytes)), end: () => bar.stop() };
}
