import { closeSync, openSync, realpathSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { LoggosError } from '../base/errors.ts';
import { errorCode, fileMode } from './disk-error.ts';

/**
 * The files that this process holds, by path: taking one again would open it by `fs`, and closing that drops the
 * kernel's lock. The connection is kept here so that nobody loses the lock by forgetting the object: a connection that
 * is collected as garbage is closed.
 */
const heldHere = new Map<string, DatabaseSync>();

/** SQLite's primary result codes that mean that another connection holds the file. */
const busyCodes = [5, 6];

/**
 * The kernel's lock on a data directory: SQLite's EXCLUSIVE lock on one file, held for the life of the process and
 * dropped by the kernel when it dies. Nobody else in this process may open the file, not even to read it.
 */
export class KernelLock {
  readonly #path: string;
  readonly #database: DatabaseSync;

  private constructor(path: string, database: DatabaseSync) {
    this.#path = path;
    this.#database = database;
  }

  /**
   * Takes the lock or fails at once, also where the holder is stopped.
   * @param path - of `lock.sqlite`; made where it is absent
   * @throws LoggosError `directory-locked`: another process, or this one, holds it. `directory-unusable`: no lock can be taken there
   */
  static take(path: string): KernelLock {
    makePrivateFile(path);
    const realPath = realpathSync(path);
    if (heldHere.has(realPath)) throw locked(path);
    const database = lockDatabase(path);
    heldHere.set(realPath, database);
    return new KernelLock(realPath, database);
  }

  /** Gives it back; nothing happens the second time. */
  release(): void {
    if (!this.#database.isOpen) return;
    this.#database.close();
    heldHere.delete(this.#path);
  }
}

/** Makes the file with our permissions; an existing one is not opened. */
function makePrivateFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', fileMode));
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw unusable(path, error);
  }
}

function lockDatabase(path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec('PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=DELETE; BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database?.close();
    const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) % 256 : 0;
    throw busyCodes.includes(code) ? locked(path, error) : unusable(path, error);
  }
}

function locked(path: string, cause?: unknown): LoggosError {
  return new LoggosError('directory-locked', `${path} is locked by another process`, {}, cause);
}

function unusable(path: string, cause: unknown): LoggosError {
  return new LoggosError('directory-unusable', `${path} cannot be locked`, {}, cause);
}
