import type { TransientMap } from '../base/transient-map.ts';
import type { ReplicaId } from './ballot.ts';
import { isQuorum } from './quorum.ts';

/**
 * Questions whether this leader still leads. A read is covered by a round that started after it arrived (C1), and is
 * answered at what was known chosen when the round started.
 */
export interface ReadIndexState {
  readonly rounds: TransientMap<number, { readonly instance: number; readonly confirmedBy: Set<ReplicaId> }>;
}

/** The question asked last that waits for its quorum; 0: none. Asking it again makes up for a lost message. */
export function newestRound({ rounds }: ReadIndexState): number {
  let newest = 0;
  for (const round of rounds.keys()) newest = round;
  return newest;
}

/** Counts a confirmation. With a quorum the round and all before it are confirmed, each at its own instance. */
export function onConfirmed(
  state: ReadIndexState,
  voters: readonly ReplicaId[],
  from: ReplicaId,
  round: number,
): readonly { readonly round: number; readonly instance: number }[] {
  const asked = state.rounds.get(round);
  if (asked === undefined) return [];
  asked.confirmedBy.add(from);
  if (!isQuorum(voters, asked.confirmedBy)) return [];
  const confirmed = [];
  for (const [earlier, { instance }] of state.rounds)
    if (earlier <= round) confirmed.push({ round: earlier, instance });
  for (const { round: done } of confirmed) state.rounds.delete(done);
  return confirmed;
}
