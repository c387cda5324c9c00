import type { SeedPool } from './seed-pool.ts';
import type { SeedOptions } from './seed-result.ts';

const traceLines = 200_000;
const linesBefore = 20;

/**
 * Where two processes part that run the same seed: the last lines that they have in common, and each one's next. Empty
 * where they do not part this time, or earlier than in their last 200,000 lines.
 */
export async function findDivergence(pool: SeedPool, options: SeedOptions): Promise<string[]> {
  const first = await pool.run({ ...options, traceLines });
  const second = await pool.run({ ...options, traceLines }, first.processNumber);
  return firstDifference(first.result.trace ?? [], second.result.trace ?? []);
}

/** Exported for its test. */
export function firstDifference(one: readonly string[], other: readonly string[]): string[] {
  const index = one.findIndex((line, at) => line !== other[at]);
  const at = index === -1 && other.length > one.length ? one.length : index;
  if (at === -1) return [];
  const common = one.slice(Math.max(0, at - linesBefore), at);
  return [...common, `here:  ${one[at] ?? 'the end'}`, `there: ${other[at] ?? 'the end'}`];
}
