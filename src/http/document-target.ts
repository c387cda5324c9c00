import type { Request } from 'express';
import { collectionPattern, documentIdBytesMax } from '../api/scalars.ts';
import { invalidParameter } from './refusal.ts';

/** Which document a request is about. */
export interface DocumentTarget {
  readonly collection: string;
  readonly documentId: string;
}

/** Of the path, decoded. @throws Refusal `invalid-parameter` */
export function documentTarget(request: Request): DocumentTarget {
  const { collection, id } = request.params as { collection: string; id: string };
  checkCollection(collection);
  checkDocumentId(id);
  return { collection, documentId: id };
}

export function checkCollection(collection: string): void {
  if (!collectionPattern.test(collection)) {
    throw invalidParameter('collection', 'a collection is named by 1 to 64 of A-Z a-z 0-9 _ . -, not by . or ..');
  }
}

/** 1 to 512 bytes of UTF-8 without NUL. A lone surrogate cannot come through a path, but through a body it can. */
export function checkDocumentId(documentId: string): void {
  const isTooLong =
    documentId.length > documentIdBytesMax ||
    (documentId.length * 3 > documentIdBytesMax && Buffer.byteLength(documentId) > documentIdBytesMax);
  if (documentId === '' || isTooLong || documentId.includes('\0') || !documentId.isWellFormed()) {
    throw invalidParameter('id', `an id has 1 to ${documentIdBytesMax} bytes of UTF-8 and no NUL`);
  }
}
