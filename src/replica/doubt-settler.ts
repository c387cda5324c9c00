import type { Log } from '../log/log.ts';
import type { CoreState } from '../paxos/core.ts';
import type { Storage } from './storage.ts';

/**
 * Tells the log, once, that what its ambiguous tail may have hidden matters no more: each instance in doubt was learned,
 * voted on anew, or lies above the opening of a leader elected since. What an election found in the hands of others does
 * not settle it: that leader may end before anyone accepts it again, and the next one must hear of the doubt.
 */
export class DoubtSettler {
  readonly #core: CoreState;
  readonly #log: Log;
  readonly #storage: Storage;
  #isSettled = false;

  constructor(core: CoreState, log: Log, storage: Storage) {
    this.#core = core;
    this.#log = log;
    this.#storage = storage;
  }

  /** Does nothing as long as there are doubts. */
  async settle(): Promise<void> {
    if (this.#isSettled || !this.#isClear()) return;
    this.#isSettled = true;
    // A crash must not keep the word and lose the vote that it rests on.
    await new Promise<void>((resolve) => this.#storage.afterSync(resolve));
    await this.#log.settleAmbiguous();
  }

  #isClear(): boolean {
    const { acceptor } = this.#core;
    if (acceptor.cannotTell.size > 0 || acceptor.cannotTellAbove !== undefined) return false;
    for (const vote of acceptor.accepted.values()) if (vote.maybeSuperseded !== undefined) return false;
    return true;
  }
}
