import { assert } from '../base/assert.ts';
import type { Log } from '../log/log.ts';
import type { ChosenInstance } from '../paxos/learner.ts';

const countMax = 256;
const bytesMax = 8 * 1024 * 1024;

export interface ReplayHost {
  readonly isHalted: boolean;
  replay(chosen: ChosenInstance): void;
  /** Resolves when all that was replayed is applied, or the replica has halted. */
  allApplied(): Promise<void>;
}

/** Hands over what the log proves chosen, in order, little by little: what is read of the log stays little. */
export async function replayLog(
  log: Log,
  firstInstance: number,
  lastInstance: number,
  host: ReplayHost,
): Promise<void> {
  let next = firstInstance;
  while (next <= lastInstance) {
    const records = await log.read(next, Math.min(countMax, lastInstance - next + 1), bytesMax);
    if (host.isHalted) return;
    assert(records[0]?.instance === next, 'the log has what it proves chosen', { instance: next });
    for (const chosen of records) host.replay(chosen);
    next += records.length;
    await host.allApplied();
    if (host.isHalted) return;
  }
}
