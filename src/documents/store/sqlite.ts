import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { DiskError } from '../../base/disk.ts';
import { LoggosError } from '../../base/errors.ts';

/** SQLite's own numbers for what went wrong (its extended codes carry them in the low byte). */
const sqliteError = 1;
const sqliteBusy = 5;
const sqliteLocked = 6;
const sqliteCorrupt = 11;
const sqliteFull = 13;
const sqliteNotADatabase = 26;

/** How long a connection waits for another's lock before it fails. Locks here are held for microseconds. */
export const lockWaitMs = 2_000;

/** The one writing connection of a checkpoint: WAL, and each commit synced before it is reported (E1). */
export function openForWriting(path: string, cacheKibibytes: number): DatabaseSync {
  return translated(path, () => {
    const database = new DatabaseSync(path, { timeout: lockWaitMs });
    database.exec(`pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -${cacheKibibytes}`);
    return database;
  });
}

/** A connection that only reads. It holds no read transaction between two statements. */
export function openForReading(path: string, cacheKibibytes: number): DatabaseSync {
  return translated(path, () => {
    const database = new DatabaseSync(path, { readOnly: true, timeout: lockWaitMs });
    database.exec(`pragma cache_size = -${cacheKibibytes}; pragma query_only = 1`);
    return database;
  });
}

/** Opens files that nobody else has open, without a WAL: afterwards the one file is whole. */
export function openAlone(path: string, mode: 'read' | 'write'): DatabaseSync {
  return translated(path, () => {
    const database = new DatabaseSync(path, { readOnly: mode === 'read', timeout: lockWaitMs });
    if (mode === 'write') database.exec('pragma journal_mode = delete; pragma synchronous = extra');
    return database;
  });
}

/** A prepared statement whose rows are arrays and whose failures are `DiskError` or `checkpoint-damaged`. */
export class Statement {
  readonly #path: string;
  readonly #statement: StatementSync;

  constructor(database: DatabaseSync, path: string, text: string) {
    this.#path = path;
    this.#statement = prepared(database, path, text);
    this.#statement.setReturnArrays(true);
  }

  /** The first row's columns; undefined: no row. The statement is reset when it returns. */
  get(...parameters: SQLInputValue[]): unknown {
    try {
      return this.#statement.get(...parameters);
    } catch (error) {
      throw storageFailure(error, this.#path);
    }
  }

  /** The first column of the first row; undefined: no row, or no number. */
  number(...parameters: SQLInputValue[]): number | undefined {
    const columns = this.get(...parameters);
    const [first] = Array.isArray(columns) ? (columns as unknown[]) : [];
    return typeof first === 'number' ? first : undefined;
  }

  all(...parameters: SQLInputValue[]): readonly unknown[] {
    return translated(this.#path, () => this.#statement.all(...parameters));
  }

  /** Row by row; the read transaction lasts until the end or until the caller leaves the loop. */
  *each(...parameters: SQLInputValue[]): Iterable<unknown> {
    const rows = translated(this.#path, () => this.#statement.iterate(...parameters));
    try {
      for (;;) {
        const next = translated(this.#path, () => rows.next());
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      rows.return?.();
    }
  }

  run(parameters: readonly SQLInputValue[]): void {
    try {
      this.#statement.run(...parameters);
    } catch (error) {
      throw storageFailure(error, this.#path);
    }
  }
}

/** Length of the main file, once what waits in the WAL is folded into it. */
export function databaseBytes(database: DatabaseSync, path: string): number {
  const pages = new Statement(database, path, 'pragma page_count').number() ?? 0;
  return pages * (new Statement(database, path, 'pragma page_size').number() ?? 0);
}

/** Runs `write` in one SQLite transaction. */
export function inTransaction<Value>(database: DatabaseSync, path: string, write: () => Value): Value {
  translated(path, () => database.exec('begin immediate'));
  try {
    const value = write();
    translated(path, () => database.exec('commit'));
    return value;
  } catch (error) {
    undo(database);
    throw error;
  }
}

/** The same where SQLite's own commit is not durable: `persist` makes it so, before it. */
export async function inPersistedTransaction<Value>(
  database: DatabaseSync,
  path: string,
  write: () => Value,
  persist: () => Promise<void>,
): Promise<Value> {
  translated(path, () => database.exec('begin immediate'));
  try {
    const value = write();
    await persist();
    translated(path, () => database.exec('commit'));
    return value;
  } catch (error) {
    undo(database);
    throw error;
  }
}

function undo(database: DatabaseSync): void {
  // SQLite rolls back by itself after some failures, a full disk among them.
  if (database.isTransaction) database.exec('rollback');
}

/** Runs `action`, giving SQLite's failures their types. */
export function translated<Value>(path: string, action: () => Value): Value {
  try {
    return action();
  } catch (error) {
    throw storageFailure(error, path);
  }
}

/** Our own statements fit our own tables: where one does not, the schema is not what was written. */
function prepared(database: DatabaseSync, path: string, text: string): StatementSync {
  try {
    return database.prepare(text);
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && error.errcode === sqliteError) throw damage(error);
    throw storageFailure(error, path);
  }
}

/**
 * No room and I/O errors are the disk's; a malformed file is damage; a lock that somebody else holds (a person who looks
 * into the file with SQLite's own program, say) passes. What is not SQLite's stays what it is.
 */
function storageFailure(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  // A number that does not fit: this machine writes safe integers only.
  if (error.code === 'ERR_OUT_OF_RANGE') return damage(error);
  if (error.code !== 'ERR_SQLITE_ERROR' || !('errcode' in error)) return error;
  const code = Number(error.errcode) & 0xff;
  if (code === sqliteCorrupt || code === sqliteNotADatabase) return damage(error);
  if (code === sqliteBusy || code === sqliteLocked) {
    return new LoggosError('busy', 'Another program has locked the database of the checkpoint.', {}, error);
  }
  return new DiskError(code === sqliteFull ? 'no-room' : 'failed', path, `SQLite: ${error.message}`, error);
}

function damage(cause: Error): LoggosError {
  return new LoggosError('checkpoint-damaged', 'The checkpoint is damaged: its database is malformed.', {}, cause);
}
