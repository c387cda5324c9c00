import { check, lock } from 'proper-lockfile';

/*
 * Locks that say to other processes that a snapshot is being read: one a reader. They are for liveness; for safety
 * there are the hashes (RELIABILITY 5.4b).
 */

/** After so long without a sign of life a lock counts as left behind. */
const staleMs = 10_000;
const updateMs = 2_000;

export interface ReaderLocks {
  /**
   * Takes the lock at `path`, which is new; the answer releases it.
   * @param onCompromised - somebody took it away, or this process stood still for too long
   */
  acquire(path: string, onCompromised: (error: Error) => void): Promise<() => Promise<void>>;
  isLive(path: string): Promise<boolean>;
}

/** proper-lockfile's: a directory whose time is kept fresh. */
export const fileLocks: ReaderLocks = {
  async acquire(path, onCompromised) {
    let compromised = false;
    const release = await lock(path, {
      realpath: false,
      lockfilePath: path,
      stale: staleMs,
      update: updateMs,
      // The default would throw from a timer and end the process.
      onCompromised: (error) => {
        compromised = true;
        onCompromised(error);
      },
    });
    return async () => {
      if (!compromised) await release();
    };
  },
  isLive: (path) => check(path, { realpath: false, lockfilePath: path, stale: staleMs }),
};

/** Where nobody else can read: a simulated disk. */
export const noLocks: ReaderLocks = {
  acquire: async () => async () => undefined,
  isLive: async () => false,
};
