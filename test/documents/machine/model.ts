import { createHash } from 'node:crypto';
import type { DocumentProposal, Precondition, ProposedOperation } from '../../../src/documents/machine/types.ts';
import { NotApplicable, naivePatch } from './naive-patch.ts';

/**
 * The document machine, slow and plain: every revision of every document and every remembered key in full, no tail, no
 * bytes, no shortcuts. Written from the API's and the formats' pages, and sharing no code with the machine.
 */

interface ModelRevision {
  readonly revision: number;
  readonly position: number;
  readonly time: number;
  /** Undefined: deleted. */
  readonly content: unknown;
}

interface ModelEntry {
  readonly time: number;
  readonly number: number;
  readonly request: string;
  readonly outcome: ModelOutcome;
}

export interface ModelOutcome {
  readonly code: string;
  /** Revision and position of each operation. */
  readonly results: readonly (readonly [number, number])[];
  readonly position: number;
  readonly replayed: boolean;
}

interface ModelEvent {
  readonly position: number;
  readonly instance: number;
  readonly time: number;
  readonly operation: string;
  readonly revision: number;
  readonly back: readonly number[];
  readonly documentId: string;
  readonly payload: string;
  readonly first: number;
  readonly last: number;
}

class Refused extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

export class Model {
  readonly documents = new Map<string, ModelRevision[]>();
  readonly events: ModelEvent[] = [];
  readonly #entries = new Map<string, ModelEntry>();
  #instance = 0;
  #time = 0;
  #entryCount = 0;
  readonly #windowMs: number;
  readonly #entriesMax: number;

  constructor(windowMs: number, entriesMax: number) {
    this.#windowMs = windowMs;
    this.#entriesMax = entriesMax;
  }

  apply(time: number, proposals: readonly DocumentProposal[]): ModelOutcome[] {
    this.#instance++;
    this.#time = Math.max(this.#time, time);
    return proposals.map((proposal) => this.#propose(proposal));
  }

  /** An instance that is another machine's. */
  skip(): void {
    this.#instance++;
  }

  #propose(proposal: DocumentProposal): ModelOutcome {
    if (proposal.idempotency === undefined) return this.#attempt(proposal);
    const name = JSON.stringify([proposal.actor, proposal.idempotency.key, proposal.idempotency.line]);
    const request = proposal.idempotency.requestHash.join();
    const entry = this.#entries.get(name);
    const young = entry !== undefined && this.#time - entry.time < this.#windowMs;
    if (entry !== undefined && young && this.#entryCount - entry.number < this.#entriesMax) {
      if (entry.request === request) return { ...entry.outcome, replayed: true };
      return { code: 'idempotency-key-reused', results: [], position: this.events.length, replayed: false };
    }
    const outcome = this.#attempt(proposal);
    this.#entries.set(name, { time: this.#time, number: ++this.#entryCount, request, outcome });
    return outcome;
  }

  #attempt({ operations, transaction }: DocumentProposal): ModelOutcome {
    try {
      const results = transaction ? this.#transact(operations) : operations.map((one) => this.#do(one, 0, 0));
      return { code: 'applied', results, position: this.events.length, replayed: false };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return { code: error.code, results: [], position: this.events.length, replayed: false };
    }
  }

  #transact(operations: readonly ProposedOperation[]): [number, number][] {
    const writes = operations.filter(({ kind }) => kind !== 'check');
    if (new Set(writes.map(({ documentId }) => documentId)).size < writes.length) throw new Refused('duplicate-write');
    operations.forEach((operation, index) => {
      try {
        this.#result(operation);
      } catch (error) {
        throw error instanceof Refused ? new Refused(`precondition-failed ${index} ${error.code}`) : error;
      }
    });
    const before = new Map(operations.map(({ documentId }) => [documentId, this.#last(documentId)]));
    const first = this.events.length + 1;
    const last = this.events.length + writes.length;
    return operations.map((operation) => {
      if (operation.kind !== 'check') return this.#do(operation, first, last);
      const row = before.get(operation.documentId);
      return [row?.revision ?? 0, row?.position ?? 0];
    });
  }

  #do(operation: ProposedOperation, first: number, last: number): [number, number] {
    const { documentId, kind, payload } = operation;
    const existing = this.#last(documentId)?.content !== undefined;
    const content = this.#result(operation);
    const revisions = this.documents.get(documentId) ?? [];
    this.documents.set(documentId, revisions);
    const revision = revisions.length + 1;
    const position = this.events.length + 1;
    const words = { merge: 'merged', patch: 'patched', delete: 'deleted', restore: 'restored', create: 'created' };
    const put = existing ? 'replaced' : 'created';
    const word = kind === 'put' || kind === 'check' ? put : words[kind];
    const back = new Set<number>();
    for (let power = 1; power < revision; power *= 4) {
      const target = revisions.findLast((one) => one.revision % power === 0);
      if (target !== undefined) back.add(target.position);
    }
    const numbers = { position, instance: this.#instance, time: this.#time, revision };
    this.events.push({ ...numbers, operation: word, back: [...back], documentId, payload, first, last });
    revisions.push({ revision, position, time: this.#time, content });
    return [revision, position];
  }

  /** What the operation leaves; undefined after a deletion, and for a check. */
  #result({ kind, documentId, precondition, payload, contentStart }: ProposedOperation): unknown {
    const last = this.#last(documentId);
    const exists = last !== undefined && last.content !== undefined;
    if (!exists && ['merge', 'patch', 'delete'].includes(kind)) throw new Refused(last ? 'deleted' : 'not-found');
    if (kind === 'restore' && last === undefined) throw new Refused('not-found');
    if (kind === 'create' && exists) throw new Refused('already-exists');
    expectPrecondition(precondition, exists ? String(last.revision) : undefined);
    if (kind === 'check' || kind === 'delete') return undefined;
    const sent: unknown = JSON.parse(payload.slice(contentStart));
    if (kind !== 'merge' && kind !== 'patch') return sent;
    const document: unknown = JSON.parse(JSON.stringify(last?.content));
    const result = kind === 'merge' ? merged(document, sent) : patched(document, sent);
    if (typeof result !== 'object' || result === null || Array.isArray(result)) throw new Refused('not-an-object');
    return result;
  }

  #last(documentId: string): ModelRevision | undefined {
    return this.documents.get(documentId)?.at(-1);
  }
}

/** @param tag - of the document as it is; undefined where it is not */
function expectPrecondition(precondition: Precondition, tag: string | undefined): void {
  const { kind } = precondition;
  if (kind === 'absent' && tag !== undefined) throw new Refused('already-exists');
  if (kind === 'present' && tag === undefined) throw new Refused('revision-conflict');
  if (kind !== 'tags' && kind !== 'not-tags') return;
  const matches = tag !== undefined && precondition.tags.includes(tag);
  if (matches !== (kind === 'tags')) throw new Refused('revision-conflict');
}

/** The pseudocode of RFC 7396, line by line. */
function merged(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const isObject = typeof target === 'object' && target !== null && !Array.isArray(target);
  const result = new Map<string, unknown>(isObject ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) result.delete(name);
    else result.set(name, merged(result.get(name), value));
  }
  return Object.fromEntries(result);
}

function patched(document: unknown, patch: unknown): unknown {
  try {
    return naivePatch(document, patch as Parameters<typeof naivePatch>[1]);
  } catch (error) {
    throw error instanceof NotApplicable ? new Refused(error.code) : error;
  }
}

/** The chain over lines, from the words of the formats page, by searching in the text. */
export function naiveChain(lines: readonly string[]): Buffer {
  let chain = Buffer.alloc(32);
  for (const line of lines) {
    const header = line.slice(1, line.indexOf(',"chain":"'));
    const saltStart = line.indexOf('","salt":"') + '","salt":"'.length;
    const salt = Buffer.from(line.slice(saltStart, saltStart + 22), 'base64url');
    const bytes = Number(/"payloadBytes":(\d+)$/.exec(header)?.[1]);
    const payload = Buffer.from(line.slice(saltStart + 24)).subarray(0, bytes);
    const commitment = createHash('sha256').update(salt).update(payload).digest();
    chain = createHash('sha256').update(chain).update(header).update(commitment).digest();
  }
  return chain;
}
