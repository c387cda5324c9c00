import { type Change, type DocumentWrite, printState } from './document-model.ts';
import type { Operation, ReadRequest, WriteRequest } from './history.ts';

/** One operation as a line for people: `#12 anna: put orders/17 {"n":1} if revision 4 → at 33, revision 5`. */
export function printOperation({ id, client, request, outcome }: Operation): string {
  return `#${id} ${client}: ${printRequest(request)} → ${printOutcome(outcome)}`;
}

function printRequest(request: WriteRequest | ReadRequest): string {
  if (request.kind === 'write') {
    const keyed = request.idempotency === undefined ? '' : ` with key ${request.idempotency.key}`;
    return request.writes.map(printWrite).join(' and ') + keyed;
  }
  const least = request.minPosition === 0 ? '' : ` at ${request.minPosition} or later`;
  return `${request.consistency} read ${request.key}${least}`;
}

export function printWrite({ key, change, expectedRevision }: DocumentWrite): string {
  const condition = expectedRevision === undefined ? '' : ` if revision ${expectedRevision}`;
  return `${printChange(change, key)}${condition}`;
}

function printChange(change: Change, key: string): string {
  switch (change.kind) {
    case 'put':
      return `put ${key} ${change.value}`;
    case 'patch':
      return `patch ${key} ${change.label}`;
    default:
      return `${change.kind} ${key}`;
  }
}

function printOutcome(outcome: Operation['outcome']): string {
  switch (outcome.kind) {
    case 'written':
      return `done at ${outcome.firstPosition}, revision ${outcome.revisions.join(', ')}`;
    case 'rejected':
      return `${outcome.code} at ${outcome.position}`;
    case 'refused':
      return `refused, ${outcome.code}`;
    case 'read':
      return `${printState(outcome.state)}, at ${outcome.position}`;
    case 'unknown':
      return 'unknown';
  }
}
