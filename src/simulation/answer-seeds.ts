import type { RunSeed, SeedOptions, SeedResult } from './seed-result.ts';

/** What the process of a job sends back for one seed. */
export interface SeedAnswer {
  readonly result: SeedResult;
  /** Real time. */
  readonly wallMs: number;
  /** Time of all cores together, the garbage collector's too. */
  readonly cpuMs: number;
  /** Of the whole process, after the run. */
  readonly memoryBytes: number;
}

/**
 * The whole of a job's process: runs each seed that its parent sends, one at a time, and sends back what it did. What
 * nobody catches ends the process, which the parent takes for a failure of that seed.
 */
export function answerSeeds(runSeed: RunSeed): void {
  process.on('message', (options: SeedOptions) => void answer(runSeed, options));
  // A terminal tells the parent as well, who lets the seeds come to their ends.
  process.on('SIGINT', () => {});
  // A parent that is gone wants nothing any more.
  process.on('disconnect', () => process.exit());
}

async function answer(runSeed: RunSeed, options: SeedOptions): Promise<void> {
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  const result = await runSeed(options);
  const { user, system } = process.cpuUsage(cpuBefore);
  const wallMs = performance.now() - startedAt;
  const given: SeedAnswer = { result, wallMs, cpuMs: (user + system) / 1_000, memoryBytes: process.memoryUsage.rss() };
  process.send?.(given);
}
