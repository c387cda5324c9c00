import { assert } from '../../base/assert.ts';
import type { Acceptor } from './acceptor-words.ts';
import { compareNoticed, type NoticedBallot, printBallot } from './noticed-ballot.ts';
import { Violation } from './violation.ts';

/** One voter of a membership. */
export interface Member {
  readonly replica: number;
  readonly incarnation: string;
}

/** The voters whose quorum decides an instance. Undefined: nobody knows yet, and nothing is concluded. */
export type VotersAt = (instance: number) => readonly Member[] | undefined;

/** One value at one ballot, and who said that it is durable with it. */
interface Vote {
  readonly ballot: NoticedBallot;
  readonly valueHash: string;
  readonly acceptors: Acceptor[];
}

interface Chosen {
  readonly ballot: NoticedBallot;
  readonly valueHash: string;
}

interface Instance {
  readonly votes: Vote[];
  /** Kept once it is known: it does not change for an instance. */
  voters: readonly Member[] | undefined;
  /** By a quorum of those whose disks hold what they say, whether or not anybody has learned of it. */
  chosen: Chosen | undefined;
  /** What the first replica called chosen. */
  called: string | undefined;
}

/**
 * One value an instance, for ever: from the moment when a quorum has said that it is durable, known or not, nothing
 * else is proposed above that ballot, accepted, or called chosen.
 */
export class ChosenValues {
  readonly #votersAt: VotersAt;
  readonly #firstInstance: number;
  readonly #instancesMax: number;
  readonly #instances = new Map<number, Instance>();

  /** @param options.firstInstance - what is below it was chosen before the run began */
  constructor(options: { readonly votersAt: VotersAt; readonly firstInstance: number; readonly instancesMax: number }) {
    this.#votersAt = options.votersAt;
    this.#firstInstance = options.firstInstance;
    this.#instancesMax = options.instancesMax;
  }

  /** The hash of what a quorum holds; undefined: nothing is chosen yet. */
  chosenAt(instance: number): string | undefined {
    return this.#instances.get(instance)?.chosen?.valueHash;
  }

  /** A leader sends an accept. @throws Violation `chosen-then-lost`, `two-values-at-a-ballot` */
  onProposed(instance: number, ballot: NoticedBallot, valueHash: string): void {
    const { chosen, votes } = this.#counted(instance);
    if (chosen !== undefined && chosen.valueHash !== valueHash && compareNoticed(ballot, chosen.ballot) > 0) {
      throw lost(instance, chosen, { ballot, valueHash });
    }
    const vote = voteAt(votes, ballot);
    if (vote === undefined) {
      votes.push({ ballot, valueHash, acceptors: [] });
    } else if (vote.valueHash !== valueHash) {
      const detail = `${valueHash} is proposed at ${printBallot(ballot)}, where ${vote.valueHash} was before`;
      throw new Violation('two-values-at-a-ballot', `instance ${instance}: ${detail}`);
    }
  }

  /**
   * @returns the hash of what was proposed at that ballot: the answer does not name it
   * @throws Violation `accepted-unproposed`, `chosen-then-lost`, `two-values`
   */
  onAccepted(acceptor: Acceptor, instance: number, ballot: NoticedBallot): string {
    const state = this.#counted(instance);
    const vote = voteAt(state.votes, ballot);
    if (vote === undefined) {
      throw new Violation('accepted-unproposed', `instance ${instance} is accepted at ${printBallot(ballot)}`);
    }
    if (!vote.acceptors.includes(acceptor)) {
      vote.acceptors.push(acceptor);
      count(state, instance, vote);
    }
    return vote.valueHash;
  }

  /**
   * A replica calls a value chosen: it counted a quorum, was told, executed it.
   * @throws Violation `two-values`, `chosen-without-quorum`
   */
  onChosen(replica: number, instance: number, valueHash: string): void {
    if (instance < this.#firstInstance) return;
    const state = this.#counted(instance);
    const known = state.chosen?.valueHash ?? state.called;
    if (known !== undefined && known !== valueHash) {
      const detail = `replica ${replica} calls ${valueHash} chosen, where ${known} is`;
      throw new Violation('two-values', `instance ${instance}: ${detail}`);
    }
    if (known === undefined && !isClaimed(state, valueHash)) {
      const detail = `replica ${replica} calls ${valueHash} chosen, no quorum has said that it is durable`;
      throw new Violation('chosen-without-quorum', `instance ${instance}: ${detail}`);
    }
    state.called = valueHash;
  }

  /** Who votes may become known only after the votes. */
  #counted(instance: number): Instance {
    const state = this.#instance(instance);
    if (state.voters !== undefined) return state;
    state.voters = this.#votersAt(instance);
    for (const vote of state.votes) count(state, instance, vote);
    return state;
  }

  #instance(instance: number): Instance {
    let state = this.#instances.get(instance);
    if (state === undefined) {
      assert(this.#instances.size < this.#instancesMax, 'a run has fewer instances than the limit');
      state = { votes: [], voters: undefined, chosen: undefined, called: undefined };
      this.#instances.set(instance, state);
    }
    return state;
  }
}

/** Whether with this vote a quorum has the value, of those whose disks hold what they say. */
function count(state: Instance, instance: number, vote: Vote): void {
  if (state.voters === undefined || state.chosen !== undefined) return;
  if (!hasQuorum(state.voters, vote, ({ isDoubtful }) => !isDoubtful)) return;
  const { ballot, valueHash } = vote;
  if (state.called !== undefined && state.called !== valueHash) {
    const detail = `${valueHash} is chosen at ${printBallot(ballot)}, ${state.called} was called chosen`;
    throw new Violation('two-values', `instance ${instance}: ${detail}`);
  }
  // Who proposed above this ballot before the quorum was whole must have found the value all the same.
  const other = state.votes.find((one) => one.valueHash !== valueHash && compareNoticed(one.ballot, ballot) > 0);
  if (other !== undefined) throw lost(instance, vote, other);
  state.chosen = { ballot, valueHash };
}

/** Whether a replica may in good faith take it for chosen: doubtful votes count here. True where nobody knows who votes. */
function isClaimed({ voters, votes }: Instance, valueHash: string): boolean {
  if (voters === undefined) return true;
  return votes.some((vote) => vote.valueHash === valueHash && hasQuorum(voters, vote, () => true));
}

function hasQuorum(voters: readonly Member[], vote: Vote, counts: (acceptor: Acceptor) => boolean): boolean {
  const voting = voters.filter(({ replica, incarnation }) => {
    return vote.acceptors.some((one) => one.replica === replica && one.incarnation === incarnation && counts(one));
  });
  return voting.length * 2 > voters.length;
}

function lost(instance: number, chosen: Chosen, other: Chosen): Violation {
  const was = `${chosen.valueHash} is chosen at ${printBallot(chosen.ballot)}`;
  const detail = `${was}, ${other.valueHash} is proposed at ${printBallot(other.ballot)}`;
  return new Violation('chosen-then-lost', `instance ${instance}: ${detail}`);
}

function voteAt(votes: readonly Vote[], ballot: NoticedBallot): Vote | undefined {
  return votes.find((vote) => compareNoticed(vote.ballot, ballot) === 0);
}
