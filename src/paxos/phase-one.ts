import { isPlanted } from '../base/planted-bugs.ts';
import { type Ballot, compareBallots, type ReplicaId } from './ballot.ts';
import type { AcceptedInstance, CannotTellProof, Promised } from './messages.ts';
import { isQuorum } from './quorum.ts';

/** What a leader may propose at an instance, as far as the promises in hand say. */
export type Verdict =
  /** A value that may have been chosen: the one of the highest ballot must be proposed again. */
  | { readonly kind: 'value'; readonly value: Uint8Array }
  /** A full quorum never accepted anything: nothing was chosen, and the leader is free. */
  | { readonly kind: 'never' }
  /** More promises, or the chosen value itself, must come first. */
  | { readonly kind: 'open' };

/** Why nobody can lead, as far as one election found out. */
export interface Hindrance {
  readonly instance: number;
  /** Voters that cannot tell what they accepted there. */
  readonly cannotTell: readonly ReplicaId[];
  /** Voters that have not answered. */
  readonly silent: readonly ReplicaId[];
}

/** The promises to one ballot, by who gave them, with what they list made easy to look up. */
export class Promises {
  /** Above it every promise says the same of every instance: *never*, or that it cannot tell. 0: none lists any. */
  lastListed = 0;
  readonly #byReplica = new Map<ReplicaId, Answers>();

  /** The first answer counts: a repeated one says the same or less. */
  add(from: ReplicaId, promised: Promised): void {
    if (this.#byReplica.has(from)) return;
    const answers = new Answers(promised);
    this.#byReplica.set(from, answers);
    this.lastListed = Math.max(this.lastListed, answers.lastListed);
  }

  /** Who keeps an instance open though a quorum has answered; undefined: nobody does, or it can be learned. */
  hindrance(instance: number, voters: readonly ReplicaId[]): Hindrance | undefined {
    if (!isQuorum(voters, new Set(this.#byReplica.keys()))) return undefined;
    const answers = voters.map((voter) => this.#byReplica.get(voter)?.of(instance));
    if (answers.includes('truncated') || this.verdict(instance, voters).kind !== 'open') return undefined;
    const isDoubt = (answer: (typeof answers)[number]) =>
      typeof answer === 'object'
        ? answer.maybeSuperseded !== undefined
        : answer === 'ambiguous' || answer === 'damaged';
    return {
      instance,
      cannotTell: voters.filter((_, index) => isDoubt(answers[index])),
      silent: voters.filter((_, index) => answers[index] === undefined),
    };
  }

  /**
   * The verdict on an instance that is not known to be chosen. Only definite answers count towards the quorum, also
   * where a value was found: one that cannot tell may have accepted another value at a higher ballot. Where the ballot
   * of what it lost is known not to be higher than the highest found, its vote was older, or the same.
   */
  verdict(instance: number, voters: readonly ReplicaId[]): Verdict {
    const everyVoterAnswered = voters.every((voter) => this.#byReplica.has(voter));
    const definite = new Set<ReplicaId>();
    const doubtful: ReplicaId[] = [];
    let highest: AcceptedInstance | undefined;
    for (const [replica, answers] of this.#byReplica) {
      if (!voters.includes(replica)) continue;
      const answer = answers.of(instance);
      // Truncated is not empty (B3): it is learned, never filled.
      if (answer === 'truncated' && !isPlanted('no-op-below-truncation')) return { kind: 'open' };
      const doubt = typeof answer === 'string' ? answer : answer.maybeSuperseded;
      if (doubt === 'damaged' || (doubt === 'ambiguous' && !everyVoterAnswered)) doubtful.push(replica);
      else definite.add(replica);
      if (typeof answer === 'string') continue;
      const isNewest = isPlanted('newest-seen-instead-of-highest-ballot');
      if (highest === undefined || isNewest || compareBallots(answer.ballot, highest.ballot) > 0) highest = answer;
    }
    for (const replica of doubtful) {
      const lostAtMost = this.#byReplica.get(replica)?.lostAtMost;
      if (highest === undefined || lostAtMost === undefined) continue;
      if (compareBallots(lostAtMost, highest.ballot) <= 0) definite.add(replica);
    }
    if (!isQuorum(voters, definite)) return { kind: 'open' };
    return highest === undefined ? { kind: 'never' } : { kind: 'value', value: highest.value };
  }
}

/** What one acceptor said, instance by instance. */
class Answers {
  readonly lastListed: number;
  readonly #promised: Promised;
  readonly #accepted = new Map<number, AcceptedInstance>();
  readonly #cannotTell = new Map<number, CannotTellProof>();

  constructor(promised: Promised) {
    this.#promised = promised;
    for (const vote of promised.accepted) this.#accepted.set(vote.instance, vote);
    for (const { instance, proof } of promised.cannotTell) this.#cannotTell.set(instance, proof);
    const above = promised.cannotTellAbove?.instance ?? 0;
    this.lastListed = Math.max(0, above, ...this.#accepted.keys(), ...this.#cannotTell.keys());
  }

  get lostAtMost(): Ballot | undefined {
    return this.#promised.lostAtMost;
  }

  of(instance: number): AcceptedInstance | 'never' | 'truncated' | CannotTellProof {
    const { truncatedTo, cannotTellAbove } = this.#promised;
    if (instance <= truncatedTo) return 'truncated';
    const vote = this.#accepted.get(instance);
    if (vote !== undefined) return vote;
    const proof = this.#cannotTell.get(instance);
    if (proof !== undefined) return proof;
    if (cannotTellAbove !== undefined && instance > cannotTellAbove.instance) return cannotTellAbove.proof;
    return 'never';
  }
}
