import type { Log } from '../log/log.ts';
import { type CoreState, everyVoterPromised } from '../paxos/core.ts';

/**
 * Tells the log, once, that what its ambiguous tail may have hidden matters no more: every voter has answered this
 * leader since, or each instance in doubt was learned or voted on anew.
 */
export class DoubtSettler {
  readonly #core: CoreState;
  readonly #log: Log;
  #isSettled = false;

  constructor(core: CoreState, log: Log) {
    this.#core = core;
    this.#log = log;
  }

  /** Does nothing as long as there are doubts. */
  async settle(): Promise<void> {
    if (this.#isSettled || !this.#isClear()) return;
    this.#isSettled = true;
    await this.#log.settleAmbiguous();
  }

  #isClear(): boolean {
    const { acceptor, leader } = this.#core;
    if (leader.phase === 'leading' && everyVoterPromised(this.#core)) return true;
    if (acceptor.cannotTell.size > 0 || acceptor.cannotTellAbove !== undefined) return false;
    for (const vote of acceptor.accepted.values()) if (vote.maybeSuperseded !== undefined) return false;
    return true;
  }
}
