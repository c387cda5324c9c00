import { LoggosError } from '../../base/errors.ts';
import type { EventOperation } from './event-line.ts';
import { assertBodyFits, patchedBody } from './patched-body.ts';
import { refusalOf } from './precondition.ts';
import type { DecodedOperation } from './proposal.ts';
import type { Rejection } from './rejection.ts';
import type { DocumentRow, HistoryFork, Settings } from './types.ts';

/** What an operation will do, decided before anything is done. */
export interface Plan {
  readonly operation: DecodedOperation;
  /** The document before it. */
  readonly row: DocumentRow | undefined;
  /** Undefined for a check. */
  readonly event: EventOperation | undefined;
  /** The result of a patch; undefined where the body is the content of the payload itself. */
  readonly patched: string | undefined;
}

/** Decides one operation on a document as it stands. */
export function planOperation(
  operation: DecodedOperation,
  row: DocumentRow | undefined,
  histories: readonly HistoryFork[],
  settings: Settings,
): Plan | Rejection {
  const { kind, precondition, payload, contentStart } = operation;
  const refusal = refusalOf(kind, precondition, row, histories);
  if (refusal !== undefined) return refusal;
  if (kind === 'check') return { operation, row, event: undefined, patched: undefined };
  if (kind === 'delete') return { operation, row, event: 'deleted', patched: '' };
  try {
    if (kind === 'merge' || kind === 'patch') {
      const patched = patchedBody(row?.body ?? '', kind, payload.slice(contentStart), settings);
      return { operation, row, event: kind === 'merge' ? 'merged' : 'patched', patched };
    }
    // The payload is longer than its content: only where it is too long is the content looked at.
    if (payload.length * 3 > settings.documentBytesMax) {
      assertBodyFits(payload.slice(contentStart), settings.documentBytesMax);
    }
    return { operation, row, event: kind === 'restore' ? 'restored' : putEvent(row), patched: undefined };
  } catch (error) {
    // Anything else is a defect: it is not this proposal's result, and must stop the replica.
    if (!(error instanceof LoggosError)) throw error;
    return { code: error.code, message: error.message, facts: error.facts };
  }
}

function putEvent(row: DocumentRow | undefined): EventOperation {
  return row === undefined || row.deleted ? 'created' : 'replaced';
}
