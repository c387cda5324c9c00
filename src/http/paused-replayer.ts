import { LoggosError } from '../base/errors.ts';
import type { Database } from './database.ts';
import { Refusal } from './refusal.ts';

const resume = 'PATCH /v1/checkpoint and {"replayer":{"state":"running"}}';
export const replayerAdvice = `It was surely not done. If the Replayer is paused, resume it with ${resume}; else try again, more slowly.`;

/**
 * Does what waits for the Replayer. Where that is in vain because somebody paused it, the refusal says how to resume it
 * instead of asking for another try.
 */
export async function withReplayer<Value>(database: Database, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    const isWaiting = error instanceof LoggosError && (error.code === 'busy' || error.code === 'position-not-reached');
    if (!isWaiting) throw error;
    const { replayer } = await database.checkpoint.status();
    if (replayer.state !== 'paused') throw error;
    throw new Refusal(error.code, 'the Replayer of this replica is paused', {
      facts: error.facts,
      advice: `Resume it with ${resume}, or ask another replica.`,
    });
  }
}
