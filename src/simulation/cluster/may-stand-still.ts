import { reignsWithin } from '../../paxos/membership.ts';
import type { Peer } from '../../paxos/peer.ts';
import type { Cluster } from './cluster.ts';
import type { SimulatedReplica } from './simulated-replica.ts';

type Named = Pick<Peer, 'replica' | 'incarnation'>;

/** What decides whether a cluster that stands still may. */
export interface Stillness {
  /** The world took a disk for good, damaged one, or leaves a machine off. */
  readonly isLost: boolean;
  /** Somebody leads, and has opened an instance of its own. */
  readonly isLed: boolean;
  /** Of every membership that rules an instance which a leader may propose. */
  readonly voters: readonly (readonly Named[])[];
  /** Those that can answer. */
  readonly present: readonly (Named & { readonly isDoubtful: boolean })[];
}

/**
 * Whether nobody may lead, by the rules: something was lost, and so many of the voters that are there cannot tell what
 * they accepted that those who can are no quorum. What may have been torn counts as never accepted only once every voter
 * has answered. A leader needs the quorums of every instance that it may propose, also of those that a membership rules
 * which was chosen and has not begun: none of them can be changed before they are there.
 */
export function isStillByRule({ isLost, isLed, voters, present }: Stillness): boolean {
  return isLost && !isLed && voters.some((some) => lackQuorum(some, present));
}

function lackQuorum(voters: readonly Named[], present: Stillness['present']): boolean {
  const there = present.filter(({ replica, incarnation }) =>
    voters.some((voter) => voter.replica === replica && voter.incarnation === incarnation),
  );
  const definite = there.filter(({ isDoubtful }) => !isDoubtful);
  return there.length < voters.length && definite.length * 2 <= voters.length;
}

export function mayStandStill(cluster: Cluster): boolean {
  const { room, running, leader } = cluster;
  const { machines, atlas } = room;
  return isStillByRule({
    isLost: atlas.damaged().length > 0 || machines.some(({ name }) => cluster.isRetired(name)),
    // Who took office may still lack the answers to open an instance of its own.
    isLed: leader?.watch.core?.leader.openingInstance !== undefined,
    voters: votersOfTheWindow(running),
    present: running
      .filter(mayAnswer)
      .map(({ identity: { replicaId: replica, incarnation }, watch: { isDoubtful } }) => ({
        ...{ replica, incarnation, isDoubtful },
      })),
  });
}

/** A founder that never heard how its group began, where that is in nobody's log any more, has no vote before a snapshot. */
function mayAnswer({ watch, replica: { state } }: SimulatedReplica): boolean {
  const knowsNoGroup = state.name === 'behind' && watch.core?.memberships.reigns.length === 0;
  return state.name !== 'excluded' && !knowsNoGroup;
}

/** By the core that knows most: a newer membership may be chosen, and rule only from later on. */
function votersOfTheWindow(running: readonly SimulatedReplica[]): Stillness['voters'] {
  const [newest] = running
    .flatMap(({ watch }) => watch.core ?? [])
    .sort((left, right) => right.learner.chosenTo - left.learner.chosenTo);
  if (newest === undefined) return [];
  return reignsWithin(newest.memberships, newest.learner.chosenTo).map(({ membership }) =>
    membership.members
      .filter(({ role }) => role === 'voter')
      .map(({ id, incarnation }) => ({ replica: id, incarnation })),
  );
}
