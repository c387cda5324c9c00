/** A replica's number in its cluster: a safe integer from 1. */
export type ReplicaId = number;

/**
 * A proposal number: ordered by round, then replica, then incarnation. Two processes of one replica never share one,
 * since an incarnation names one data directory (A4, B1).
 */
export interface Ballot {
  /** From 1; 0 only in `ballotZero`, which nobody proposes with. */
  readonly round: number;
  readonly replica: ReplicaId;
  /** 16 lower-case hexadecimal digits. */
  readonly incarnation: string;
}

/** Below every real ballot: what an acceptor that never promised has promised. */
export const ballotZero: Ballot = { round: 0, replica: 0, incarnation: '0000000000000000' };

/** Negative, zero or positive, as `left` is below, equal to or above `right`. */
export function compareBallots(left: Ballot, right: Ballot): number {
  if (left.round !== right.round) return left.round - right.round;
  if (left.replica !== right.replica) return left.replica - right.replica;
  if (left.incarnation === right.incarnation) return 0;
  return left.incarnation < right.incarnation ? -1 : 1;
}
