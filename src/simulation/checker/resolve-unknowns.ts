import type { ChosenHistory } from './chosen-history.ts';
import { isWrite, type Operation, positionSeen, type WriteOperation, type WrittenOutcome } from './history.ts';

/**
 * Decides every write whose client never learned its fate: its proposal is in the chosen history, or it never happened
 * (it may have been rejected; nobody knows). The history must be the last one, of a cluster in which nothing that was
 * proposed is still on its way.
 *
 * A write that was done counts as returned when the first answer came that had seen it. That is what keeps the search
 * affordable: a call that stays open for ever is a choice at every later step.
 * @returns the operations without those that left no trace and told nobody anything
 */
export function resolveUnknowns(operations: readonly Operation[], history: ChosenHistory): readonly Operation[] {
  const firstSeen = firstAnswers(operations, history.lastPosition);
  const resolved: Operation[] = [];
  for (const operation of operations) {
    if (operation.outcome.kind !== 'unknown') {
      resolved.push(operation);
      continue;
    }
    const effect = isWrite(operation) ? history.effectOf(operation.request.proposalId) : undefined;
    if (effect === undefined || !isWrite(operation)) continue;
    const { instance, firstPosition, lastPosition } = effect;
    const revisions = revisionsOf(operation, firstPosition, history);
    const outcome: WrittenOutcome = { kind: 'written', instance, firstPosition, lastPosition, revisions };
    resolved.push({ ...operation, outcome, returned: firstSeen[lastPosition] ?? Number.POSITIVE_INFINITY });
  }
  return resolved;
}

/** Nobody was told, but the history knows, and the search has less to try. A check leaves no event. */
function revisionsOf(
  { request }: WriteOperation,
  firstPosition: number,
  history: ChosenHistory,
): readonly (number | undefined)[] {
  let position = firstPosition;
  return request.writes.map(({ change }) => {
    return change.kind === 'check' ? undefined : history.eventAt(position++)?.revision;
  });
}

/** By position: when the first answer returned that had seen it. Infinity: none ever did. */
function firstAnswers(operations: readonly Operation[], lastPosition: number): Float64Array {
  const returns = new Float64Array(lastPosition + 1).fill(Number.POSITIVE_INFINITY);
  for (const operation of operations) {
    // One that names a position beyond the history is wrong, and found elsewhere.
    const position = Math.min(positionSeen(operation) ?? 0, lastPosition);
    returns[position] = Math.min(returns[position] ?? Number.POSITIVE_INFINITY, operation.returned);
  }
  for (let position = lastPosition - 1; position >= 0; position -= 1) {
    const later = returns[position + 1] ?? Number.POSITIVE_INFINITY;
    returns[position] = Math.min(returns[position] ?? Number.POSITIVE_INFINITY, later);
  }
  return returns;
}
