import { printPayload } from '../../../src/documents/machine/event-line.ts';
import { executeInstance, initialState } from '../../../src/documents/machine/execute.ts';
import { encodeProposal } from '../../../src/documents/machine/proposal.ts';
import { Tail } from '../../../src/documents/machine/tail.ts';
import type {
  DedupeEntry,
  DocumentProposal,
  DocumentRow,
  InstanceEffects,
  MachineState,
  OperationKind,
  Precondition,
  ProposalOutcome,
  ProposedOperation,
  SettingsProposal,
  StateView,
} from '../../../src/documents/machine/types.ts';
import { hashes } from './hashes.ts';

/** What a test says of one operation; the rest has plain defaults. */
export interface OperationGiven {
  readonly kind: OperationKind;
  readonly id: string;
  readonly collection?: string;
  /** The document, or the patch. */
  readonly content?: unknown;
  readonly when?: Precondition;
}

export interface WriteGiven {
  readonly actor?: string;
  readonly key?: string;
  readonly line?: number;
  /** Stands for the request hash. */
  readonly request?: number;
  readonly transaction?: boolean;
}

export const absent: Precondition = { kind: 'absent' };
export const present: Precondition = { kind: 'present' };
export const tags = (...texts: string[]): Precondition => ({ kind: 'tags', tags: texts });
export const notTags = (...texts: string[]): Precondition => ({ kind: 'not-tags', tags: texts });

export function put(id: string, content: unknown = {}, when?: Precondition): OperationGiven {
  return { kind: 'put', id, content, ...(when && { when }) };
}

let proposalCount = 0;

/** A proposal as the door makes it. */
export function write(
  operations: OperationGiven | readonly OperationGiven[],
  given: WriteGiven = {},
): DocumentProposal {
  const { actor = 'anonymous', key, line = 0, request = 0 } = given;
  const list: readonly OperationGiven[] = Array.isArray(operations) ? operations : [operations];
  const transaction = given.transaction ?? Array.isArray(operations);
  const id = `proposal-${++proposalCount}`;
  const proposed = list.map((operation, index) => {
    return propose(operation, transaction ? `${id}.${index}` : id, actor, key);
  });
  if (key === undefined) return { kind: 'write', id, actor, transaction, operations: proposed };
  const requestHash = new Uint8Array(32).fill(request);
  return { kind: 'write', id, actor, idempotency: { key, line, requestHash }, transaction, operations: proposed };
}

function propose(given: OperationGiven, eventId: string, actor: string, key: string | undefined): ProposedOperation {
  const { kind, id: documentId, collection = 'ports', content, when: precondition = { kind: 'none' } } = given;
  if (kind === 'check') {
    return { kind, collection, documentId, precondition, payload: '', contentStart: 0, salt: new Uint8Array(0) };
  }
  const field = kind === 'merge' || kind === 'patch' ? 'patch' : 'document';
  const { payload, contentStart } = printPayload({
    id: eventId,
    actor,
    collection,
    documentId,
    type: null,
    metadata: {},
    ...(key !== undefined && { idempotencyKey: key }),
    ...(kind === 'restore' && { restoredFrom: 1 }),
    ...(kind !== 'delete' && { content: { field, json: JSON.stringify(content) } }),
  });
  const salt = Uint8Array.from({ length: 16 }, (_, index) => proposalCount * 7 + index);
  return { kind, collection, documentId, precondition, payload, contentStart, salt };
}

/** A machine as a replica keeps one: a tail above stored rows, which `store` moves there, as the Replayer does. */
export class World {
  state: MachineState = initialState('first-history');
  readonly tail = new Tail();
  /** Every event line since the beginning. */
  readonly lines: string[] = [];
  readonly #rows = new Map<string, DocumentRow>();
  readonly #entries = new Map<string, DedupeEntry>();
  readonly #unstored: InstanceEffects[] = [];

  get view(): StateView {
    return {
      row: (collection, documentId) =>
        this.tail.row(collection, documentId) ?? this.#rows.get(JSON.stringify([collection, documentId])),
      dedupe: (actor, key, line) =>
        this.tail.dedupe(actor, key, line) ?? this.#entries.get(JSON.stringify([actor, key, line])),
    };
  }

  /** Executes the next instance. */
  apply(time: number, ...proposals: readonly (DocumentProposal | SettingsProposal | Uint8Array)[]): InstanceEffects {
    const bytes = proposals.map((proposal) => (proposal instanceof Uint8Array ? proposal : encodeProposal(proposal)));
    return this.applyValue({ time, proposals: bytes });
  }

  applyValue(value: { readonly time: number; readonly proposals: readonly Uint8Array[] } | undefined): InstanceEffects {
    const effects = executeInstance(this.state, this.view, this.state.instance + 1, value, hashes);
    this.state = effects.state;
    this.tail.push(effects);
    this.#unstored.push(effects);
    for (const { line } of effects.events) this.lines.push(line);
    return effects;
  }

  /** One write at the present time: its outcome. */
  write(operations: OperationGiven | readonly OperationGiven[], given: WriteGiven = {}): ProposalOutcome {
    const [outcome] = this.apply(this.state.time, write(operations, given)).outcomes;
    if (outcome === undefined) throw new Error('one proposal, one outcome');
    return outcome;
  }

  row(documentId: string, collection = 'ports'): DocumentRow | undefined {
    return this.view.row(collection, documentId);
  }

  /** Moves what came from the oldest instances into the store and prunes the tail. */
  store(instanceCount: number): void {
    for (const { instance, rows, dedupe } of this.#unstored.splice(0, instanceCount)) {
      for (const row of rows) this.#rows.set(JSON.stringify([row.collection, row.documentId]), row);
      for (const entry of dedupe) this.#entries.set(JSON.stringify([entry.actor, entry.key, entry.line]), entry);
      this.tail.prune(instance);
    }
    this.tail.checkInvariants();
  }
}
