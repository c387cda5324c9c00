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

/** Names the kernel's failure in our words; what it said itself is the `cause`. */
export function toDiskError(path: string, error: unknown): DiskError {
  if (error instanceof DiskError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new DiskError(kinds[errorCode(error)] ?? 'failed', path, message, error);
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
