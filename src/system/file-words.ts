import { errorCode } from './disk-error.ts';

const words: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory',
  ENOTDIR: 'a part of that path is not a directory',
  EISDIR: 'it is a directory',
  EACCES: 'this user may not use it',
  EPERM: 'this user may not use it',
  EROFS: 'the file system may only be read',
};

/** Why a file or directory that somebody named cannot be used, for who stands before the machine. */
export function fileWords(error: unknown): string {
  return words[errorCode(error)] ?? (error instanceof Error ? error.message : String(error));
}
