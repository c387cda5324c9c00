import { LoggosError } from '../base/errors.ts';
import { printJson, type ReadJson } from '../base/strict-json.ts';
import type { DocumentRow } from '../documents/machine/types.ts';
import type { Database } from './database.ts';
import type { DocumentTarget } from './document-target.ts';
import { Refusal } from './refusal.ts';

/** @throws LoggosError `not-found`, `deleted` */
export function presentRow(database: Database, { collection, documentId }: DocumentTarget): DocumentRow {
  const row = database.read.current(collection, documentId);
  if (row === undefined) throw new LoggosError('not-found', 'the document was never here');
  if (row.deleted) throw deleted(row);
  return row;
}

export function deleted({ position, revision }: { readonly position: number; readonly revision: number }): LoggosError {
  return new LoggosError('deleted', 'the document was deleted', { position, revision });
}

export function revisionConflict(currentRevision: number, currentTag: string): LoggosError {
  const message = `the document has another revision, by its tag "${currentTag}"`;
  return new LoggosError('revision-conflict', message, { currentRevision, currentTag });
}

/** `,"tag":"…"` where a revision's tag is not its plain number: of what was written after a restore. */
export function tagMember(revision: number, tag: string): string {
  return tag === String(revision) ? '' : `,"tag":${JSON.stringify(tag)}`;
}

/** The compact text of a document. @throws Refusal `not-an-object`, `document-too-large` */
export function printDocument(value: unknown, database: Database, operation?: number): string {
  checkObject(value, operation);
  return checkSize(printJson(value), database, operation);
}

/** As `printDocument`, of a body: what came as it is stored is not printed again. */
export function compactDocument({ value, text, isCompact }: ReadJson, database: Database): string {
  checkObject(value);
  return checkSize(isCompact ? text : printJson(value), database);
}

function checkSize(json: string, database: Database, operation?: number): string {
  const limit = database.limits.documentBytesMax;
  if (json.length * 3 > limit && Buffer.byteLength(json) > limit) {
    throw new Refusal('document-too-large', `the document has more than ${limit} bytes`, {
      facts: { limit, ...operationFact(operation) },
    });
  }
  return json;
}

/** @param operation - its index in a transaction */
export function checkObject(value: unknown, operation?: number): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  throw new Refusal('not-an-object', 'this is not a JSON object', { facts: operationFact(operation) });
}

function operationFact(operation: number | undefined): { readonly operation?: number } {
  return operation === undefined ? {} : { operation };
}
