import type { Disk } from '../../base/disk.ts';
import { LoggosError } from '../../base/errors.ts';
import type { Hashes } from '../../base/hashes.ts';
import type { HistoryEnd } from '../history/history-end.ts';
import { HistoryReader } from '../history/history-reader.ts';
import { HistoryVerifier } from '../history/verify-history.ts';
import type { ScrubStep } from './row-scrubber.ts';
import type { RowScrub } from './row-storage.ts';
import { type CommittedCheckpoint, historyDirectory } from './schema.ts';
import { isSame } from './verified-rows.ts';

/** A scrub reads everything once: keeping what it read would push out what readers want. */
const historyCacheBytesMax = 256 * 1024;

/** Reads the whole checkpoint in bounded steps, over and over: first every row, then every frame of history. */
export class CheckpointScrubber {
  readonly #rows: RowScrub;
  readonly #reader: HistoryReader;
  readonly #history: HistoryVerifier;
  #rowsAreDone = false;

  constructor(options: {
    readonly rows: RowScrub;
    readonly directory: string;
    readonly disk: Disk;
    readonly hashes: Hashes;
  }) {
    const { rows, directory, disk, hashes } = options;
    this.#rows = rows;
    this.#reader = new HistoryReader({
      disk,
      directory: `${directory}/${historyDirectory}`,
      hashes,
      cacheBytesMax: historyCacheBytesMax,
    });
    this.#history = new HistoryVerifier(this.#reader);
  }

  /** Begins a new pass. */
  restart(): void {
    this.#rowsAreDone = false;
    this.#rows.restart();
    this.#history.restart();
  }

  /** Reads on; damage and the end of a pass begin a new one. */
  async step(bytesMax: number, committed: CommittedCheckpoint, historyEnd: HistoryEnd): Promise<ScrubStep> {
    try {
      const step = await this.#read(bytesMax, committed, historyEnd);
      if (step.done) this.restart();
      return step;
    } catch (error) {
      if (!(error instanceof LoggosError) || error.code !== 'checkpoint-damaged') throw error;
      this.restart();
      return { bytes: bytesMax, done: false, damage: error.message };
    }
  }

  async #read(bytesMax: number, committed: CommittedCheckpoint, historyEnd: HistoryEnd): Promise<ScrubStep> {
    if (!this.#rowsAreDone) {
      const { bytes, done } = this.#rows.step(bytesMax, committed);
      this.#rowsAreDone = done;
      return { bytes, done: false };
    }
    this.#reader.advance(historyEnd);
    const step = await this.#history.step(bytesMax);
    const { lastPosition, chain } = this.#history.verified;
    if (lastPosition === committed.state.position && !isSame(chain, committed.state.chain)) {
      throw new LoggosError('checkpoint-damaged', 'The checkpoint is damaged: its history has another chain.');
    }
    return step;
  }
}
