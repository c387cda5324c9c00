import type { ReplicaId } from './ballot.ts';

/** Whether more than half of `voters` are in `answered`. An empty electorate never has a quorum. */
export function isQuorum(voters: readonly ReplicaId[], answered: ReadonlySet<ReplicaId>): boolean {
  let count = 0;
  for (const voter of voters) if (answered.has(voter)) count++;
  return count * 2 > voters.length;
}
