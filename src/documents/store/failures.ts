import { InvariantError } from '../../base/assert.ts';
import { DiskError } from '../../base/disk.ts';
import { LoggosError } from '../../base/errors.ts';

/** It passes when there is room again. */
export function isNoRoom(error: unknown): boolean {
  return error instanceof DiskError && error.kind === 'no-room';
}

/** It passes when another program lets go. */
export function isBusy(error: unknown): boolean {
  return error instanceof LoggosError && error.code === 'busy';
}

/**
 * Whether a write's failure leaves a store that nobody mends while the process lives. Damage and broken invariants are
 * not meant: who calls knows what to do with them.
 */
export function isForGood(error: unknown): boolean {
  if (error instanceof DiskError) return error.kind !== 'no-room';
  return !(error instanceof LoggosError) && !(error instanceof InvariantError);
}
