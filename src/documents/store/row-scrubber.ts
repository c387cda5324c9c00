import type { DatabaseSync } from 'node:sqlite';
import { LoggosError } from '../../base/errors.ts';
import type { Hashes } from '../../base/hashes.ts';
import { addToDigest, subtractFromDigest, zeroDigest } from '../machine/digest.ts';
import { type CommittedCheckpoint, dedupeOf, digestOf, documentOf, metaOf, sql } from './schema.ts';
import { Statement } from './sqlite.ts';
import { compareUtf8 } from './utf8-order.ts';
import { isSame, verified } from './verified-rows.ts';

/** What a step of a scrub read. `damage`: the first mismatch; the pass begins again after it. */
export interface ScrubStep {
  readonly bytes: number;
  readonly done: boolean;
  readonly damage?: string;
}

/** Counted for a row beside its texts. */
const rowOverheadBytes = 64;

type Place =
  | { readonly table: 'documents'; readonly after?: { readonly collection: string; readonly documentId: string } }
  | { readonly table: 'dedupe'; readonly after: number }
  | { readonly table: 'digests'; readonly after: number }
  | { readonly table: 'meta' }
  | { readonly table: 'end' };

/**
 * Reads every row of the database in bounded steps and compares it with its checksum; a whole pass over the documents
 * gives their digest again, commits in between included: a change at or before the place that was reached moves the
 * sum, a change behind it will be read.
 */
export class RowScrubber {
  readonly #hashes: Hashes;
  readonly #firstDocuments: Statement;
  readonly #documentsAfter: Statement;
  readonly #dedupe: Statement;
  readonly #digests: Statement;
  readonly #meta: Statement;
  #place: Place = { table: 'documents' };
  #digest: Uint8Array = zeroDigest;
  #documentCount = 0;

  constructor(database: DatabaseSync, path: string, hashes: Hashes) {
    this.#hashes = hashes;
    this.#firstDocuments = new Statement(database, path, sql.allDocuments);
    this.#documentsAfter = new Statement(database, path, sql.documentsAfter);
    this.#dedupe = new Statement(database, path, sql.dedupeAfter);
    this.#digests = new Statement(database, path, sql.digestsAfter);
    this.#meta = new Statement(database, path, sql.allMeta);
  }

  /** Begins a new pass. */
  restart(): void {
    this.#place = { table: 'documents' };
    this.#digest = zeroDigest;
    this.#documentCount = 0;
  }

  /** A commit is about to replace a row. */
  rowChanged(collection: string, documentId: string, replaced: Uint8Array | undefined, hash: Uint8Array): void {
    if (!this.#hasRead(collection, documentId)) return;
    if (replaced === undefined) this.#documentCount += 1;
    else this.#digest = subtractFromDigest(this.#digest, replaced);
    this.#digest = addToDigest(this.#digest, hash);
  }

  /**
   * Reads on from where the last step ended; at least one row, then up to about `bytesMax`.
   * @throws LoggosError `checkpoint-damaged`
   */
  step(bytesMax: number, committed: CommittedCheckpoint): { readonly bytes: number; readonly done: boolean } {
    let bytes = 0;
    while (bytes < bytesMax && this.#place.table !== 'end') bytes += this.#read(bytesMax - bytes, committed);
    return { bytes, done: this.#place.table === 'end' };
  }

  #hasRead(collection: string, documentId: string): boolean {
    if (this.#place.table !== 'documents') return true;
    const { after } = this.#place;
    if (after === undefined) return false;
    const order = compareUtf8(collection, after.collection);
    return order < 0 || (order === 0 && compareUtf8(documentId, after.documentId) <= 0);
  }

  #read(bytesMax: number, committed: CommittedCheckpoint): number {
    switch (this.#place.table) {
      case 'documents':
        return this.#readDocuments(this.#place.after, bytesMax, committed);
      case 'dedupe':
        return this.#readDedupe(this.#place.after, bytesMax);
      case 'digests':
        return this.#readDigests(this.#place.after, bytesMax);
      case 'meta':
        return this.#readMeta();
      case 'end':
        return 0;
    }
  }

  #readDocuments(
    after: { readonly collection: string; readonly documentId: string } | undefined,
    bytesMax: number,
    committed: CommittedCheckpoint,
  ): number {
    const rows =
      after === undefined ? this.#firstDocuments.each() : this.#documentsAfter.each(after.collection, after.documentId);
    let bytes = 0;
    for (const columns of rows) {
      const { row, hash } = verified(documentOf(columns), this.#hashes);
      this.#digest = addToDigest(this.#digest, hash);
      this.#documentCount += 1;
      this.#place = { table: 'documents', after: { collection: row.collection, documentId: row.documentId } };
      bytes += rowOverheadBytes + row.body.length;
      if (bytes >= bytesMax) return bytes;
    }
    this.#compare(committed);
    this.#place = { table: 'dedupe', after: -1 };
    return bytes;
  }

  #compare(committed: CommittedCheckpoint): void {
    if (isSame(this.#digest, committed.digest) && this.#documentCount === committed.documentCount) return;
    throw new LoggosError('checkpoint-damaged', 'The checkpoint is damaged: its rows do not add up to the digest.');
  }

  #readDedupe(after: number, bytesMax: number): number {
    let bytes = 0;
    for (const columns of this.#dedupe.each(after)) {
      const entry = dedupeOf(columns, this.#hashes);
      this.#place = { table: 'dedupe', after: entry.ordinal };
      bytes += rowOverheadBytes + entry.actor.length + entry.key.length + entry.result.length;
      if (bytes >= bytesMax) return bytes;
    }
    this.#place = { table: 'digests', after: -1 };
    return bytes;
  }

  #readDigests(after: number, bytesMax: number): number {
    let bytes = 0;
    for (const columns of this.#digests.each(after)) {
      const { instance } = digestOf(columns, this.#hashes);
      this.#place = { table: 'digests', after: instance };
      bytes += 2 * rowOverheadBytes;
      if (bytes >= bytesMax) return bytes;
    }
    this.#place = { table: 'meta' };
    return bytes;
  }

  #readMeta(): number {
    let bytes = 0;
    for (const columns of this.#meta.each()) bytes += metaOf(columns, this.#hashes).length;
    this.#place = { table: 'end' };
    return bytes;
  }
}
