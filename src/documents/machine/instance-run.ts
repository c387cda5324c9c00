import type { Hashes } from '../../base/hashes.ts';
import { nextBack } from './back.ts';
import { dedupeEntry, dedupeKey, isRemembered, isSameRequest, replayOf } from './dedupe.ts';
import { DocumentMap } from './document-map.ts';
import { chainLink, type EventHeader, type EventOperation, printEventLine, printHeader } from './event-line.ts';
import { type Plan, planOperation } from './plan.ts';
import type { DecodedOperation, DecodedWrite } from './proposal.ts';
import { isRejection, type Rejection } from './rejection.ts';
import { tagOf } from './row.ts';
import { changeSettings } from './settings.ts';
import type {
  DedupeEntry,
  DocumentRow,
  EventEffect,
  MachineState,
  OperationResult,
  ProposalOutcome,
  Settings,
  SettingsProposal,
  StateView,
} from './types.ts';
import { printTime } from './utc-time.ts';

const malformed: Rejection = { code: 'malformed-request', message: 'The proposal cannot be read.', facts: {} };
const keyReused: Rejection = {
  code: 'idempotency-key-reused',
  message: 'This idempotency key came with another request before.',
  facts: {},
};

/** Executes one instance's proposals, each on what the ones before it left. One owner, used once. */
export class InstanceRun {
  position: number;
  chain: Uint8Array;
  dedupeOrdinal: number;
  settings: Settings;
  readonly events: EventEffect[] = [];
  readonly #state: MachineState;
  readonly #view: StateView;
  readonly #instance: number;
  readonly #time: number;
  readonly #timeText: string;
  readonly #hashes: Hashes;
  readonly #rows = new DocumentMap<DocumentRow>();
  readonly #dedupe = new Map<string, DedupeEntry>();

  constructor(state: MachineState, view: StateView, instance: number, time: number, hashes: Hashes) {
    this.position = state.position;
    this.chain = state.chain;
    this.dedupeOrdinal = state.dedupeOrdinal;
    this.settings = state.settings;
    this.#state = state;
    this.#view = view;
    this.#instance = instance;
    this.#time = time;
    this.#timeText = printTime(time);
    this.#hashes = hashes;
  }

  /** The last row of each document that changed. */
  get rows(): readonly DocumentRow[] {
    return this.#rows.values();
  }

  /** The entries made, one a key. */
  get dedupe(): readonly DedupeEntry[] {
    return [...this.#dedupe.values()];
  }

  /** @param proposal - undefined: bytes that are none */
  propose(proposal: DecodedWrite | SettingsProposal | undefined): ProposalOutcome {
    if (proposal === undefined) return this.#reject(malformed);
    if (proposal.kind === 'settings') return this.#changeSettings(proposal);
    const { actor, idempotency } = proposal;
    if (idempotency === undefined) return this.#write(proposal);
    const earlier = this.#remembered(actor, idempotency.key, idempotency.line);
    if (earlier !== undefined) {
      const same = isSameRequest(earlier.requestHash, idempotency.requestHash);
      return same ? replayOf(earlier) : this.#reject(keyReused);
    }
    const lastPosition = this.position;
    const outcome = this.#write(proposal);
    const at = { ordinal: ++this.dedupeOrdinal, time: this.#time, instance: this.#instance, lastPosition };
    const entry = dedupeEntry(actor, idempotency, outcome, at);
    this.#dedupe.set(dedupeKey(actor, idempotency.key, idempotency.line), entry);
    return outcome;
  }

  #remembered(actor: string, key: string, line: number): DedupeEntry | undefined {
    const entry = this.#dedupe.get(dedupeKey(actor, key, line)) ?? this.#view.dedupe(actor, key, line);
    if (entry === undefined || !isRemembered(entry, this.#time, this.dedupeOrdinal, this.settings)) return undefined;
    return entry;
  }

  #changeSettings({ settings }: SettingsProposal): ProposalOutcome {
    const changed = changeSettings(this.settings, settings);
    if (isRejection(changed)) return this.#reject(changed);
    this.settings = changed;
    return this.#applied([]);
  }

  #write({ transaction, operations }: DecodedWrite): ProposalOutcome {
    if (transaction) return this.#writeTransaction(operations);
    const [operation] = operations;
    if (operation === undefined) return this.#reject(malformed);
    const plan = this.#plan(operation);
    return isRejection(plan) ? this.#reject(plan) : this.#applied([this.#perform(plan, undefined)]);
  }

  /** All or none: everything is decided on the documents as they stood before it, then done. */
  #writeTransaction(operations: readonly DecodedOperation[]): ProposalOutcome {
    const twice = indexOfSecondWrite(operations);
    if (twice >= 0) {
      const message = 'A transaction writes a document at most once.';
      return this.#reject({ code: 'duplicate-write', message, facts: { operation: twice } });
    }
    const plans: Plan[] = [];
    for (const operation of operations) {
      const plan = this.#plan(operation);
      if (isRejection(plan)) return this.#reject(preconditionFailed(plan, plans.length));
      plans.push(plan);
    }
    const first = this.position + 1;
    const last = this.position + plans.filter(({ event }) => event !== undefined).length;
    return this.#applied(plans.map((plan) => this.#perform(plan, { first, last })));
  }

  #plan(operation: DecodedOperation): Plan | Rejection {
    const { collection, documentId } = operation;
    const row = this.#rows.get(collection, documentId) ?? this.#view.row(collection, documentId);
    return planOperation(operation, row, this.#state.histories, this.settings);
  }

  #perform(plan: Plan, transaction: EventHeader['transaction']): OperationResult {
    if (plan.event === undefined) return this.#checked(plan);
    const row = this.#append(plan, plan.event, transaction);
    this.#rows.set(row.collection, row.documentId, row);
    const { documentId, revision, position } = row;
    const created = (plan.row === undefined || plan.row.deleted) && !row.deleted;
    return { documentId, revision, position, created, tag: tagOf(position, revision, this.#state.histories) };
  }

  #checked({ operation, row }: Plan): OperationResult {
    const { revision, position } = row ?? { revision: 0, position: 0 };
    const tag = tagOf(position, revision, this.#state.histories);
    return { documentId: operation.documentId, revision, position, created: false, tag };
  }

  /** Prints the event, links it into the chain, and gives the row that it leaves. */
  #append(
    { operation, row: before, patched }: Plan,
    event: EventOperation,
    transaction: EventHeader['transaction'],
  ): DocumentRow {
    const { collection, documentId, payload, contentStart, salt, committed } = operation;
    const position = ++this.position;
    const revision = (before?.revision ?? 0) + 1;
    const back = before === undefined ? noBack : nextBack(before.revision, before.position, before.back);
    const header = printHeader({
      position,
      instance: this.#instance,
      index: this.events.length,
      time: this.#timeText,
      operation: event,
      revision,
      transaction,
      back,
      payloadBytes: committed.length - salt.length,
    });
    this.chain = chainLink(this.chain, header, this.#hashes.sha256(committed), this.#hashes);
    // So that a walk to an old revision applies at most 15 patches.
    const carries = patched !== undefined && event !== 'deleted' && revision % 16 === 0;
    const line = printEventLine(header, this.chain, salt, payload, carries ? patched : undefined);
    this.events.push({ position, line, collection, documentId });
    // A body that ends its line is a slice of it, which shares its memory.
    const bodyLength = carries ? patched.length : payload.length - contentStart;
    const body = patched === undefined || carries ? line.slice(-bodyLength - 1, -1) : patched;
    return { collection, documentId, revision, position, time: this.#time, deleted: event === 'deleted', back, body };
  }

  #applied(results: readonly OperationResult[]): ProposalOutcome {
    const { position } = this;
    return { kind: 'applied', instance: this.#instance, time: this.#time, position, results, replayed: false };
  }

  #reject({ code, message, facts }: Rejection): ProposalOutcome {
    const { position } = this;
    return { kind: 'rejected', instance: this.#instance, code, message, facts, position, replayed: false };
  }
}

const noBack: readonly number[] = [];

/** The index of an operation that writes a document which an earlier one writes; negative where there is none. */
function indexOfSecondWrite(operations: readonly DecodedOperation[]): number {
  const written = new DocumentMap<true>();
  return operations.findIndex(({ kind, collection, documentId }) => {
    if (kind === 'check') return false;
    if (written.get(collection, documentId) === true) return true;
    written.set(collection, documentId, true);
    return false;
  });
}

function preconditionFailed({ code, message, facts }: Rejection, operation: number): Rejection {
  return {
    code: 'precondition-failed',
    message: `Operation ${operation}: ${message}`,
    facts: { ...facts, operation, cause: code },
  };
}
