import type { ChosenEvent, ChosenHistory } from './chosen-history.ts';
import { type DocumentState, type DocumentWrite, evaluateAll, neverWritten, printState } from './document-model.ts';
import { isWrite, type Operation, type WriteOperation } from './history.ts';
import { printOperation } from './print-operation.ts';
import { Violation } from './violation.ts';

interface Versions {
  /** Ascending; `states[k]` holds from `positions[k]` on. */
  readonly positions: number[];
  readonly states: DocumentState[];
}

/**
 * The chosen history replayed by the checker's own model from what was asked: which also shows that nobody invented an
 * event, and that each did what its proposal said, on a document that allowed it.
 */
export class Replay {
  readonly #documents = new Map<string, Versions>();
  readonly #writers = new Map<string, WriteOperation>();

  /** @throws Violation `invented-event`, `effect-not-as-asked` */
  constructor(history: ChosenHistory, operations: readonly Operation[]) {
    for (const operation of operations) {
      if (isWrite(operation)) this.#writers.set(operation.request.proposalId, operation);
    }
    let position = 1;
    while (position <= history.lastPosition) position = this.#take(history, position);
  }

  /** The operation that made this proposal. */
  writerOf(proposalId: string): WriteOperation | undefined {
    return this.#writers.get(proposalId);
  }

  /** The document as it was when everything up to `position` had happened. */
  stateAt(key: string, position: number): DocumentState {
    const versions = this.#documents.get(key);
    if (versions === undefined) return neverWritten;
    return versions.states[countUpTo(versions.positions, position) - 1] ?? neverWritten;
  }

  /** @returns the position after the proposal's */
  #take(history: ChosenHistory, position: number): number {
    const event = history.eventAt(position);
    const writer = event && this.#writers.get(event.proposalId);
    if (event === undefined || writer === undefined) {
      throw new Violation('invented-event', `nobody asked for proposal ${event?.proposalId} at position ${position}`);
    }
    const { request } = writer;
    const { code, states } = evaluateAll(request, (key) => this.stateAt(key, position - 1));
    if (code !== undefined) throw notAsAsked(writer, position, `should have been rejected as ${code}`);
    let next = position;
    for (const [index, write] of request.writes.entries()) {
      const state = states[index];
      if (write.change.kind === 'check' || state === undefined) continue;
      const difference = differenceOf(history.eventAt(next), event.proposalId, write, state);
      if (difference !== undefined) throw notAsAsked(writer, next, difference);
      this.#put(write.key, next, state);
      next += 1;
    }
    if (history.eventAt(next)?.proposalId === event.proposalId)
      throw notAsAsked(writer, next, 'it has an event too many');
    return next;
  }

  #put(key: string, position: number, state: DocumentState): void {
    let versions = this.#documents.get(key);
    if (versions === undefined) {
      versions = { positions: [], states: [] };
      this.#documents.set(key, versions);
    }
    versions.positions.push(position);
    versions.states.push(state);
  }
}

function differenceOf(
  event: ChosenEvent | undefined,
  proposalId: string,
  write: DocumentWrite,
  state: DocumentState,
): string | undefined {
  if (event?.proposalId !== proposalId) return `its event on ${write.key} is missing`;
  if (event.key !== write.key) return `its event is on ${event.key}, not on ${write.key}`;
  const isDeleted = state.value === undefined;
  const isOther = event.value !== undefined && event.value !== state.value;
  if (event.revision === state.revision && event.deleted === isDeleted && !isOther) return undefined;
  const found = event.deleted ? 'deleted' : (event.value ?? 'some content');
  return `the event says revision ${event.revision}, ${found}; replayed: ${printState(state)}`;
}

function notAsAsked(writer: WriteOperation, position: number, why: string): Violation {
  return new Violation('effect-not-as-asked', `at position ${position}, ${printOperation(writer)}: ${why}`);
}

/** How many of an ascending list are at most `limit`. */
function countUpTo(ascending: readonly number[], limit: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] ?? Number.POSITIVE_INFINITY) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
