import type { ChosenHistory } from './chosen-history.ts';
import { isWrite, type Operation, positionSeen, type WrittenOutcome } from './history.ts';
import { countUpTo } from './replay.ts';

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
  const firstSeen = new FirstAnswers(operations);
  const resolved: Operation[] = [];
  for (const operation of operations) {
    if (operation.outcome.kind !== 'unknown') {
      resolved.push(operation);
      continue;
    }
    const effect = isWrite(operation) ? history.effectOf(operation.request.proposalId) : undefined;
    if (effect === undefined || !isWrite(operation)) continue;
    const { instance, firstPosition, lastPosition } = effect;
    const outcome: WrittenOutcome = { kind: 'written', instance, firstPosition, lastPosition, revisions: [] };
    resolved.push({ ...operation, outcome, returned: firstSeen.after(lastPosition) });
  }
  return resolved;
}

/** When the first answer returned that had seen a position. */
class FirstAnswers {
  /** Ascending, with the earliest return of each or any later position. */
  readonly #positions: number[] = [];
  readonly #returns: number[] = [];

  constructor(operations: readonly Operation[]) {
    const answers = operations
      .map((operation) => ({ position: positionSeen(operation) ?? 0, returned: operation.returned }))
      .filter(({ position }) => position > 0)
      .sort((left, right) => left.position - right.position || left.returned - right.returned);
    let earliest = Number.POSITIVE_INFINITY;
    for (const { position, returned } of answers.toReversed()) {
      earliest = Math.min(earliest, returned);
      this.#positions.push(position);
      this.#returns.push(earliest);
    }
    this.#positions.reverse();
    this.#returns.reverse();
  }

  /** Infinity: no answer ever showed it. */
  after(position: number): number {
    return this.#returns[countUpTo(this.#positions, position - 1)] ?? Number.POSITIVE_INFINITY;
  }
}
