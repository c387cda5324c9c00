import type { Ballot } from './ballot.ts';
import type { Membership } from './chosen-value.ts';
import type { ChosenInstance } from './learner.ts';

/** Why an acceptor cannot tell what it accepted: a tail that may have been torn, or damage that is proved (A5, A6). */
export type CannotTellProof = 'ambiguous' | 'damaged';

export interface AcceptedInstance {
  readonly instance: number;
  readonly ballot: Ballot;
  readonly value: Uint8Array;
  /**
   * A newer record of the same instance may have been lost: cannot tell, and this vote where that is settled as never
   * answered.
   */
  readonly maybeSuperseded?: CannotTellProof;
}

/** Asks whether an election would be welcome; nobody promises anything (B7). */
export interface PreVote {
  readonly kind: 'pre-vote';
  /** The round that the election would have. */
  readonly round: number;
  /** The newest membership that the candidate knows, by the instance it was chosen at. */
  readonly epoch: number;
  readonly chosenTo: number;
}

export interface PreVoteAnswer {
  readonly kind: 'pre-vote-answer';
  readonly round: number;
  readonly isGranted: boolean;
  readonly promised: Ballot;
  readonly chosenTo: number;
}

/** Phase 1, once for every instance from `firstInstance` on. */
export interface Prepare {
  readonly kind: 'prepare';
  readonly ballot: Ballot;
  readonly epoch: number;
  readonly firstInstance: number;
  /** The leader itself asked for this election: nobody sticks to it. */
  readonly isTransfer: boolean;
}

/**
 * The answer to `Prepare`, for every instance at once: what is listed in neither `accepted` nor `cannotTell`, above
 * `truncatedTo` and not above `cannotTellAbove`, was never accepted.
 */
export interface Promised {
  readonly kind: 'promised';
  readonly ballot: Ballot;
  /** Everything up to it is chosen, and this acceptor answers for none of it any more: learn it (B3). */
  readonly truncatedTo: number;
  readonly accepted: readonly AcceptedInstance[];
  readonly cannotTell: readonly { readonly instance: number; readonly proof: CannotTellProof }[];
  /** Cannot tell for every instance above this one that is not in `accepted`. */
  readonly cannotTellAbove?: { readonly instance: number; readonly proof: CannotTellProof };
  /** Where it cannot tell: the vote that it may have lost was at most at this ballot. Absent: nothing is known of it. */
  readonly lostAtMost?: Ballot;
  /** As in `HeartbeatAnswer`. */
  readonly time?: number;
}

/** Phase 2 of one instance. */
export interface Accept {
  readonly kind: 'accept';
  readonly ballot: Ballot;
  readonly instance: number;
  readonly value: Uint8Array;
}

export interface Accepted {
  readonly kind: 'accepted';
  readonly ballot: Ballot;
  readonly instance: number;
}

/** Something at `ballot` came after a promise to a higher one. */
export interface Refused {
  readonly kind: 'refused';
  readonly ballot: Ballot;
  readonly promised: Ballot;
}

/** The value accepted at `ballot` is chosen; whoever holds another ballot's value knows nothing new (B5). */
export interface Chosen {
  readonly kind: 'chosen';
  readonly instance: number;
  readonly ballot: Ballot;
  /** The newest instance for which the leader's own vote is on disk: what it must not forget either (A4). */
  readonly votedTo: number;
}

/** The leader is alive; and a question whether it still leads. */
export interface Heartbeat {
  readonly kind: 'heartbeat';
  readonly ballot: Ballot;
  readonly epoch: number;
  /** New for every question, so that late answers confirm nothing (C1); 0: nothing is asked. */
  readonly round: number;
  readonly chosenTo: number;
  /** From here on a whole quorum had never accepted anything when this leader took office; 0: not known yet. */
  readonly openingInstance: number;
  /** As in `Chosen`. */
  readonly votedTo: number;
}

export interface HeartbeatAnswer {
  readonly kind: 'heartbeat-answer';
  readonly ballot: Ballot;
  readonly round: number;
  readonly chosenTo: number;
  /** By the clock of who answers, in milliseconds since 1970. Put in where it leaves: the core has no clock. */
  readonly time?: number;
}

/** Asks for chosen values from `firstInstance` on, in order. One question at a time; the answer is bounded. */
export interface Fetch {
  readonly kind: 'fetch';
  readonly firstInstance: number;
}

/** Values by someone who knows that they are chosen, ascending and without gaps; empty: nothing to give. */
export interface Learned {
  readonly kind: 'learned';
  readonly entries: readonly ChosenInstance[];
  readonly chosenTo: number;
}

/** What was asked for is gone from the log, since the checkpoint covers it, or is damaged there. */
export interface Trimmed {
  readonly kind: 'trimmed';
  /** The oldest instance that could be had. */
  readonly minChosenInstance: number;
}

/** The leader hands its office over: campaign at once. */
export interface TakeOver {
  readonly kind: 'take-over';
  readonly ballot: Ballot;
}

/** What the state machines became at some instances, for comparison (E5). */
export interface Fingerprints {
  readonly kind: 'fingerprints';
  readonly marks: readonly FingerprintMark[];
}

export interface FingerprintMark {
  readonly machineId: number;
  /** `execution`: its fingerprint after that instance. `digest`: of all that its checkpoint held there. */
  readonly of: 'execution' | 'digest';
  readonly instance: number;
  readonly fingerprint: Uint8Array;
}

/** A new group's first boot: who are you, and did you ever accept a membership? */
export interface Form {
  readonly kind: 'form';
}

export interface FormAnswer {
  readonly kind: 'form-answer';
  /** The membership that it accepted or knows, if any. */
  readonly membership?: Membership;
}

/** The other one knows less of the membership than was chosen, or is not in it any more (G3). */
export interface Outdated {
  readonly kind: 'outdated';
  readonly epoch: number;
  readonly membership: Membership;
}

/** Asks a session that knows less than its incarnation had said whether it is alive, or words of a process long gone. */
export interface Challenge {
  readonly kind: 'challenge';
  /** Of the one who asks: an answer to it was given while that process lived. */
  readonly session: string;
}

export interface ChallengeAnswer {
  readonly kind: 'challenge-answer';
  readonly session: string;
}

/** The other one forgot what it had said: its disk is older than its word, and its votes do not count (A4). */
export interface Distrusted {
  readonly kind: 'distrusted';
  /** Of the one that forgot: the next process on that machine may have another disk. */
  readonly session: string;
  readonly lastInstance: number;
}

/** What members of a group say to each other, and to themselves. */
export type PaxosMessage =
  | PreVote
  | PreVoteAnswer
  | Prepare
  | Promised
  | Accept
  | Accepted
  | Refused
  | Chosen
  | Heartbeat
  | HeartbeatAnswer
  | Fetch
  | Learned
  | Trimmed
  | TakeOver
  | Fingerprints
  | Form
  | FormAnswer
  | Outdated
  | Challenge
  | ChallengeAnswer
  | Distrusted;
