import type { ErrorCode } from '../base/errors.ts';

/** What a code means to whoever meets it. */
export interface Problem {
  /** The HTTP status. Codes of commands and of start-up have one too, for completeness. */
  readonly status: number;
  readonly title: string;
  /** What to do, as a sentence. */
  readonly advice: string;
  /** Where waiting helps: how long before another try. */
  readonly retryAfterSeconds?: number;
}

/** The `type` of a problem: a stable URI reference. */
export function problemType(code: ErrorCode): string {
  return `/problems/${code}`;
}

/** One row a code: the only place that knows statuses. `docs/problems.md` is printed from it. */
export const problems: Readonly<Record<ErrorCode, Problem>> = {
  'malformed-json': {
    status: 400,
    title: 'The body is not JSON as Loggos takes it',
    advice: 'Send UTF-8 without a byte order mark, valid JSON, no key twice in an object, nesting within the limit.',
  },
  'malformed-patch': {
    status: 400,
    title: 'The patch is not well formed',
    advice: 'Send a JSON Patch as RFC 6902 has it: an array of operations with `op`, `path` and what that `op` needs.',
  },
  'unrepresentable-value': {
    status: 400,
    title: 'A value cannot be kept exactly',
    advice: 'Send numbers that a double holds exactly as written (longer ones as text) and no lone surrogates.',
  },
  'invalid-parameter': {
    status: 400,
    title: 'A parameter is not valid',
    advice: 'Mend the parameter or header that `parameter` names; each may be given once.',
  },
  'malformed-request': {
    status: 400,
    title: 'The request is not well formed',
    advice: 'Compare the request with /openapi.json.',
  },
  unauthenticated: { status: 401, title: 'No valid credentials', advice: 'Send a valid API key.' },
  forbidden: { status: 403, title: 'Not allowed', advice: 'Use a key whose role allows this request.' },
  'not-found': { status: 404, title: 'Not found', advice: 'Check the address; names are case-sensitive.' },
  'no-such-route': {
    status: 404,
    title: 'No such route',
    advice: 'Check the path against /openapi.json; paths are case-sensitive and end without a slash.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'The method is not allowed here',
    advice: 'Use one of the methods in the `Allow` header.',
  },
  'not-acceptable': {
    status: 406,
    title: 'No answer in an accepted media type',
    advice: 'Send an `Accept` header with one of the types in `available`, or none.',
  },
  'patch-test-failed': {
    status: 409,
    title: 'A `test` of the patch failed',
    advice: 'Read the document again and make the patch anew.',
  },
  'unique-violation': {
    status: 409,
    title: 'A unique index has this value already',
    advice: 'Choose another value, or change the document that has it.',
  },
  'history-diverged': {
    status: 409,
    title: 'That position belongs to another history',
    advice: 'The database was restored. Start again from `lastCommonPosition`, up to which both histories are equal.',
  },
  'membership-changing': {
    status: 409,
    title: 'Another membership change is under way',
    advice: 'Try again when it is done.',
  },
  'not-caught-up': {
    status: 409,
    title: 'The learner has not caught up',
    advice: 'Wait until its lag in /v1/cluster is small.',
  },
  'quorum-at-risk': {
    status: 409,
    title: 'The remaining replicas could not go on',
    advice: 'Add or mend a replica first.',
  },
  'in-use': { status: 409, title: 'It is being read', advice: 'Try again when nobody reads it.' },
  deleted: {
    status: 410,
    title: 'The document is deleted',
    advice: 'Its history remains: read an earlier revision, or restore one.',
  },
  'history-trimmed': {
    status: 410,
    title: 'Events that old are no longer kept',
    advice: 'Start from `floor`, or from a backup.',
  },
  'revision-conflict': {
    status: 412,
    title: 'The document has another revision',
    advice: 'Read it again and retry with the new ETag.',
  },
  'already-exists': {
    status: 412,
    title: 'The document exists already',
    advice: 'Choose another id, or replace it without `If-None-Match: *`.',
  },
  'precondition-failed': {
    status: 412,
    title: 'A condition does not hold',
    advice: 'Nothing was written. `operation` names the operation of the transaction, `cause` says why.',
  },
  'body-too-large': {
    status: 413,
    title: 'The body is too large',
    advice: 'Send at most `limit` bytes.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'The body has an unsupported media type',
    advice: 'Send one of the types in `Accept-Post` or `Accept-Patch`, in UTF-8 and not compressed.',
  },
  'range-not-satisfiable': {
    status: 416,
    title: 'The range is outside the file',
    advice: '`Content-Range` says how many bytes there are.',
  },
  'wrong-cluster': {
    status: 421,
    title: 'The request was meant for someone else',
    advice: 'Use this server by its address, or add the name to the configured hosts.',
  },
  'precondition-required': {
    status: 428,
    title: 'The request must be conditional',
    advice: 'Send `If-Match` with the ETag that you read.',
  },
  'too-many-requests': {
    status: 429,
    title: 'Too many requests',
    advice: 'Wait as `Retry-After` says.',
    retryAfterSeconds: 1,
  },
  'not-an-object': {
    status: 422,
    title: 'The top level of a document is an object',
    advice: 'Wrap the value in an object.',
  },
  'key-not-allowed': {
    status: 422,
    title: 'That key is not allowed',
    advice: 'Use another key than `__proto__`, which programs mistake for a prototype.',
  },
  'patch-not-applicable': {
    status: 422,
    title: 'The patch cannot be applied',
    advice: 'Read the document and address what is there.',
  },
  'document-too-large': {
    status: 422,
    title: 'The document is too large',
    advice: 'Split it into several documents; after a patch the limit counts too.',
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'The idempotency key was used for another request',
    advice: 'Use a new key for a new request.',
  },
  'duplicate-write': {
    status: 422,
    title: 'A transaction writes a document twice',
    advice: 'Make one operation of the two.',
  },
  'invalid-filter': { status: 422, title: 'The filter is not valid', advice: 'Compare it with the documentation.' },
  internal: {
    status: 500,
    title: 'Something went wrong here',
    advice: 'Look for the error id in the log of the server.',
  },
  'no-leader': {
    status: 503,
    title: 'There is no leader now',
    advice: 'It was surely not done. Try again.',
    retryAfterSeconds: 1,
  },
  busy: {
    status: 503,
    title: 'There is too much to do',
    advice: 'It was surely not done. Try again, more slowly.',
    retryAfterSeconds: 1,
  },
  'outcome-unknown': {
    status: 503,
    title: 'It may have been done or not',
    advice: 'Look for `eventId` in the events above `after`. With an `Idempotency-Key`, just try again.',
    retryAfterSeconds: 1,
  },
  'position-not-reached': {
    status: 503,
    title: 'This replica has not come that far',
    advice: 'Try again, give more time with `Loggos-Deadline`, or ask another replica.',
    retryAfterSeconds: 1,
  },
  'log-damaged': {
    status: 503,
    title: 'The log is damaged and nothing is written',
    advice:
      'Reads with `consistency=local` and backups work. To recover, make a backup of what is readable and restore it into a new directory; keep this one.',
  },
  'not-a-member': {
    status: 503,
    title: 'This replica is not a member of the cluster',
    advice: 'Ask a member; join this replica again.',
  },
  starting: {
    status: 503,
    title: 'This database is starting',
    advice: 'It was surely not done. Try again; `/readyz?verbose` says how far it is.',
    retryAfterSeconds: 1,
  },
  stopped: {
    status: 503,
    title: 'This database has stopped',
    advice: 'See the log of the server; if it is being restarted, try again.',
    retryAfterSeconds: 2,
  },
  'no-room': {
    status: 507,
    title: 'The disk is full',
    advice: 'It was surely not done. Make room on the disk of the server; no restart is needed.',
  },
  'checkpoint-damaged': {
    status: 503,
    title: 'The checkpoint is damaged',
    advice:
      'Damaged bytes are never answered. The server rebuilds its checkpoint from a snapshot and the log; where its log says that it cannot, restore the newest backup.',
  },
  diverged: {
    status: 503,
    title: 'This replica executed otherwise than it should have',
    advice:
      'It serves nothing any more and is a source of backups for nobody; keep its files for whoever looks into it. Ask another replica; where there is none, restore the newest backup into another directory.',
  },
  'snapshot-damaged': {
    status: 500,
    title: 'The snapshot is damaged',
    advice: 'Make another; never restore this one.',
  },
  'directory-locked': {
    status: 500,
    title: 'The data directory is in use',
    advice: 'Stop the process that holds it, or choose another directory.',
  },
  'directory-unusable': {
    status: 500,
    title: 'The data directory cannot be used',
    advice: 'Give a directory that this user may write to.',
  },
  usage: { status: 500, title: 'The command was not understood', advice: 'See its --help.' },
};
