import type { Ballot } from './ballot.ts';

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

/** Phase 1, once for every instance from `firstInstance` on. */
export interface Prepare {
  readonly kind: 'prepare';
  readonly ballot: Ballot;
  readonly firstInstance: number;
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
}

/** The value itself, by someone who knows that it is chosen. */
export interface Learned {
  readonly kind: 'learned';
  readonly instance: number;
  readonly ballot: Ballot;
  readonly value: Uint8Array;
}

/** Asks whether `ballot` still leads. `round` is new for every question, so that late answers confirm nothing (C1). */
export interface Confirm {
  readonly kind: 'confirm';
  readonly ballot: Ballot;
  readonly round: number;
}

export interface Confirmed {
  readonly kind: 'confirmed';
  readonly ballot: Ballot;
  readonly round: number;
}

/** What members of a group say to each other, and to themselves. */
export type PaxosMessage = Prepare | Promised | Accept | Accepted | Refused | Chosen | Learned | Confirm | Confirmed;
