import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { LoggosError } from '../base/errors.ts';
import { fileWords } from '../system/file-words.ts';

/** What a file of the command line holds. @throws LoggosError `usage`, by the name that was given */
export function readNamedFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unusable(path, error);
  }
}

/**
 * Before any work is done for it: whether a file may be made at a path.
 * @throws LoggosError `usage`
 */
export function requirePlaceFor(path: string): void {
  const parent = dirname(path);
  requireDirectory(parent);
  try {
    accessSync(parent, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unusable(parent, error);
  }
}

/** @throws LoggosError `usage` */
export function requireDirectory(path: string): void {
  let isDirectory: boolean;
  try {
    isDirectory = statSync(path).isDirectory();
  } catch (error) {
    throw unusable(path, error);
  }
  if (!isDirectory) throw new LoggosError('usage', `${path} is not a directory`);
}

/** Why a file that was named cannot be used, in words. */
export function unusable(path: string, error: unknown): LoggosError {
  return new LoggosError('usage', `${path}: ${fileWords(error)}`, {}, error);
}
