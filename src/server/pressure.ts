import type { DocumentStateMachine } from '../documents/document-state-machine.ts';
import type { Log } from '../log/log.ts';

/** Memory of one instance above the checkpoint whatever came of it: its fingerprint, its place in the log's index. */
const instanceBytes = 256;
/** Log above the checkpoint that may be kept, in tails: what leaves nothing in the tail is written all the same. */
const logTailsMax = 4;

/**
 * How much waits for the Replayer, as a part of what may: at 1 and above no write is let in. Events wait in memory;
 * writes that were rejected leave no event, but an instance and its log.
 */
export function pressureOf(
  machine: Pick<DocumentStateMachine, 'tailPressure' | 'state' | 'checkpointInstance'>,
  log: Pick<Log, 'bytesFrom'>,
  tailBytesMax: number,
): number {
  const checkpointInstance = machine.checkpointInstance();
  const instances = machine.state.instance - checkpointInstance;
  if (instances === 0) return 0;
  const memory = machine.tailPressure + (instances * instanceBytes) / tailBytesMax;
  return Math.max(memory, log.bytesFrom(checkpointInstance + 1) / (logTailsMax * tailBytesMax));
}
