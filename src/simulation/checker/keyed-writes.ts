import type { ChosenHistory } from './chosen-history.ts';
import { isWrite, type Operation, type WriteOperation } from './history.ts';
import { printOperation } from './print-operation.ts';
import { Violation } from './violation.ts';

/** Writes that share an idempotency key: attempts at one thing, which has one outcome (D1). */
export class KeyedWrites {
  readonly #byKey = new Map<string, WriteOperation[]>();
  readonly #firstCalls = new Map<string, number>();

  /** @param operations - as recorded, before unknown ones are resolved: those too may have been the first */
  constructor(operations: readonly Operation[]) {
    for (const operation of operations) {
      if (!isWrite(operation) || operation.request.idempotency === undefined) continue;
      const { key } = operation.request.idempotency;
      const writes = this.#byKey.get(key);
      if (writes === undefined) this.#byKey.set(key, [operation]);
      else writes.push(operation);
      const request = requestOf(operation);
      this.#firstCalls.set(request, Math.min(this.#firstCalls.get(request) ?? operation.called, operation.called));
    }
  }

  /** When the first attempt at the same request began: its outcome may be this one's too. */
  firstCallOf(operation: WriteOperation): number {
    if (operation.request.idempotency === undefined) return operation.called;
    return this.#firstCalls.get(requestOf(operation)) ?? operation.called;
  }

  /**
   * Every attempt was told the first outcome, and another request with the key was refused as such. Says nothing where
   * the history is longer than the window, since a key may have been forgotten there.
   * @throws Violation `retry-with-another-outcome`, `reused-key-not-refused`
   */
  check(history: ChosenHistory): void {
    if (!history.isInsideWindow) return;
    for (const writes of this.#byKey.values()) {
      const first = writes.find(({ request }) => history.effectOf(request.proposalId) !== undefined);
      if (first !== undefined) checkAgainstEffect(writes, first);
      else checkRejections(writes);
    }
  }
}

function checkAgainstEffect(writes: readonly WriteOperation[], first: WriteOperation): void {
  for (const write of writes) {
    const { outcome } = write;
    if (outcome.kind !== 'written' && outcome.kind !== 'rejected') continue;
    const isReuse = outcome.kind === 'rejected' && outcome.code === 'idempotency-key-reused';
    if (requestOf(write) !== requestOf(first)) {
      if (!isReuse) throw differs('reused-key-not-refused', write, first);
    } else if (outcome.kind === 'rejected') {
      throw differs('retry-with-another-outcome', write, first);
    }
  }
}

/** Nothing was done with the key: then the first outcome was a rejection. */
function checkRejections(writes: readonly WriteOperation[]): void {
  let first: WriteOperation | undefined;
  for (const write of writes) {
    const { outcome } = write;
    if (outcome.kind !== 'rejected' || outcome.code === 'idempotency-key-reused') continue;
    first ??= write;
    if (requestOf(write) !== requestOf(first)) throw differs('reused-key-not-refused', write, first);
    const isSame =
      first.outcome.kind === 'rejected' &&
      outcome.code === first.outcome.code &&
      outcome.position === first.outcome.position;
    if (!isSame) throw differs('retry-with-another-outcome', write, first);
  }
}

function differs(
  rule: 'retry-with-another-outcome' | 'reused-key-not-refused',
  write: WriteOperation,
  first: WriteOperation,
): Violation {
  return new Violation(rule, `${printOperation(write)} has the key of ${printOperation(first)}`);
}

function requestOf({ request }: WriteOperation): string {
  return JSON.stringify([request.idempotency?.key, request.idempotency?.request]);
}
