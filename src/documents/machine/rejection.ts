import type { ErrorCode, ErrorFacts } from '../../base/errors.ts';

/** Why a proposal was not done: decided by execution, the same on every replica. */
export interface Rejection {
  readonly code: ErrorCode;
  readonly message: string;
  readonly facts: ErrorFacts;
}

export function isRejection(value: object): value is Rejection {
  return 'code' in value;
}
