import type { ChosenHistory } from './chosen-history.ts';
import { isWrite, type Operation, positionSeen } from './history.ts';
import type { KeyedWrites } from './keyed-writes.ts';
import { printOperation } from './print-operation.ts';
import { type Rule, Violation } from './violation.ts';

/** One operation that must come behind all that had returned before it began. */
interface Claim {
  readonly operation: Operation;
  readonly called: number;
  /** The newest position that may have been seen by then. */
  readonly seenMax: number;
}

/**
 * What was called after another had returned has a position not below that one's; a write's own is above it, since it
 * had still to happen. A local read may be old, but what it showed has been chosen: nobody is told less afterwards.
 * @throws Violation `against-real-time`
 */
export function checkRealTimeOrder(operations: readonly Operation[], history: ChosenHistory, keyed: KeyedWrites): void {
  const claims: Claim[] = [];
  for (const operation of operations) {
    const claim = claimOf(operation, history, keyed);
    if (claim !== undefined) claims.push(claim);
  }
  checkClaims(claims, operations, 'against-real-time');
}

/**
 * C4: a read that gave a minimum sees it, and local reads of one client on one start of one replica never go back.
 * @throws Violation `minimum-not-honoured`, `local-read-goes-back`
 */
export function checkLocalReads(operations: readonly Operation[]): void {
  const sessions = new Map<string, Operation[]>();
  for (const operation of operations) {
    const { request, outcome, client, replica, boot } = operation;
    if (request.kind !== 'read' || outcome.kind !== 'read') continue;
    if (outcome.position < request.minPosition) throw new Violation('minimum-not-honoured', printOperation(operation));
    if (request.consistency !== 'local') continue;
    const session = JSON.stringify([client, replica, boot]);
    const reads = sessions.get(session);
    if (reads === undefined) sessions.set(session, [operation]);
    else reads.push(operation);
  }
  for (const reads of sessions.values()) {
    const claims = reads.map((operation) => {
      return { operation, called: operation.called, seenMax: positionSeen(operation) ?? 0 };
    });
    checkClaims(claims, reads, 'local-read-goes-back');
  }
}

function claimOf(operation: Operation, history: ChosenHistory, keyed: KeyedWrites): Claim | undefined {
  const { request, outcome, called } = operation;
  if (outcome.kind === 'read') {
    const isLocal = request.kind === 'read' && request.consistency === 'local';
    return isLocal ? undefined : { operation, called, seenMax: outcome.position };
  }
  if (!isWrite(operation)) return undefined;
  if (outcome.kind === 'rejected')
    return { operation, called: keyed.firstCallOf(operation), seenMax: outcome.position };
  // The effect of another attempt with the same key is that attempt's claim.
  const isOwn = outcome.kind === 'written' && history.effectOf(operation.request.proposalId) !== undefined;
  return isOwn ? { operation, called, seenMax: outcome.firstPosition - 1 } : undefined;
}

/** One sweep over the calls, beside one over the returns. */
function checkClaims(claims: readonly Claim[], operations: readonly Operation[], rule: Rule): void {
  const answers = operations.filter((operation) => positionSeen(operation) !== undefined);
  answers.sort((left, right) => compare(left.returned, right.returned) || left.id - right.id);
  const ordered = claims.toSorted(
    (left, right) => left.called - right.called || left.operation.id - right.operation.id,
  );
  let newest: { readonly position: number; readonly operation: Operation } | undefined;
  let answerIndex = 0;
  for (const { operation, called, seenMax } of ordered) {
    for (let answer = answers[answerIndex]; answer && answer.returned < called; answer = answers[++answerIndex]) {
      const position = positionSeen(answer) ?? 0;
      if (newest === undefined || position > newest.position) newest = { position, operation: answer };
    }
    if (newest === undefined || newest.position <= seenMax) continue;
    const detail = `${printOperation(operation)} was called after this had returned: ${printOperation(newest.operation)}`;
    throw new Violation(rule, detail);
  }
}

/** Infinity equals itself here; a difference would be NaN. */
function compare(left: number, right: number): number {
  return left === right ? 0 : left - right;
}
