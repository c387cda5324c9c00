import type { DatabaseSync } from 'node:sqlite';
import { assert } from '../../base/assert.ts';
import type { Hashes } from '../../base/hashes.ts';
import type { DocumentRow } from '../machine/types.ts';
import type { RowPages } from './row-storage.ts';
import { damaged, databaseFile, metaKeys } from './schema.ts';
import { openForReading } from './sqlite.ts';
import { VerifiedRows } from './verified-rows.ts';

const cacheKibibytes = 4 * 1024;

/** Pages of rows on a connection of their own. */
export class SqlitePages implements RowPages {
  readonly #path: string;
  readonly #hashes: Hashes;
  #database: DatabaseSync | undefined;
  #rows: VerifiedRows | undefined;

  /** @param directory - of a checkpoint that a store has opened before */
  constructor({ directory, hashes }: { readonly directory: string; readonly hashes: Hashes }) {
    this.#path = `${directory}/${databaseFile}`;
    this.#hashes = hashes;
  }

  open(): void {
    this.#database = openForReading(this.#path, cacheKibibytes);
    this.#rows = new VerifiedRows(this.#database, this.#path, this.#hashes);
  }

  page(collection: string, afterId: string | undefined, countMax: number): DocumentRow[] {
    return this.#opened().page(collection, afterId, countMax);
  }

  historyEnd(): string {
    return this.#opened().meta(metaKeys.historyEnd) ?? damaged('the end of history is missing');
  }

  close(): void {
    this.#database?.close();
    this.#database = undefined;
    this.#rows = undefined;
  }

  #opened(): VerifiedRows {
    assert(this.#rows !== undefined, 'pages are open while they are read');
    return this.#rows;
  }
}
