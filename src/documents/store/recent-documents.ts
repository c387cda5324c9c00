import { RecentMap } from '../machine/recent-map.ts';
import type { DedupeEntry } from '../machine/types.ts';
import type { CommittedRows } from './row-storage.ts';
import type { StoredDocument } from './schema.ts';

/** Beside the body: the line that a body is often a slice of, the row's numbers, its hash, its places in maps. */
const documentOverheadBytes = 1_024;

/**
 * Committed rows, of which those that were written lately are in memory: a document that changes has often changed a
 * moment ago, and reading and hashing its row again costs a quarter of a replayed event. Whoever writes the rows tells
 * it of each commit, so what it holds is what the last commit left. Rot in a row that is held is for the scrubber.
 */
export class RecentDocuments implements CommittedRows {
  readonly #rows: CommittedRows;
  readonly #recent: RecentMap<StoredDocument>;

  constructor(rows: CommittedRows, bytesMax: number) {
    this.#rows = rows;
    this.#recent = new RecentMap(bytesMax, ({ row }) => documentOverheadBytes + 2 * row.body.length);
  }

  document(collection: string, documentId: string): StoredDocument | undefined {
    return this.#recent.get(collection, documentId) ?? this.#rows.document(collection, documentId);
  }

  dedupe(actor: string, key: string, line: number): DedupeEntry | undefined {
    return this.#rows.dedupe(actor, key, line);
  }

  /** They are durable. Too large a one is only forgotten. */
  committed(documents: readonly StoredDocument[]): void {
    for (const document of documents) {
      this.#recent.set(document.row.collection, document.row.documentId, document);
    }
  }
}
