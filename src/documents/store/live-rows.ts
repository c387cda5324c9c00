import type { DatabaseSync } from 'node:sqlite';
import { assert } from '../../base/assert.ts';
import type { Hashes } from '../../base/hashes.ts';
import type { DedupeEntry, DocumentRow, StateView } from '../machine/types.ts';
import { databaseFile } from './schema.ts';
import { openForReading } from './sqlite.ts';
import { VerifiedRows } from './verified-rows.ts';

/** The live machine's view of what is committed: each read sees the newest commit of its moment. */
export interface CommittedView extends StateView {
  /** The store has opened the checkpoint before. */
  open(): void;
  close(): void;
}

/** Point reads touch few pages; the kernel caches the file for all connections alike. */
const cacheKibibytes = 2 * 1024;

/**
 * The live machine's point reads of the durable checkpoint: synchronous, in the main thread, on a connection of their
 * own. Each read is a read transaction of its own and sees the newest commit, so an answer counts only for a document
 * that is not in the tail. Nothing is cached here beside SQLite's pages: a cache would have to be told of each commit.
 */
export class LiveRows implements CommittedView {
  readonly #path: string;
  readonly #hashes: Hashes;
  #database: DatabaseSync | undefined;
  #rows: VerifiedRows | undefined;

  constructor({ directory, hashes }: { readonly directory: string; readonly hashes: Hashes }) {
    this.#path = `${directory}/${databaseFile}`;
    this.#hashes = hashes;
  }

  /** The store has opened the checkpoint before: reading creates nothing. */
  open(): void {
    assert(this.#database === undefined, 'live rows are opened once');
    this.#database = openForReading(this.#path, cacheKibibytes);
    this.#rows = new VerifiedRows(this.#database, this.#path, this.#hashes);
  }

  /** @throws LoggosError `checkpoint-damaged` */
  row(collection: string, documentId: string): DocumentRow | undefined {
    return this.#opened().document(collection, documentId)?.row;
  }

  /** The entry as stored, in or out of the window. @throws LoggosError `checkpoint-damaged` */
  dedupe(actor: string, key: string, line: number): DedupeEntry | undefined {
    return this.#opened().dedupe(actor, key, line);
  }

  close(): void {
    this.#database?.close();
    this.#database = undefined;
    this.#rows = undefined;
  }

  #opened(): VerifiedRows {
    assert(this.#rows !== undefined, 'live rows are open while they are read');
    return this.#rows;
  }
}
