import { RecentMap } from './machine/recent-map.ts';
import type { DocumentRow } from './machine/types.ts';

/** Beside the body: the line that a body is often a slice of, the row's numbers, its places in maps. */
const rowOverheadBytes = 1_024;

/**
 * The latest rows of documents that were read or written lately, in the tail or not. It is told of every row that is
 * executed, so what it answers is the row as of the last applied instance, wherever the Replayer is: a row that it
 * holds can only be replaced by an execution here.
 */
export class RecentRows {
  readonly #rows: RecentMap<DocumentRow>;

  constructor(bytesMax: number) {
    this.#rows = new RecentMap(bytesMax, ({ body }) => rowOverheadBytes + 2 * body.length);
  }

  get(collection: string, documentId: string): DocumentRow | undefined {
    return this.#rows.get(collection, documentId);
  }

  /** The row that was just executed, or just read where the tail has none. Too large a row is only forgotten. */
  set(row: DocumentRow): void {
    this.#rows.set(row.collection, row.documentId, row);
  }
}
