import { DiskError } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import { ProblemError } from '../client/problem-error.ts';

/** What the shell is told. `defect`: an invariant broke or a disk failed; the data is kept, and a restart is right. */
export const exitCodes = { done: 0, failed: 1, usage: 2, defect: 70, tryAgain: 75 } as const;

/** 75 only where surely nothing was done and waiting helps. */
const tryAgainCodes: ReadonlySet<string> = new Set([
  'directory-locked',
  'no-leader',
  'starting',
  'busy',
  'position-not-reached',
  'too-many-requests',
]);

export function exitCodeOf(error: unknown): number {
  const code = codeOf(error);
  if (code === 'usage') return exitCodes.usage;
  return code !== undefined && tryAgainCodes.has(code) ? exitCodes.tryAgain : exitCodes.failed;
}

/** One line for people: errors that are expected say what to do; all others say what they are. */
export function errorLine(error: unknown): string {
  const text = describe(error);
  const code = codeOf(error);
  const line = text.replaceAll(/\s*\n\s*/g, ' ');
  return `loggos: ${line}${code === undefined || code === 'usage' ? '' : ` (${code})`}`;
}

/** Messages of the disk name no file, since clients may read them; whoever sits at the machine wants to know it. */
function describe(error: unknown): string {
  if (error instanceof DiskError && error.path !== '') return `${error.path}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof LoggosError || error instanceof ProblemError ? error.code : undefined;
}
