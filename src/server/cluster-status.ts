import { type Group, presentHistory } from '../checkpoint/group-file.ts';
import type { Identity } from '../checkpoint/identity-file.ts';
import type { ClusterStatus } from '../http/database.ts';
import type { Replica } from '../replica/replica.ts';

/** The cluster as this replica sees it: the newest membership, and what it knows of each member. */
export function clusterStatus(
  database: string,
  identity: Identity,
  group: Group,
  replica: Replica,
  now: number,
): ClusterStatus {
  const { round, replica: owner } = replica.ballot;
  const members = group.memberships.at(-1)?.members ?? [];
  return {
    clusterId: identity.clusterId,
    historyId: presentHistory(group).id,
    database,
    self: identity.name,
    leader: replica.isLeader ? identity.name : null,
    ballot: `${round}.${owner}`,
    members: members.map(({ id, name, role, address }) => {
      const isSelf = id === identity.replicaId;
      const appliedInstance = isSelf ? replica.appliedInstance : 0;
      return {
        id,
        name,
        role,
        address,
        state: isSelf ? 'up' : 'down',
        appliedInstance,
        lag: Math.max(0, replica.maxChosenInstance - appliedInstance),
        lastSeen: isSelf ? new Date(now).toISOString() : null,
      };
    }),
  };
}
