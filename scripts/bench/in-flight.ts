/** How many commits are on their way at once. */
export const inFlight = 64;

/** What so many commits took. */
export interface CommitRate {
  readonly perSecond: number;
  /** Of this thread, a commit, what it does beside the commits included. */
  readonly cpuMicroseconds: number;
}

/** Calls `commit` with 0, 1, 2 … from `inFlight` loops for so long. */
export async function commitRate(seconds: number, commit: (n: number) => Promise<void>): Promise<CommitRate> {
  let done = 0;
  let next = 0;
  const cpuBefore = process.threadCpuUsage();
  const startedAt = performance.now();
  const endAt = startedAt + seconds * 1_000;
  const loop = async (): Promise<void> => {
    while (performance.now() < endAt) {
      await commit(next++);
      done++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  const perSecond = done / ((performance.now() - startedAt) / 1_000);
  const { user, system } = process.threadCpuUsage(cpuBefore);
  return { perSecond, cpuMicroseconds: (user + system) / done };
}
