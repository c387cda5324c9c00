import { isWrite, type Operation, type ReadOperation, type WriteOperation } from './history.ts';
import type { KeyedWrites } from './keyed-writes.ts';
import type { RegisterOperation } from './linearizability.ts';
import { printOperation } from './print-operation.ts';

/**
 * What the search looks at, by document: linearizable reads, writes and rejections. A transaction is one operation on
 * each of its documents (that they happen at once is the witness check's). Attempts with one key that were answered with
 * one outcome are one operation, which happened after the first attempt was called and before the first answer.
 * @param operations - with no outcome unknown
 * @param keyed - of the operations as recorded: an attempt that left no trace may have met the rejection that others got
 */
export function operationsByDocument(
  operations: readonly Operation[],
  keyed: KeyedWrites,
): ReadonlyMap<string, readonly RegisterOperation[]> {
  const documents = new Map<string, RegisterOperation[]>();
  const put = (key: string, operation: RegisterOperation): void => {
    const list = documents.get(key);
    if (list === undefined) documents.set(key, [operation]);
    else list.push(operation);
  };
  for (const operation of mergeAttempts(operations, keyed)) {
    if (isWrite(operation)) putWrite(operation, put);
    else putRead(operation, put);
  }
  return documents;
}

type Put = (key: string, operation: RegisterOperation) => void;

function putRead(operation: ReadOperation, put: Put): void {
  const { request, outcome, called, returned } = operation;
  if (outcome.kind !== 'read' || request.consistency === 'local') return;
  const action = { kind: 'read', state: outcome.state } as const;
  put(request.key, { called, returned, print: () => printOperation(operation), action });
}

function putWrite(operation: WriteOperation, put: Put): void {
  const { request, outcome, called, returned } = operation;
  const print = (): string => printOperation(operation);
  const isWritten = (key: string): boolean => {
    return request.writes.some((write) => write.key === key && write.change.kind !== 'check');
  };
  for (const [index, write] of request.writes.entries()) {
    if (outcome.kind === 'written') {
      // The check of a document that is written as well is of the same moment: it is not an operation of its own.
      if (write.change.kind === 'check' && isWritten(write.key)) continue;
      const action = { kind: 'write', write, revision: outcome.revisions[index] } as const;
      put(write.key, { called, returned, print, action });
    } else if (outcome.kind === 'rejected' && outcome.code !== 'idempotency-key-reused') {
      const isAtFault = request.transaction ? outcome.failedWrite === index : true;
      const code = request.transaction ? undefined : outcome.code;
      if (isAtFault) put(write.key, { called, returned, print, action: { kind: 'rejected', write, code } });
    }
  }
}

/** One operation an effect, or a rejection, of a key; the others as they are. */
function mergeAttempts(operations: readonly Operation[], keyed: KeyedWrites): readonly Operation[] {
  const merged: Operation[] = [];
  const places = new Map<string, number>();
  for (const operation of operations) {
    const name = isWrite(operation) ? outcomeName(operation) : undefined;
    const place = name === undefined ? undefined : places.get(name);
    const earlier = place === undefined ? undefined : merged[place];
    if (name === undefined || earlier === undefined || place === undefined || !isWrite(earlier)) {
      if (name !== undefined) places.set(name, merged.length);
      merged.push(sinceFirstAttempt(operation, keyed));
      continue;
    }
    const returned = Math.min(earlier.returned, operation.returned);
    merged[place] = { ...earlier, called: Math.min(earlier.called, operation.called), returned };
  }
  return merged;
}

function sinceFirstAttempt(operation: Operation, keyed: KeyedWrites): Operation {
  if (!isWrite(operation) || operation.outcome.kind !== 'rejected') return operation;
  if (operation.request.idempotency === undefined) return operation;
  return { ...operation, called: keyed.firstCallOf(operation) };
}

/** The same for attempts that were told the same outcome. */
function outcomeName({ request, outcome }: WriteOperation): string | undefined {
  if (request.idempotency === undefined) return undefined;
  const { key } = request.idempotency;
  if (outcome.kind === 'written') return JSON.stringify([key, 'written', outcome.firstPosition]);
  if (outcome.kind !== 'rejected' || outcome.code === 'idempotency-key-reused') return undefined;
  return JSON.stringify([key, outcome.code, outcome.position]);
}
