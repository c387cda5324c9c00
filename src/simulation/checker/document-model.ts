import type { ErrorCode } from '../../base/errors.ts';

/**
 * One document as the checker sees it: a register with revisions. It is written from API.md and shares nothing with
 * the document machine, so that a mistake there is not made here too.
 */
export interface DocumentState {
  /** 0: never written. */
  readonly revision: number;
  /** The document's text, or its hash; undefined where it never was or is deleted. */
  readonly value: string | undefined;
}

export const neverWritten: DocumentState = { revision: 0, value: undefined };

export type PatchOutcome = { readonly value: string } | { readonly code: ErrorCode };

export type Change =
  | { readonly kind: 'put'; readonly value: string }
  /** `patch` depends on the old value alone. `label` is for people. */
  | { readonly kind: 'patch'; readonly label: string; readonly patch: (value: string) => PatchOutcome }
  | { readonly kind: 'delete' }
  /** In a transaction: a condition on a document, which makes no event. */
  | { readonly kind: 'check' };

/** One document's part of a write. A create is a put that expects revision 0. */
export interface DocumentWrite {
  /** collection/documentId */
  readonly key: string;
  readonly change: Change;
  /** 0: absent or deleted. Undefined: any. */
  readonly expectedRevision?: number;
}

/** What one write does to a document as it stands: its next state, or the code of the rejection. */
export function evaluate(state: DocumentState, write: DocumentWrite): DocumentState | ErrorCode {
  const { change } = write;
  if ((change.kind === 'patch' || change.kind === 'delete') && state.value === undefined) {
    return state.revision === 0 ? 'not-found' : 'deleted';
  }
  const refusal = refusalByRevision(state, write.expectedRevision);
  if (refusal !== undefined) return refusal;
  const revision = state.revision + 1;
  switch (change.kind) {
    case 'check':
      return state;
    case 'put':
      return { revision, value: change.value };
    case 'delete':
      return { revision, value: undefined };
    case 'patch': {
      const outcome = change.patch(state.value ?? '');
      return 'code' in outcome ? outcome.code : { revision, value: outcome.value };
    }
  }
}

function refusalByRevision(state: DocumentState, expected: number | undefined): ErrorCode | undefined {
  if (expected === undefined) return undefined;
  if (expected === 0) return state.value === undefined ? undefined : 'already-exists';
  return state.value !== undefined && state.revision === expected ? undefined : 'revision-conflict';
}

export interface Evaluation {
  readonly code: ErrorCode | undefined;
  /** Which of the writes was rejected; -1: none. */
  readonly failedWrite: number;
  /** The states after, one a write; a check's is the state as it stood. Empty where something was rejected. */
  readonly states: readonly DocumentState[];
}

/** A whole write request, all or none, on the documents as they stood before it. */
export function evaluateAll(
  request: { readonly transaction: boolean; readonly writes: readonly DocumentWrite[] },
  stateOf: (key: string) => DocumentState,
): Evaluation {
  const states: DocumentState[] = [];
  for (const write of request.writes) {
    const outcome = evaluate(stateOf(write.key), write);
    if (typeof outcome === 'string') {
      return { code: request.transaction ? 'precondition-failed' : outcome, failedWrite: states.length, states: [] };
    }
    states.push(outcome);
  }
  return { code: undefined, failedWrite: -1, states };
}

/** A patch of the kind that loses or doubles visibly: adds to a number field (0 where it is absent). */
export function addToField(field: string, amount: number): Change {
  const patch = (value: string): PatchOutcome => {
    const document: Record<string, unknown> = JSON.parse(value);
    const old = document[field] ?? 0;
    if (typeof old !== 'number') return { code: 'patch-not-applicable' };
    document[field] = old + amount;
    return { value: JSON.stringify(document) };
  };
  return { kind: 'patch', label: `${field} += ${amount}`, patch };
}

export function isSameState(left: DocumentState, right: DocumentState): boolean {
  return left.revision === right.revision && left.value === right.value;
}

export function printState({ revision, value }: DocumentState): string {
  if (revision === 0) return 'never written';
  return value === undefined ? `revision ${revision}, deleted` : `revision ${revision} ${value}`;
}
