import type { ChosenHistory } from './chosen-history.ts';
import type { Operation } from './history.ts';
import { KeyedWrites } from './keyed-writes.ts';
import { checkLinearizable } from './linearizability.ts';
import { operationsByDocument } from './per-document.ts';
import { resolveUnknowns } from './resolve-unknowns.ts';
import { Violation } from './violation.ts';
import { checkWitness } from './witness.ts';

/**
 * The check at the end of a run: all operations by their positions, then a search for each document that does not
 * believe in positions.
 * @param recorded - as the recorder has them
 * @param history - the last one: nothing that was proposed is still on its way
 * @param stepsMax - of the search, a document
 * @returns how many steps the searches took together
 * @throws Violation
 */
export function checkHistory(recorded: readonly Operation[], history: ChosenHistory, stepsMax: number): number {
  const resolved = resolveUnknowns(recorded, history);
  const keyed = new KeyedWrites(recorded);
  checkWitness(recorded, resolved, history, keyed);
  return searchDocuments(resolved, keyed, stepsMax);
}

/**
 * @param operations - with no outcome unknown
 * @throws Violation `not-linearizable`; `undecided`: at the cap, for what nobody decided is not held
 */
export function searchDocuments(operations: readonly Operation[], keyed: KeyedWrites, stepsMax: number): number {
  let steps = 0;
  for (const [key, ofDocument] of operationsByDocument(operations, keyed)) {
    const answer = checkLinearizable(ofDocument, stepsMax);
    if (answer.kind === 'not-linearizable') throw new Violation('not-linearizable', `${key}: ${answer.explanation}`);
    if (answer.kind === 'undecided') {
      throw new Violation('undecided', `${key}: ${ofDocument.length} operations, more than ${stepsMax} steps`);
    }
    steps += answer.steps;
  }
  return steps;
}
