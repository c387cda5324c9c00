import { printPayload } from '../../documents/machine/event-line.ts';
import type { DocumentProposal, Precondition, ProposedOperation } from '../../documents/machine/types.ts';
import { systemHashes } from '../../system/hashes.ts';
import { addToField, type Change, type DocumentWrite } from '../checker/document-model.ts';
import type { WriteRequest } from '../checker/history.ts';
import type { SeededRandom } from '../seeded-random.ts';

/** One document's part of a write, for the machine and for the checker. */
export interface AskedWrite {
  readonly kind: ProposedOperation['kind'];
  readonly key: string;
  readonly change: Change;
  readonly expectedRevision?: number;
  /** Compact JSON. */
  readonly content?: { readonly field: 'document' | 'patch'; readonly json: string };
}

export const simulatedActor = 'anonymous';
const noSalt = new Uint8Array(0);

/** A document of the workload: a number that adds up, a list that grows, who wrote it, and some bytes more. */
export function documentOf(n: number, by: string, padBytes = 0): string {
  return JSON.stringify({ n, by, list: [], ...(padBytes === 0 ? {} : { pad: 'p'.repeat(padBytes) }) });
}

export function putOf(key: string, json: string, expectedRevision?: number): AskedWrite {
  return withRevision(
    { kind: 'put', key, change: { kind: 'put', value: json }, content: content(json) },
    expectedRevision,
  );
}

/** Refused where the document is there. */
export function createOf(key: string, json: string): AskedWrite {
  return { kind: 'create', key, change: { kind: 'put', value: json }, expectedRevision: 0, content: content(json) };
}

export function deleteOf(key: string, expectedRevision?: number): AskedWrite {
  return withRevision({ kind: 'delete', key, change: { kind: 'delete' } }, expectedRevision);
}

export function checkOf(key: string, expectedRevision: number): AskedWrite {
  return { kind: 'check', key, change: { kind: 'check' }, expectedRevision };
}

/** Names who wrote last. */
export function mergeOf(key: string, by: string, expectedRevision?: number): AskedWrite {
  const patch = (value: string) => ({ value: JSON.stringify({ ...JSON.parse(value), by }) });
  return withRevision(
    {
      kind: 'merge',
      key,
      change: { kind: 'patch', label: `by = ${by}`, patch },
      content: { field: 'patch', json: JSON.stringify({ by }) },
    },
    expectedRevision,
  );
}

/** Appends to the list: what is done twice, or lost, is seen. */
export function appendOf(key: string, item: string, expectedRevision?: number): AskedWrite {
  const patch = (value: string) => {
    const document = JSON.parse(value) as { list: unknown[] };
    document.list.push(item);
    return { value: JSON.stringify(document) };
  };
  return withRevision(
    {
      kind: 'patch',
      key,
      change: { kind: 'patch', label: `list + ${item}`, patch },
      content: { field: 'patch', json: JSON.stringify([{ op: 'add', path: '/list/-', value: item }]) },
    },
    expectedRevision,
  );
}

/** Replaces the number by one that is `amount` more than what the client has read. */
export function addOf(key: string, value: string, amount: number, expectedRevision: number): AskedWrite {
  const after = addToField('n', amount);
  const outcome = after.kind === 'patch' ? after.patch(value) : undefined;
  const json = outcome !== undefined && 'value' in outcome ? outcome.value : value;
  return putOf(key, json, expectedRevision);
}

/** What the checker is told of a write. */
export function requestOf(
  proposalId: string,
  writes: readonly AskedWrite[],
  transaction: boolean,
  idempotencyKey: string | undefined,
): WriteRequest {
  const documentWrites = writes.map(
    ({ key, change, expectedRevision }): DocumentWrite =>
      expectedRevision === undefined ? { key, change } : { key, change, expectedRevision },
  );
  const request: WriteRequest = { kind: 'write', proposalId, transaction, writes: documentWrites };
  if (idempotencyKey === undefined) return request;
  const key = `${simulatedActor} ${idempotencyKey}`;
  return { ...request, idempotency: { key, request: requestText(writes, transaction) } };
}

/** The same write as a proposal, as the door of the product makes it. */
export function proposalOf(
  id: string,
  writes: readonly AskedWrite[],
  transaction: boolean,
  idempotencyKey: string | undefined,
  random: SeededRandom,
): DocumentProposal {
  let eventCount = 0;
  const operations = writes.map(({ kind, key, content, expectedRevision }): ProposedOperation => {
    const [collection = '', documentId = ''] = key.split('/');
    const precondition = preconditionOf(expectedRevision);
    if (kind === 'check') {
      return { kind, collection, documentId, precondition, payload: '', contentStart: 0, salt: noSalt };
    }
    const { payload, contentStart } = printPayload({
      id: transaction ? `${id}.${eventCount++}` : id,
      actor: simulatedActor,
      ...{ collection, documentId, type: null, metadata: {} },
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(content === undefined ? {} : { content }),
    });
    return { kind, collection, documentId, precondition, payload, contentStart, salt: random.bytes(16) };
  });
  const proposal: DocumentProposal = { kind: 'write', id, actor: simulatedActor, transaction, operations };
  if (idempotencyKey === undefined) return proposal;
  const requestHash = systemHashes.sha256(Buffer.from(requestText(writes, transaction)));
  return { ...proposal, idempotency: { key: idempotencyKey, line: 0, requestHash } };
}

function requestText(writes: readonly AskedWrite[], transaction: boolean): string {
  const parts = writes.map(({ kind, key, content, expectedRevision }) => [kind, key, content, expectedRevision]);
  return JSON.stringify([transaction, parts]);
}

function preconditionOf(expectedRevision: number | undefined): Precondition {
  if (expectedRevision === undefined) return { kind: 'none' };
  return expectedRevision === 0 ? { kind: 'absent' } : { kind: 'tags', tags: [String(expectedRevision)] };
}

function withRevision(write: AskedWrite, expectedRevision: number | undefined): AskedWrite {
  return expectedRevision === undefined ? write : { ...write, expectedRevision };
}

function content(json: string): { readonly field: 'document'; readonly json: string } {
  return { field: 'document', json };
}
