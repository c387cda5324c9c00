import { checkAnswer } from './answers.ts';
import type { ChosenHistory } from './chosen-history.ts';
import type { Operation } from './history.ts';
import type { KeyedWrites } from './keyed-writes.ts';
import { checkLocalReads, checkRealTimeOrder } from './real-time-order.ts';
import { Replay } from './replay.ts';

/**
 * Checks all operations by the positions that their answers named, which are the proof that the store gives of its own
 * order: O(n log n), whatever the concurrency. The history has checked itself as it grew.
 * @param recorded - as the recorder has them
 * @param resolved - the same with no outcome unknown
 * @param keyed - of the operations as recorded
 * @throws Violation - the first that is found
 */
export function checkWitness(
  recorded: readonly Operation[],
  resolved: readonly Operation[],
  history: ChosenHistory,
  keyed: KeyedWrites,
): void {
  const replay = new Replay(history, recorded);
  for (const operation of resolved) checkAnswer(operation, history, replay);
  keyed.check(history);
  checkRealTimeOrder(resolved, history, keyed);
  checkLocalReads(resolved);
}
