import type { Request } from 'express';
import { responseHeaders } from '../api/headers.ts';
import { assert } from '../base/assert.ts';
import { type ErrorFacts, LoggosError } from '../base/errors.ts';
import { printPayload } from '../documents/machine/event-line.ts';
import type {
  DocumentProposal,
  OperationKind,
  OperationResult,
  Precondition,
  ProposalOutcome,
  ProposedOperation,
} from '../documents/machine/types.ts';
import { printTime } from '../documents/machine/utc-time.ts';
import type { Answer } from './answer.ts';
import type { Database } from './database.ts';
import { tagMember } from './document-content.ts';
import type { DocumentTarget } from './document-target.ts';
import type { HttpServices } from './http-services.ts';
import { preferredReturn } from './negotiation.ts';
import { presentHistory } from './positions.ts';
import { Refusal } from './refusal.ts';
import { anonymousActor, type EventLabels, eventLabels, idempotencyKey, requestHash } from './request-identity.ts';
import { turnEnd } from './turn-end.ts';
import { deadlineOf } from './waiting.ts';

/** One operation as a request asks for it. `content` is compact JSON. */
export interface AskedOperation extends DocumentTarget {
  readonly kind: OperationKind;
  readonly precondition: Precondition;
  readonly content?: { readonly field: 'document' | 'patch'; readonly json: string };
  readonly restoredFrom?: number;
}

export type AppliedOutcome = Extract<ProposalOutcome, { kind: 'applied' }>;

const noSalt = new Uint8Array(0);

/**
 * Proposes what a request asks and waits for the outcome.
 * @param body - as sent, for the idempotency key's hash
 * @throws Refusal with the code of a rejection, LoggosError as `Database.write`
 */
export async function write(
  request: Request,
  database: Database,
  services: HttpServices,
  asked: readonly AskedOperation[],
  body: Uint8Array,
  options: { readonly transaction: boolean } = { transaction: false },
): Promise<AppliedOutcome> {
  const key = idempotencyKey(request);
  const labels = eventLabels(request);
  const id = services.ids();
  const proposal: DocumentProposal = {
    kind: 'write',
    id,
    actor: anonymousActor,
    transaction: options.transaction,
    operations: proposeAll(asked, id, labels, key, services, options.transaction),
    ...(key === undefined
      ? {}
      : { idempotency: { key, line: 0, requestHash: requestHash(request, body, services.hashes) } }),
  };
  const after = database.read.position;
  let outcome: ProposalOutcome;
  try {
    // Writes of one turn of the event loop share a batch.
    await turnEnd();
    outcome = await database.write(proposal, deadlineOf(request, services));
  } catch (error) {
    if (!(error instanceof LoggosError) || error.code !== 'outcome-unknown') throw error;
    throw new LoggosError(error.code, error.message, { ...error.facts, eventId: id, after }, error);
  }
  if (outcome.kind === 'applied') return outcome;
  throw rejection(outcome);
}

function proposeAll(
  asked: readonly AskedOperation[],
  id: string,
  labels: EventLabels,
  key: string | undefined,
  services: HttpServices,
  transaction: boolean,
): ProposedOperation[] {
  let eventCount = 0;
  return asked.map((operation) => {
    const { kind, collection, documentId, precondition, content, restoredFrom } = operation;
    if (kind === 'check') {
      return { kind, collection, documentId, precondition, payload: '', contentStart: 0, salt: noSalt };
    }
    const { payload, contentStart } = printPayload({
      id: transaction ? `${id}.${eventCount++}` : id,
      actor: anonymousActor,
      collection,
      documentId,
      type: labels.type,
      metadata: labels.metadata,
      ...(key === undefined ? {} : { idempotencyKey: key }),
      ...(restoredFrom === undefined ? {} : { restoredFrom }),
      ...(content === undefined ? {} : { content }),
    });
    return { kind, collection, documentId, precondition, payload, contentStart, salt: services.salts.next() };
  });
}

function rejection(outcome: Extract<ProposalOutcome, { kind: 'rejected' }>): Refusal {
  return new Refusal(outcome.code, outcome.message, {
    facts: withCurrentTag(outcome.facts),
    headers: {
      [responseHeaders.position]: String(outcome.position),
      [responseHeaders.instance]: String(outcome.instance),
      ...(outcome.replayed ? { [responseHeaders.replayed]: 'true' } : {}),
    },
  });
}

/** The machine tells the tag of a document only where it is not the plain revision; a client always gets it. */
function withCurrentTag(facts: ErrorFacts): ErrorFacts {
  const { currentRevision, currentTag } = facts;
  const isPlain = currentTag === undefined && typeof currentRevision === 'number' && currentRevision > 0;
  return isPlain ? { ...facts, currentTag: String(currentRevision) } : facts;
}

/** Headers of every applied write. `result` is absent for a transaction, which has no one tag. */
export function writeHeaders(
  database: Database,
  outcome: AppliedOutcome,
  result?: OperationResult,
): Record<string, string | number> {
  const headers: Record<string, string | number> = {
    [responseHeaders.position]: outcome.position,
    [responseHeaders.instance]: outcome.instance,
    [responseHeaders.history]: presentHistory(database),
  };
  if (result !== undefined) headers.ETag = `"${result.tag}"`;
  if (outcome.replayed) headers[responseHeaders.replayed] = 'true';
  return headers;
}

/** The one result of a write that was no transaction. */
export function onlyResult(outcome: AppliedOutcome): OperationResult {
  const [result] = outcome.results;
  assert(result !== undefined, 'an applied write of one document has one result');
  return result;
}

/**
 * The answer of a write of one document: `{id, revision, position, time}` unless `Prefer` says otherwise.
 * @param document - what was written, for `return=representation`
 */
export function writtenAnswer(
  request: Request,
  database: Database,
  outcome: AppliedOutcome,
  document: string,
): Answer & { readonly headers: Record<string, string | number> } {
  const result = onlyResult(outcome);
  const headers = writeHeaders(database, outcome, result);
  const status = result.created ? 201 : 200;
  const preferred = preferredReturn(request);
  if (preferred === undefined) return { status, headers, body: writeBody(outcome, result) };
  headers['Preference-Applied'] = `return=${preferred}`;
  if (preferred === 'representation') return { status, headers, body: document };
  return { status: result.created ? 201 : 204, headers };
}

/** The time that was printed last: writes that were batched have one. */
let printed = { time: 0, text: printTime(0) };

function timeText(time: number): string {
  if (time !== printed.time) printed = { time, text: printTime(time) };
  return printed.text;
}

function writeBody(outcome: AppliedOutcome, { documentId, revision, position, tag }: OperationResult): string {
  const time = timeText(outcome.time);
  const head = `{"id":${JSON.stringify(documentId)},"revision":${revision},"position":${position},"time":"${time}"`;
  return `${head}${tagMember(revision, tag)}}`;
}
