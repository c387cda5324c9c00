import { type DocumentState, neverWritten } from '../../../src/simulation/checker/document-model.ts';
import { applyTo, type RegisterOperation } from '../../../src/simulation/checker/linearizability.ts';

/** Plainly correct and slow: tries every order of all operations. For a handful of them. */
export function isLinearizableByBruteForce(operations: readonly RegisterOperation[]): boolean {
  return ordersOf(operations.length).some((order) => {
    const ordered = order.map((index) => operations[index] as RegisterOperation);
    return respectsTime(ordered) && explains(ordered);
  });
}

function respectsTime(order: readonly RegisterOperation[]): boolean {
  let newestCall = Number.NEGATIVE_INFINITY;
  for (const { called, returned } of order) {
    // One that had returned before another was called cannot come after it.
    if (returned < newestCall) return false;
    newestCall = Math.max(newestCall, called);
  }
  return true;
}

function explains(order: readonly RegisterOperation[]): boolean {
  let state: DocumentState | undefined = neverWritten;
  for (const operation of order) {
    state = applyTo(state, operation);
    if (state === undefined) return false;
  }
  return true;
}

const known = new Map<number, readonly (readonly number[])[]>([[0, [[]]]]);

/** All orders of 0 to `count - 1`. */
function ordersOf(count: number): readonly (readonly number[])[] {
  const made = known.get(count);
  if (made !== undefined) return made;
  const last = count - 1;
  const orders = ordersOf(last).flatMap((order) => {
    return Array.from({ length: count }, (_, place) => order.toSpliced(place, 0, last));
  });
  known.set(count, orders);
  return orders;
}
