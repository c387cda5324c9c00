import { checkHistory } from '../../../src/simulation/checker/check-history.ts';
import { type ChosenEvent, ChosenHistory } from '../../../src/simulation/checker/chosen-history.ts';
import type { DocumentState, DocumentWrite } from '../../../src/simulation/checker/document-model.ts';
import type {
  Operation,
  ReadOperation,
  ReadRequest,
  RejectedOutcome,
  WriteOperation,
  WriteRequest,
  WrittenOutcome,
} from '../../../src/simulation/checker/history.ts';

export const dayMs = 86_400_000;
const stepsMax = 1_000_000;

/** When an operation was called and returned; `undefined`: never. */
export type Interval = readonly [called: number, returned: number | undefined];

/** A history written down by hand. */
export interface HandMade {
  readonly operations: readonly Operation[];
  readonly events: readonly ChosenEvent[];
  readonly stepsMax?: number;
}

/** Everything that the end of a run checks. @throws Violation */
export function checkHandMade(made: HandMade): void {
  const history = new ChosenHistory({ dedupeWindowMs: dayMs, eventsMax: 1_000 });
  for (const event of made.events) history.append(event);
  const operations = made.operations.map((operation, id) => ({ ...operation, id }));
  checkHistory(operations, history, made.stepsMax ?? stepsMax);
}

export function put(key: string, value: string, expectedRevision?: number): DocumentWrite {
  const change = { kind: 'put', value } as const;
  return expectedRevision === undefined ? { key, change } : { key, change, expectedRevision };
}

export function remove(key: string, expectedRevision?: number): DocumentWrite {
  const change = { kind: 'delete' } as const;
  return expectedRevision === undefined ? { key, change } : { key, change, expectedRevision };
}

export function check(key: string, expectedRevision: number): DocumentWrite {
  return { key, change: { kind: 'check' }, expectedRevision };
}

/** A write of one document, or a transaction of several. */
export function write(
  proposalId: string,
  interval: Interval,
  writes: readonly DocumentWrite[],
  outcome: WriteOperation['outcome'],
  more: Partial<Pick<WriteOperation, 'client' | 'replica'> & WriteRequest> = {},
): WriteOperation {
  const { client = 'anna', replica = 1, ...request } = more;
  const all = { kind: 'write', proposalId, transaction: writes.length > 1, writes, ...request } as const;
  return { ...callOf(interval), client, replica, request: all, outcome };
}

export function read(
  interval: Interval,
  key: string,
  position: number,
  state: DocumentState,
  more: Partial<Pick<ReadOperation, 'client' | 'replica' | 'boot'> & ReadRequest & { instance: number }> = {},
): ReadOperation {
  const { client = 'anna', replica = 1, boot = 1, instance, ...request } = more;
  const all = { kind: 'read', key, consistency: 'linearizable', minPosition: 0, ...request } as const;
  const outcome = { kind: 'read', position, state, ...(instance === undefined ? {} : { instance }) } as const;
  return { ...callOf(interval), client, replica, boot, request: all, outcome };
}

function callOf([called, returned]: Interval) {
  return { id: 0, boot: 1, called, returned: returned ?? Number.POSITIVE_INFINITY };
}

/** Done at one position, which is its instance too. */
export function done(position: number, revision: number, instance = position): WrittenOutcome {
  return { kind: 'written', instance, firstPosition: position, lastPosition: position, revisions: [revision] };
}

export function rejected(code: RejectedOutcome['code'], position: number, failedWrite?: number): RejectedOutcome {
  return { kind: 'rejected', code, position, ...(failedWrite === undefined ? {} : { failedWrite }) };
}

export const unknown = { kind: 'unknown' } as const;
export const refused = { kind: 'refused', code: 'no-leader' } as const;
export const busy = { kind: 'refused', code: 'busy' } as const;

/** One event, in an instance of its own. */
export function event(
  position: number,
  proposalId: string,
  key: string,
  revision: number,
  value: string | undefined,
  more: Partial<ChosenEvent> = {},
): ChosenEvent {
  const deleted = value === undefined;
  return {
    instance: position,
    position,
    proposalId,
    idempotencyKey: undefined,
    key,
    revision,
    deleted,
    value,
    time: position,
    ...more,
  };
}

export function at(revision: number, value?: string): DocumentState {
  return { revision, value };
}

/** What most stories begin with: two puts of one document, one after the other. */
export const a1 = write('p1', [1, 2], [put('a', '1')], done(1, 1));
export const a2 = write('p2', [3, 4], [put('a', '2')], done(2, 2));
export const event1 = event(1, 'p1', 'a', 1, '1');
export const event2 = event(2, 'p2', 'a', 2, '2');
export const keyed = { idempotency: { key: 'k', request: 'put a 1' } };
export const keyedEvent1 = event(1, 'p1', 'a', 1, '1', { idempotencyKey: 'k' });
export const local = { consistency: 'local' } as const;
