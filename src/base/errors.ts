/** Every code that a client or an operator can meet. The HTTP status, title and advice of each are in `api/problems.ts`. */
export type ErrorCode =
  | 'malformed-json'
  | 'malformed-patch'
  | 'unrepresentable-value'
  | 'invalid-parameter'
  | 'malformed-request'
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'no-such-route'
  | 'method-not-allowed'
  | 'not-acceptable'
  | 'patch-test-failed'
  | 'unique-violation'
  | 'history-diverged'
  | 'membership-changing'
  | 'not-caught-up'
  | 'quorum-at-risk'
  | 'in-use'
  | 'deleted'
  | 'history-trimmed'
  | 'revision-conflict'
  | 'already-exists'
  | 'precondition-failed'
  | 'body-too-large'
  | 'unsupported-media-type'
  | 'wrong-cluster'
  | 'precondition-required'
  | 'too-many-requests'
  | 'not-an-object'
  | 'key-not-allowed'
  | 'patch-not-applicable'
  | 'document-too-large'
  | 'idempotency-key-reused'
  | 'duplicate-write'
  | 'invalid-filter'
  | 'internal'
  | 'no-leader'
  | 'busy'
  | 'outcome-unknown'
  | 'position-not-reached'
  | 'log-damaged'
  | 'not-a-member'
  | 'starting'
  | 'stopped'
  | 'no-room'
  | 'range-not-satisfiable'
  | 'checkpoint-damaged'
  | 'diverged'
  | 'snapshot-damaged'
  | 'directory-locked'
  | 'directory-unusable'
  | 'usage';

/** What a client may see beside the message: `currentRevision`, `limit`, `pointer` … */
export type ErrorFacts = Readonly<Record<string, string | number | boolean>>;

/**
 * The only error that carries meaning between floors. Callers look at `code`, never at the message.
 * What is not a `LoggosError` is a defect: over HTTP it is a plain 500.
 */
export class LoggosError extends Error {
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;
  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'LoggosError';
    this.code = code;
    this.facts = facts;
  }
}
