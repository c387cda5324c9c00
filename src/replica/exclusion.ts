import { unreachable } from '../base/assert.ts';
import type { Exclusion } from '../paxos/outputs.ts';

/** Why a replica takes no part any more, and what to do, as a sentence or two. A client may read it. */
export function describeExclusion(exclusion: Exclusion): string {
  switch (exclusion.kind) {
    case 'removed':
      return (
        `The membership chosen at instance ${exclusion.epoch} does not have this replica any more. ` +
        'To take part again, it joins with a new data directory.'
      );
    case 'distrusted':
      return (
        `Replica ${exclusion.by} heard more from this replica than its disk remembers (up to instance ` +
        `${exclusion.lastInstance}), so its votes do not count. Join again with a new data directory.`
      );
    case 'diverged':
      return exclusion.isAlone
        ? `A quorum executed instance ${exclusion.instance} with another result than this replica. ` +
            'Keep its data directory for whoever looks into it, and join again with a new one.'
        : `No quorum agrees on the result of instance ${exclusion.instance}; all replicas stopped. ` +
            'Keep all data directories, and restore a backup from before it into a new cluster.';
    case 'formed-before':
      return (
        `Replica ${exclusion.peer} has already begun a group with other data directories. Join that group; ` +
        'or, where it is not wanted, start every replica with a new data directory.'
      );
    default:
      return unreachable(exclusion);
  }
}
