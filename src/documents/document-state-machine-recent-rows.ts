import { LRUCache } from 'lru-cache';
import type { DocumentRow } from './machine/types.ts';

/** Beside the body: the line that a body is often a slice of, the row's numbers, the cache's own entry. */
const rowOverheadBytes = 1_024;

/**
 * The latest rows of documents that were read or written lately, in the tail or not. It is told of every row that is
 * executed, so what it answers is the row as of the last applied instance, wherever the Replayer is: a row that it
 * holds can only be replaced by an execution here.
 */
export class RecentRows {
  readonly #rows: LRUCache<string, DocumentRow>;

  constructor(bytesMax: number) {
    this.#rows = new LRUCache({
      maxSize: bytesMax,
      sizeCalculation: ({ body }) => rowOverheadBytes + 2 * body.length,
    });
  }

  get(collection: string, documentId: string): DocumentRow | undefined {
    return this.#rows.get(nameOf(collection, documentId));
  }

  /** The row that was just executed, or just read where the tail has none. Too large a row is only forgotten. */
  set(row: DocumentRow): void {
    this.#rows.set(nameOf(row.collection, row.documentId), row);
  }
}

/** Two documents never give the same. */
function nameOf(collection: string, documentId: string): string {
  return `${collection.length}:${collection}${documentId}`;
}
