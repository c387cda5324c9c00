import { assert } from '../../base/assert.ts';
import type { ErrorCode } from '../../base/errors.ts';
import type { DocumentState, DocumentWrite } from './document-model.ts';

export interface WriteRequest {
  readonly kind: 'write';
  /** Made at the door for this attempt alone: a retry has another. */
  readonly proposalId: string;
  /** A rejection of a transaction is `precondition-failed`, whatever the cause. */
  readonly transaction: boolean;
  /** At least one that is not a check. A document is written at most once. */
  readonly writes: readonly DocumentWrite[];
  /** `key` names the actor too; `request` is equal for equal requests (its text, or the hash of it). */
  readonly idempotency?: { readonly key: string; readonly request: string };
}

export interface ReadRequest {
  readonly kind: 'read';
  readonly key: string;
  readonly consistency: 'linearizable' | 'local';
  /** The answer may not be older; 0 where the client asked for none. */
  readonly minPosition: number;
}

/** Done: the write's events are at these positions (inclusive), in one instance. */
export interface WrittenOutcome {
  readonly kind: 'written';
  readonly instance: number;
  readonly firstPosition: number;
  readonly lastPosition: number;
  /** One a document write, in order; a check's is the revision as it stood. Undefined: the client was not told. */
  readonly revisions: readonly (number | undefined)[];
}

/** Executed, and rejected by what the documents were at `position`. */
export interface RejectedOutcome {
  readonly kind: 'rejected';
  readonly code: ErrorCode;
  readonly position: number;
  /** In a transaction: the index of the write that was at fault. */
  readonly failedWrite?: number;
}

/** 404 and 410 are such answers too: the state has no value. */
export interface ReadOutcome {
  readonly kind: 'read';
  readonly position: number;
  /** The instance that the answer is exact at, where it was told. */
  readonly instance?: number;
  readonly state: DocumentState;
}

/** Surely not done, and nothing learned: `no-leader`, `busy`, `no-room` … */
export interface RefusedOutcome {
  readonly kind: 'refused';
  readonly code: ErrorCode;
}

export interface UnknownOutcome {
  readonly kind: 'unknown';
}

/** Who asked whom, and when, by the recorder's count. One that returned before another was called happened before it. */
export interface Call {
  readonly id: number;
  readonly client: string;
  /** The replica that was asked. */
  readonly replica: number;
  /** Counts that replica's starts: local reads may go back over a restart. */
  readonly boot: number;
  readonly called: number;
  /** Infinity: never. */
  readonly returned: number;
}

export interface WriteOperation extends Call {
  readonly request: WriteRequest;
  readonly outcome: WrittenOutcome | RejectedOutcome | RefusedOutcome | UnknownOutcome;
}

export interface ReadOperation extends Call {
  readonly request: ReadRequest;
  readonly outcome: ReadOutcome | RefusedOutcome | UnknownOutcome;
}

export type Operation = WriteOperation | ReadOperation;

export function isWrite(operation: Operation): operation is WriteOperation {
  return operation.request.kind === 'write';
}

/** The newest position that an answer let its client see; undefined where it says none. */
export function positionSeen({ outcome }: Operation): number | undefined {
  switch (outcome.kind) {
    case 'written':
      return outcome.lastPosition;
    case 'rejected':
    case 'read':
      return outcome.position;
    default:
      return undefined;
  }
}

/** Who calls, when a call begins. */
export type Caller = Pick<Call, 'client' | 'replica' | 'boot'>;

/**
 * Records operations in the order in which they really began and ended: it counts by itself, so that two that fall into
 * one tick of a virtual clock are ordered too. One world owns it.
 */
export class HistoryRecorder {
  readonly #operationsMax: number;
  readonly #operations: Operation[] = [];
  #count = 0;

  /** @param operationsMax - at the limit `isFull`, and the world stops asking */
  constructor(operationsMax: number) {
    this.#operationsMax = operationsMax;
  }

  get isFull(): boolean {
    return this.#operations.length >= this.#operationsMax;
  }

  /** Operations that never returned are `unknown`. */
  get operations(): readonly Operation[] {
    return this.#operations;
  }

  /** @returns the operation's id, for its `end` */
  begin(caller: Caller, request: WriteRequest | ReadRequest): number {
    assert(!this.isFull, 'no more operations are recorded than the limit says');
    if (request.kind === 'write') assertWellFormed(request);
    const { client, replica, boot } = caller;
    const id = this.#operations.length;
    const called = ++this.#count;
    const open = { id, client, replica, boot, called, returned: Number.POSITIVE_INFINITY };
    const outcome: UnknownOutcome = { kind: 'unknown' };
    this.#operations.push(request.kind === 'write' ? { ...open, request, outcome } : { ...open, request, outcome });
    return id;
  }

  /** An answer `unknown` leaves the call open: what it asked may still happen. */
  endWrite(id: number, outcome: WriteOperation['outcome']): void {
    const operation = this.#open(id);
    assert(isWrite(operation), 'a write is answered as a write', { id });
    if (outcome.kind !== 'unknown') this.#operations[id] = { ...operation, returned: ++this.#count, outcome };
  }

  endRead(id: number, outcome: ReadOperation['outcome']): void {
    const operation = this.#open(id);
    assert(!isWrite(operation), 'a read is answered as a read', { id });
    if (outcome.kind !== 'unknown') this.#operations[id] = { ...operation, returned: ++this.#count, outcome };
  }

  #open(id: number): Operation {
    const operation = this.#operations[id];
    assert(operation !== undefined && operation.outcome.kind === 'unknown', 'an operation ends once', { id });
    return operation;
  }
}

function assertWellFormed({ writes, transaction }: WriteRequest): void {
  const written = writes.filter(({ change }) => change.kind !== 'check').map(({ key }) => key);
  assert(written.length > 0 && new Set(written).size === written.length, 'a write writes, each document once');
  assert(transaction || writes.length === 1, 'only a transaction has several documents');
}
