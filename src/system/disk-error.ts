import { DiskError, type DiskErrorKind } from '../base/disk.ts';

const kinds: Readonly<Record<string, DiskErrorKind>> = {
  ENOSPC: 'no-room',
  EDQUOT: 'no-room',
  ENOENT: 'absent',
  EEXIST: 'exists',
  EACCES: 'not-permitted',
  EPERM: 'not-permitted',
  EROFS: 'not-permitted',
};

const words: Readonly<Record<DiskErrorKind, string>> = {
  'no-room': 'The disk is full',
  absent: 'There is no such file or directory',
  exists: 'The file is there already',
  'not-permitted': 'The disk does not permit it',
  failed: 'The disk failed',
};

/**
 * Names the kernel's failure in our words; what it said itself, with the path, is the `cause`. The message has no path:
 * clients may read it, and where the data lies is not theirs to know. `path` has it, for whoever is on the machine.
 */
export function toDiskError(path: string, error: unknown): DiskError {
  if (error instanceof DiskError) return error;
  const code = errorCode(error);
  const kind = kinds[code] ?? 'failed';
  const operation = error instanceof Error && 'syscall' in error ? String(error.syscall) : 'unknown operation';
  return new DiskError(kind, path, `${words[kind]} (${operation}: ${code || 'no code'}).`, error);
}

/** The kernel's name of an error (`ENOENT`), or an empty text. */
export function errorCode(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return '';
  return String(error.code);
}

/** How each mode of `Disk.open` is opened, and with which permissions a file is made. */
export const openFlags = { read: 'r', write: 'r+', create: 'wx+' } as const;
export const fileMode = 0o600;
export const directoryMode = 0o700;
