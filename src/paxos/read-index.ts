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

/** Counts a confirmation; gives the instance to read at once a quorum has confirmed the round. */
export function onConfirmed(
  state: ReadIndexState,
  voters: readonly ReplicaId[],
  from: ReplicaId,
  round: number,
): number | undefined {
  const asked = state.rounds.get(round);
  if (asked === undefined) return undefined;
  asked.confirmedBy.add(from);
  if (!isQuorum(voters, asked.confirmedBy)) return undefined;
  state.rounds.delete(round);
  return asked.instance;
}
