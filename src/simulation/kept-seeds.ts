import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { SeedOptions } from './seed-result.ts';
import { faultKindNames } from './world/fault-kinds.ts';

const keptSeed = z.strictObject({
  seed: z.int().min(0),
  options: z.strictObject({
    replicas: z.union([z.literal(3), z.literal(5)]).optional(),
    operationsMax: z.int().min(0).optional(),
    without: z.array(z.enum(faultKindNames)).optional(),
  }),
  /** The commit with which it does not fail any more. */
  mendedBy: z.string().regex(/^[0-9a-f]{7,40}$/),
  /** What went wrong, in one line. */
  was: z.string().min(1),
});

/** The seeds that failed once, of a folder of JSON files, by name. A file that is not one of a kept seed is refused. */
export function readKeptSeeds(directory: string): SeedOptions[] {
  const names = readdirSync(directory).filter((name) => name.endsWith('.json'));
  return names.sort().map((name) => {
    const { seed, options } = keptSeed.parse(JSON.parse(readFileSync(join(directory, name), 'utf8')));
    const { replicas, operationsMax, without } = options;
    return {
      seed,
      ...(replicas !== undefined && { replicas }),
      ...(operationsMax !== undefined && { operationsMax }),
      ...(without !== undefined && { without }),
    };
  });
}
