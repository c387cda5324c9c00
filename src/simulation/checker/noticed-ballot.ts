/** A ballot as the checker is told it. It compares them by itself: the code under test does not judge itself. */
export interface NoticedBallot {
  readonly round: number;
  readonly replica: number;
  readonly incarnation: string;
}

/** Negative, zero or positive, as `left` is below, equal to or above `right`. */
export function compareNoticed(left: NoticedBallot, right: NoticedBallot): number {
  if (left.round !== right.round) return left.round - right.round;
  if (left.replica !== right.replica) return left.replica - right.replica;
  if (left.incarnation === right.incarnation) return 0;
  return left.incarnation < right.incarnation ? -1 : 1;
}

export function printBallot({ round, replica, incarnation }: NoticedBallot): string {
  return `${round}.${replica}.${incarnation.slice(0, 4)}`;
}
