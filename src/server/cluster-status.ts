import type { Clock } from '../base/clock.ts';
import { type Group, presentHistory } from '../checkpoint/group-file.ts';
import type { Identity } from '../checkpoint/identity-file.ts';
import type { ClusterStatus } from '../http/database.ts';
import type { Replica } from '../replica/replica.ts';
import type { PeerLinks } from './peer-links.ts';

/** The cluster as this replica sees it: the newest membership, and what it knows of each member. */
export function clusterStatus(
  database: string,
  identity: Identity,
  group: Group,
  replica: Replica,
  clock: Clock,
  links: PeerLinks | undefined,
): ClusterStatus {
  const { round, replica: owner } = replica.ballot;
  const members = group.memberships.at(-1)?.members ?? [];
  const leads = (id: number) => (id === identity.replicaId ? replica.isLeader : id === replica.leader);
  return {
    clusterId: identity.clusterId,
    historyId: presentHistory(group).id,
    database,
    self: identity.name,
    leader: members.find(({ id }) => leads(id))?.name ?? null,
    ballot: `${round}.${owner}`,
    members: members.map(({ id, name, role, address }) => {
      const isSelf = id === identity.replicaId;
      const appliedInstance = isSelf ? replica.appliedInstance : (links?.instanceOf(id) ?? 0);
      const lag = Math.max(0, replica.maxChosenInstance - appliedInstance);
      const isThere = isSelf || links?.isThere(id) === true;
      const seenAtMs = isSelf ? clock.monotonic() : links?.heardAtMs(id);
      const lastSeen =
        seenAtMs === undefined ? null : new Date(clock.now() - (clock.monotonic() - seenAtMs)).toISOString();
      const state = isThere ? 'up' : 'down';
      return { id, name, role, address, state, appliedInstance, lag, lastSeen };
    }),
  };
}
