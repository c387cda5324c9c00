import type { DatabaseSync } from 'node:sqlite';
import type { Hashes } from '../../base/hashes.ts';
import { rowHash } from '../machine/row.ts';
import type { DedupeEntry, DocumentRow } from '../machine/types.ts';
import {
  type CommittedCheckpoint,
  damaged,
  dedupeOf,
  documentOf,
  documentWithKey,
  metaOf,
  parseCommitted,
  type StoredDocument,
  sql,
} from './schema.ts';
import { Statement } from './sqlite.ts';

/** Reads rows on one connection; each is compared with its checksum, and rot is thrown as `checkpoint-damaged`. */
export class VerifiedRows {
  readonly #hashes: Hashes;
  readonly #document: Statement;
  readonly #dedupe: Statement;
  readonly #meta: Statement;
  readonly #page: Statement;
  readonly #firstPage: Statement;

  constructor(database: DatabaseSync, path: string, hashes: Hashes) {
    this.#hashes = hashes;
    this.#document = new Statement(database, path, sql.readDocument);
    this.#dedupe = new Statement(database, path, sql.readDedupe);
    this.#meta = new Statement(database, path, sql.readMeta);
    this.#page = new Statement(database, path, sql.pageOfCollection);
    this.#firstPage = new Statement(database, path, sql.firstOfCollection);
  }

  document(collection: string, documentId: string): StoredDocument | undefined {
    const columns = this.#document.get(collection, documentId);
    if (columns === undefined) return undefined;
    return verified(documentWithKey(collection, documentId, columns), this.#hashes);
  }

  dedupe(actor: string, key: string, line: number): DedupeEntry | undefined {
    const columns = this.#dedupe.get(actor, key, line);
    return columns === undefined ? undefined : dedupeOf(columns, this.#hashes);
  }

  /** Ascending by the ids' UTF-8 bytes, after `afterId` (exclusive). */
  page(collection: string, afterId: string | undefined, countMax: number): DocumentRow[] {
    const rows =
      afterId === undefined ? this.#firstPage.all(collection, countMax) : this.#page.all(collection, afterId, countMax);
    return rows.map((columns) => verified(documentOf(columns), this.#hashes).row);
  }

  meta(key: string): string | undefined {
    const columns = this.#meta.get(key);
    return columns === undefined ? undefined : metaOf(columns, this.#hashes);
  }

  /** What the last commit states; undefined: there was none yet. */
  committed(): CommittedCheckpoint | undefined {
    const value = this.meta('checkpoint');
    return value === undefined ? undefined : parseCommitted(value);
  }
}

/** @throws LoggosError `checkpoint-damaged` */
export function verified(stored: StoredDocument, hashes: Hashes): StoredDocument {
  if (!isSame(rowHash(stored.row, hashes), stored.hash)) damaged('a document row does not match its hash');
  return stored;
}

/** Byte for byte. */
export function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
