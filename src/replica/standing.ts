import type { Observer } from '../base/observer.ts';
import type { Ballot, ReplicaId } from '../paxos/ballot.ts';
import { type CoreState, canRead } from '../paxos/core.ts';
import type { PaxosMessage } from '../paxos/messages.ts';

export interface StandingHost {
  readonly appliedInstance: number;
  /** It leads no more: what waited for it to propose is not proposed, and no read of it is confirmed. */
  onOfficeLost(): void;
  /** It leads and has applied all that was chosen before, or has come level with the leader that it follows. */
  onLevel(): void;
}

/** Where a replica stands in its group: whom it follows, whether it leads, and whether it is level. */
export class Standing {
  readonly #core: CoreState;
  readonly #observer: Observer;
  readonly #host: StandingHost;
  /** The ballot that it leads at. */
  #office: Ballot | undefined;
  #isLevelInOffice = false;
  /** What the first leader that it heard knew to be chosen then. */
  #levelInstance: number | undefined;
  #isLevel = false;

  constructor(core: CoreState, observer: Observer, host: StandingHost) {
    this.#core = core;
    this.#observer = observer;
    this.#host = host;
  }

  /** Who leads, as far as this replica knows. */
  get leader(): ReplicaId | undefined {
    return this.#core.election.leader;
  }

  /** It leads, and has been level since it does. */
  get isLevelLeader(): boolean {
    return this.#isLevelInOffice && this.#core.leader.phase === 'leading';
  }

  /** A message was taken. */
  heard(from: ReplicaId, message: PaxosMessage): void {
    if (message.kind !== 'heartbeat' || this.leader !== from || this.#levelInstance !== undefined) return;
    this.#levelInstance = message.chosenTo;
    this.look();
  }

  /** Called after every step, and when instances were applied. */
  look(): void {
    const { leader } = this.#core;
    const office = leader.phase === 'leading' ? leader.ballot : undefined;
    if (office !== this.#office) this.#onOffice(office);
    if (!this.#isLevelInOffice) {
      const { openingInstance = Number.POSITIVE_INFINITY } = leader;
      this.#isLevelInOffice = canRead(this.#core) && this.#host.appliedInstance >= openingInstance;
    }
    if (this.#isLevel || !(this.#isLevelInOffice || this.#isLevelFollower())) return;
    this.#isLevel = true;
    this.#host.onLevel();
  }

  #isLevelFollower(): boolean {
    return this.#levelInstance !== undefined && this.#host.appliedInstance >= this.#levelInstance;
  }

  #onOffice(office: Ballot | undefined): void {
    const hadOffice = this.#office !== undefined;
    this.#office = office;
    this.#isLevelInOffice = false;
    if (hadOffice) this.#host.onOfficeLost();
    if (office !== undefined) this.#observer.count('elections_won_total');
    this.#observer.report('info', office === undefined ? 'leader-lost' : 'leader-won', {
      round: office?.round ?? this.#core.acceptor.promised.round,
    });
  }
}
