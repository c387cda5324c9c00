import { LoggosError } from '../base/errors.ts';
import { type Ballot, ballotZero, compareBallots } from '../paxos/ballot.ts';
import type { PromiseFiles } from './promise-files.ts';

/** Writes promises one after the other; a ballot that is already promised, or about to be, is not written again. */
export class PromiseQueue {
  readonly #files: PromiseFiles | undefined;
  readonly #onFailure: (error: unknown) => void;
  #work: Promise<void> = Promise.resolve();
  #asked: Ballot;

  /** @param files - absent: both copies are lost, and nothing may be promised (A7) */
  constructor(files: PromiseFiles | undefined, onFailure: (error: unknown) => void) {
    this.#files = files;
    this.#onFailure = onFailure;
    this.#asked = files?.promised ?? ballotZero;
  }

  get isLost(): boolean {
    return this.#files === undefined;
  }

  /** The highest ballot that was asked for. */
  get asked(): Ballot {
    return this.#asked;
  }

  /** Resolves when this ballot, or a higher one, is durable in both copies. */
  async reach(ballot: Ballot): Promise<void> {
    const files = this.#files;
    if (files === undefined) throw promiseLost();
    if (compareBallots(ballot, this.#asked) > 0) {
      this.#asked = ballot;
      this.#work = this.#work.then(() => files.write(ballot));
      this.#work.catch(this.#onFailure);
    }
    await this.#work;
  }

  async close(): Promise<void> {
    await this.#work.catch(() => undefined);
    await this.#files?.close();
  }
}

export function promiseLost(): LoggosError {
  return new LoggosError('log-damaged', 'what this replica promised is lost: it may not vote');
}
