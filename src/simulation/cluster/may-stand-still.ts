import { reignsWithin } from '../../paxos/membership.ts';
import type { Peer } from '../../paxos/peer.ts';
import type { Cluster } from './cluster.ts';
import type { SimulatedReplica } from './simulated-replica.ts';

/**
 * Whether nobody may lead, by the rules: the world took a voter's disk for good, and so many of the others cannot tell
 * what they accepted that those who can are no quorum. What may have been torn counts as never accepted only once every
 * voter has answered. A leader needs the quorums of every instance that it may propose, also of those that a membership
 * rules which was chosen and has not begun: none of them can be changed before they are there. A founder that never
 * heard how its group began, where that is in nobody's log any more, has no vote before it gets a snapshot.
 */
export function mayStandStill(cluster: Cluster): boolean {
  const { machines, atlas } = cluster.room;
  const isLost = atlas.damaged().length > 0 || machines.some(({ name }) => cluster.isRetired(name));
  // Who took office may still lack the answers to open an instance of its own.
  const isOpen = cluster.leader?.watch.core?.leader.openingInstance !== undefined;
  return isLost && !isOpen && votersOfTheWindow(cluster).some((voters) => lackQuorum(cluster, voters));
}

function lackQuorum({ running }: Cluster, voters: readonly Pick<Peer, 'replica' | 'incarnation'>[]): boolean {
  const there = voters.flatMap(({ replica, incarnation }) =>
    running.filter(
      (one) => one.identity.replicaId === replica && one.identity.incarnation === incarnation && mayAnswer(one),
    ),
  );
  const definite = there.filter(({ watch }) => !watch.isDoubtful);
  return there.length < voters.length && definite.length * 2 <= voters.length;
}

function mayAnswer({ watch, replica: { state } }: SimulatedReplica): boolean {
  const knowsNoGroup = state.name === 'behind' && watch.core?.memberships.reigns.length === 0;
  return state.name !== 'excluded' && !knowsNoGroup;
}

/** By the core that knows most: a newer membership may be chosen, and rule only from later on. */
function votersOfTheWindow({ running }: Cluster): readonly (readonly Pick<Peer, 'replica' | 'incarnation'>[])[] {
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
