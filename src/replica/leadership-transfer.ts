import { LoggosError } from '../base/errors.ts';
import type { ReplicaId } from '../paxos/ballot.ts';
import type { CoreInput, CoreState } from '../paxos/core.ts';
import { ruling } from '../paxos/membership.ts';
import { noLeader } from './life.ts';

interface Transfer {
  readonly to: ReplicaId;
  readonly deadline: number;
  readonly done: PromiseWithResolvers<void>;
}

/** The hand-over of leadership that somebody waits for: one at a time. */
export class LeadershipTransfer {
  readonly #core: CoreState;
  readonly #receive: (input: CoreInput) => void;
  #transfer: Transfer | undefined;

  constructor(core: CoreState, receive: (input: CoreInput) => void) {
    this.#core = core;
    this.#receive = receive;
  }

  get isIdle(): boolean {
    return this.#transfer === undefined;
  }

  /**
   * Asks this leader to hand over, and resolves when it follows the other one.
   * @throws LoggosError `usage`: not another voter; `busy`: under way already, or nobody took over
   */
  begin(to: ReplicaId, deadline: number): Promise<void> {
    const { memberships, learner, self, leader } = this.#core;
    const isVoter = ruling(memberships, learner.chosenTo + 1).voters.includes(to);
    if (!isVoter || to === self.replica) {
      return Promise.reject(new LoggosError('usage', `Replica ${to} is not another voter of the group.`, { to }));
    }
    if (this.#transfer !== undefined || leader.handingOver !== undefined) return Promise.reject(notNow('is under way'));
    const done = Promise.withResolvers<void>();
    this.#transfer = { to, deadline, done };
    this.#receive({ kind: 'transfer', to });
    return done.promise;
  }

  /** Looks who leads now; called after every step. */
  look(): void {
    if (this.#transfer === undefined) return;
    const { leader, election } = this.#core;
    if (leader.phase === 'leading') {
      if (leader.handingOver === undefined) this.#end(notNow('was given up: the other one did not take over'));
      return;
    }
    if (election.leader === this.#transfer.to) this.#end(undefined);
    else if (election.leader !== undefined) this.#end(noLeader('Another replica took over.', election.leader));
  }

  expire(now: number): void {
    if (this.#transfer !== undefined && this.#transfer.deadline <= now) this.#end(notNow('took too long'));
  }

  fail(error: LoggosError): void {
    this.#end(error);
  }

  #end(error: LoggosError | undefined): void {
    const transfer = this.#transfer;
    this.#transfer = undefined;
    if (error === undefined) transfer?.done.resolve();
    else transfer?.done.reject(error);
  }
}

function notNow(what: string): LoggosError {
  return new LoggosError('busy', `The hand-over of leadership ${what}.`, { cause: 'transfer' });
}
