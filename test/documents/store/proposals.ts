import { printPayload } from '../../../src/documents/machine/event-line.ts';
import { encodeProposal } from '../../../src/documents/machine/proposal.ts';
import type { DocumentProposal, OperationKind, ProposedOperation } from '../../../src/documents/machine/types.ts';
import type { MachineValue } from '../../../src/statemachine/state-machine.ts';

/** What a test asks of one document. */
export interface TestOperation {
  readonly kind: OperationKind;
  readonly collection?: string;
  readonly documentId: string;
  /** A document or a patch. */
  readonly content?: unknown;
}

export interface TestProposal {
  readonly id: string;
  readonly operations: readonly TestOperation[];
  readonly key?: string;
}

/** The bytes of a proposal as the door would print it; salts come from the id, so that equal tests give equal bytes. */
export function proposalBytes({ id, operations, key }: TestProposal): Uint8Array {
  const transaction = operations.length > 1;
  const proposal: DocumentProposal = {
    kind: 'write',
    id,
    actor: 'tester',
    ...(key === undefined ? {} : { idempotency: { key, line: 0, requestHash: new Uint8Array(32).fill(7) } }),
    transaction,
    operations: operations.map((operation, index) => proposed(transaction ? `${id}.${index}` : id, operation, key)),
  };
  return encodeProposal(proposal);
}

function proposed(id: string, operation: TestOperation, idempotencyKey: string | undefined): ProposedOperation {
  const { kind, collection = 'things', documentId, content } = operation;
  const field = kind === 'merge' || kind === 'patch' ? 'patch' : 'document';
  const printed = printPayload({
    id,
    actor: 'tester',
    collection,
    documentId,
    type: null,
    metadata: {},
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(content === undefined ? {} : { content: { field, json: JSON.stringify(content) } }),
  });
  const salt = new Uint8Array(16);
  for (let index = 0; index < id.length; index++)
    salt[index % 16] = (salt[index % 16] ?? 0) * 31 + id.charCodeAt(index);
  const common = { kind, collection, documentId, precondition: { kind: 'none' } } as const;
  return kind === 'check'
    ? { ...common, payload: '', contentStart: 0, salt: new Uint8Array(0) }
    : { ...common, ...printed, salt };
}

/** One instance's value. */
export function machineValue(time: number, ...proposals: readonly TestProposal[]): MachineValue {
  return { time, proposals: proposals.map(proposalBytes) };
}

export function put(id: string, documentId: string, content: unknown, key?: string): TestProposal {
  return { id, operations: [{ kind: 'put', documentId, content }], ...(key === undefined ? {} : { key }) };
}
