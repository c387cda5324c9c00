import type { ChosenHistory } from './chosen-history.ts';
import { evaluateAll, isSameState, printState } from './document-model.ts';
import {
  isWrite,
  type Operation,
  type ReadOperation,
  type ReadOutcome,
  type RejectedOutcome,
  type WriteOperation,
  type WrittenOutcome,
} from './history.ts';
import { printOperation } from './print-operation.ts';
import type { Replay } from './replay.ts';
import { type Rule, Violation } from './violation.ts';

/**
 * One answer against the chosen history: what was acknowledged is there, what was refused is not, and what was read or
 * rejected is what the replay has at that position.
 * @throws Violation
 */
export function checkAnswer(operation: Operation, history: ChosenHistory, replay: Replay): void {
  const { outcome } = operation;
  if (isWrite(operation)) {
    if (outcome.kind === 'written') checkWritten(operation, outcome, history, replay);
    else if (outcome.kind === 'rejected') checkRejected(operation, outcome, history, replay);
    else if (outcome.kind === 'refused') assertNoEffect(operation, 'refused-but-done', history);
  } else if (outcome.kind === 'read') {
    checkRead(operation, outcome, history, replay);
  }
}

function checkWritten(
  operation: WriteOperation,
  outcome: WrittenOutcome,
  history: ChosenHistory,
  replay: Replay,
): void {
  const { firstPosition, lastPosition, instance } = outcome;
  const event = history.eventAt(firstPosition);
  if (event === undefined)
    throw found('acknowledged-missing', operation, `the history ends at ${history.lastPosition}`);
  const isOwn = event.proposalId === operation.request.proposalId;
  if (!isOwn && !isAttemptAtSame(operation, replay.writerOf(event.proposalId))) {
    const where = history.effectOf(operation.request.proposalId);
    if (where === undefined) throw found('acknowledged-missing', operation, `${event.proposalId} is there instead`);
    throw found('position-of-another', operation, `its effect is at ${where.firstPosition}`);
  }
  const effect = history.effectOf(event.proposalId);
  const isSame =
    effect?.instance === instance && effect.firstPosition === firstPosition && effect.lastPosition === lastPosition;
  if (!isSame) throw found('answer-not-as-chosen', operation, `chosen: ${JSON.stringify(effect)}`);
  checkRevisions(operation, outcome, history, replay);
}

function checkRevisions(
  operation: WriteOperation,
  { revisions, firstPosition }: WrittenOutcome,
  history: ChosenHistory,
  replay: Replay,
): void {
  let position = firstPosition;
  for (const [index, { key, change }] of operation.request.writes.entries()) {
    const isCheck = change.kind === 'check';
    const revision = isCheck ? replay.stateAt(key, firstPosition - 1).revision : history.eventAt(position++)?.revision;
    const told = revisions[index];
    if (told !== undefined && told !== revision)
      throw found('answer-not-as-chosen', operation, `${key} has revision ${revision}`);
  }
}

/** Two attempts with one key at one request: either may have had the effect. */
function isAttemptAtSame({ request }: WriteOperation, other: WriteOperation | undefined): boolean {
  const mine = request.idempotency;
  const theirs = other?.request.idempotency;
  return mine !== undefined && mine.key === theirs?.key && mine.request === theirs.request;
}

function checkRejected(
  operation: WriteOperation,
  outcome: RejectedOutcome,
  history: ChosenHistory,
  replay: Replay,
): void {
  assertNoEffect(operation, 'rejected-but-done', history);
  // Decided by the key, not by a document; all attempts with one key are looked at together.
  if (outcome.code === 'idempotency-key-reused') return;
  assertSeen(operation, outcome.position, history);
  const { code, failedWrite } = evaluateAll(operation.request, (key) => replay.stateAt(key, outcome.position));
  const isSameWrite = outcome.failedWrite === undefined || outcome.failedWrite === failedWrite;
  if (code === outcome.code && isSameWrite) return;
  throw found('rejection-not-as-replayed', operation, `replayed: ${code ?? 'it can be done'}`);
}

function assertNoEffect(operation: WriteOperation, rule: Rule, history: ChosenHistory): void {
  const effect = history.effectOf(operation.request.proposalId);
  if (effect !== undefined) throw found(rule, operation, `it has an effect at ${effect.firstPosition}`);
}

function checkRead(operation: ReadOperation, outcome: ReadOutcome, history: ChosenHistory, replay: Replay): void {
  const { position, instance } = outcome;
  assertSeen(operation, position, history);
  if (instance !== undefined) {
    // Exact at an instance: all of its events are seen, and none of a later one.
    const isBefore = (history.eventAt(position)?.instance ?? 0) <= instance;
    const isAfter = (history.eventAt(position + 1)?.instance ?? Number.POSITIVE_INFINITY) > instance;
    if (!isBefore || !isAfter) throw found('read-inside-instance', operation, `it says instance ${instance}`);
  }
  const state = replay.stateAt(operation.request.key, position);
  if (!isSameState(state, outcome.state)) {
    throw found('read-not-as-replayed', operation, `replayed: ${printState(state)}`);
  }
}

function assertSeen(operation: Operation, position: number, history: ChosenHistory): void {
  if (position > history.lastPosition) {
    throw found('read-beyond-history', operation, `the history ends at ${history.lastPosition}`);
  }
  if (!history.isProposalEnd(position)) {
    throw found('read-inside-instance', operation, `position ${position} is inside a transaction`);
  }
}

function found(rule: Rule, operation: Operation, detail: string): Violation {
  return new Violation(rule, `${printOperation(operation)}; ${detail}`);
}
