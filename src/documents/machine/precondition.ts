import type { Rejection } from './rejection.ts';
import { tagOf } from './row.ts';
import type { DocumentRow, HistoryFork, OperationKind, Precondition } from './types.ts';

/**
 * Whether a document, as it stands, may be written so. What does not exist comes before preconditions, as RFC 9110
 * 13.2.1 has it: a PATCH or DELETE of nothing is 404 or 410, whatever it was conditioned on.
 * @returns undefined where all holds
 */
export function refusalOf(
  kind: OperationKind,
  precondition: Precondition,
  row: DocumentRow | undefined,
  histories: readonly HistoryFork[],
): Rejection | undefined {
  if (kind === 'merge' || kind === 'patch' || kind === 'delete') {
    if (row === undefined) return neverWas;
    if (row.deleted) return deletedNow(row);
  }
  // Content of a document that never was cannot come back; that of a deleted one can.
  if (kind === 'restore' && row === undefined) return neverWas;
  if (kind === 'create' && isPresent(row)) return alreadyExists(row);
  return refusalByPrecondition(precondition, row, histories);
}

function refusalByPrecondition(
  precondition: Precondition,
  row: DocumentRow | undefined,
  histories: readonly HistoryFork[],
): Rejection | undefined {
  switch (precondition.kind) {
    case 'none':
      return undefined;
    case 'absent':
      return isPresent(row) ? alreadyExists(row) : undefined;
    case 'present':
      return isPresent(row) ? undefined : nothingThere;
    case 'tags': {
      if (!isPresent(row)) return nothingThere;
      const tag = tagOf(row.position, row.revision, histories);
      return precondition.tags.includes(tag) ? undefined : conflict(row.revision, tag, precondition.tags);
    }
    case 'not-tags': {
      if (!isPresent(row)) return undefined;
      const tag = tagOf(row.position, row.revision, histories);
      return precondition.tags.includes(tag) ? conflict(row.revision, tag, []) : undefined;
    }
  }
}

function isPresent(row: DocumentRow | undefined): row is DocumentRow {
  return row !== undefined && !row.deleted;
}

const neverWas: Rejection = { code: 'not-found', message: 'There is no such document.', facts: {} };

function deletedNow({ position, revision }: DocumentRow): Rejection {
  return { code: 'deleted', message: 'The document is deleted.', facts: { position, revision } };
}

function alreadyExists({ revision }: DocumentRow): Rejection {
  return { code: 'already-exists', message: 'The document exists already.', facts: { currentRevision: revision } };
}

/** A document that is not there has the current revision 0, the one that `ifRevision` asks for then. */
const nothingThere: Rejection = {
  code: 'revision-conflict',
  message: 'The document does not exist now.',
  facts: { currentRevision: 0 },
};

/** `currentTag` is told where it is not the plain number: of a row that was written after a restore. */
function conflict(currentRevision: number, currentTag: string, asked: readonly string[]): Rejection {
  const plain = String(currentRevision);
  if (currentTag === plain) {
    return { code: 'revision-conflict', message: `The document has revision ${plain}.`, facts: { currentRevision } };
  }
  const message = asked.includes(plain)
    ? `Revision ${plain} of the document belongs to another history than the one asked for: its tag is "${currentTag}".`
    : `The document has revision ${plain}, by its tag "${currentTag}".`;
  return { code: 'revision-conflict', message, facts: { currentRevision, currentTag } };
}
