import type { HistoryCuts } from '../../documents/history/format.ts';
import type { NewGroup } from '../../paxos/forming.ts';
import type { SeededRandom } from '../seeded-random.ts';

/** What every replica of a run is opened with: small, so that files roll, tails fill and logs are cleaned in it. */
export interface ClusterShape {
  readonly group: NewGroup;
  readonly rows: 'maps' | 'sqlite';
  readonly segmentBytes: number;
  readonly cacheBytes: number;
  readonly tailBytesMax: number;
  /** Instances of log that stay for others; all where nothing is cleaned. */
  readonly holdCount: number;
  readonly cuts: HistoryCuts;
}

const sqliteChance = 0.1;
const cleaningChance = 0.3;

/** @param machines - the founding members, in the order of their numbers, which are also their addresses */
export function drawShape(random: SeededRandom, machines: readonly string[]): ClusterShape {
  return {
    group: {
      peers: machines.map((name, index) => ({ id: index + 1, name, address: name })),
      clusterId: 'cluster-of-the-run',
      historyId: 'history-of-the-run',
    },
    rows: random.chance(sqliteChance) ? 'sqlite' : 'maps',
    segmentBytes: 64 * 1024 * random.between(1, 2),
    cacheBytes: 1024 << random.integer(8),
    tailBytesMax: random.chance(0.8) ? 1024 * 1024 : 8 * 1024 * random.between(1, 8),
    holdCount: random.chance(cleaningChance) ? Math.floor(200 * random.float() ** 3) : Number.MAX_SAFE_INTEGER,
    cuts: { filePositionsMax: 64 << random.integer(3), fileBytesMax: 64 * 1024, frameBytesMin: 4 * 1024 },
  };
}
