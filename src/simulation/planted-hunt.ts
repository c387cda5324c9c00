import type { PlantedBug } from '../base/planted-bugs.ts';
import type { FailedSeed } from './campaign.ts';
import type { SeedPool } from './seed-pool.ts';
import type { SeedOptions } from './seed-result.ts';

export interface HuntOptions {
  readonly pool: SeedPool;
  readonly bug: PlantedBug;
  /** The first of the seeds, and what else all of them have. */
  readonly options: SeedOptions;
  readonly seedsMax: number;
  readonly isOver?: () => boolean;
  readonly onSeed?: (seeds: number) => void;
}

export interface Hunt {
  readonly bug: PlantedBug;
  /** How many seeds it took, or how many were tried in vain. */
  readonly seeds: number;
  readonly found?: FailedSeed;
  /** Seeds that failed without the bug too: what they show is another one, which nobody planted. */
  readonly unplanted: readonly FailedSeed[];
}

/**
 * Runs seeds with a planted bug until one fails that does not fail without it. The answer is that of the first such
 * seed in order, on however many processes.
 */
export async function huntBug({
  pool,
  bug,
  options,
  seedsMax,
  isOver = () => false,
  onSeed,
}: HuntOptions): Promise<Hunt> {
  const unplanted: FailedSeed[] = [];
  let found: FailedSeed | undefined;
  let foundAt = seedsMax;
  let begun = 0;
  const lane = async (): Promise<void> => {
    while (begun < foundAt && !isOver()) {
      const index = begun;
      begun += 1;
      const plain = { ...options, seed: options.seed + index };
      const planted = { ...plain, plant: bug };
      const { result } = await pool.run(planted);
      onSeed?.(index + 1);
      if (result.failure === undefined) continue;
      const healthy = await pool.run(plain);
      if (healthy.result.failure !== undefined) {
        unplanted.push({ options: plain, result: healthy.result, failure: healthy.result.failure });
      } else if (index < foundAt) {
        found = { options: planted, result, failure: result.failure };
        foundAt = index;
      }
    }
  };
  await Promise.all(Array.from({ length: pool.jobs }, lane));
  return { bug, seeds: found === undefined ? begun : foundAt + 1, ...(found && { found }), unplanted };
}
