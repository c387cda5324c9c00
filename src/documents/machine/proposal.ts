import { assert } from '../../base/assert.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import type {
  DocumentProposal,
  OperationKind,
  Precondition,
  ProposedOperation,
  Settings,
  SettingsProposal,
} from './types.ts';

/**
 * The bytes of a proposal, version 1. Every kind of proposal, operation and precondition of this version is below: a
 * release that adds one writes a higher version, so that older replicas stop before it instead of taking it for rubbish.
 *
 * | bytes | |
 * | --- | --- |
 * | `version` `kind` | one byte each; kind 1: write, 2: settings |
 * | write | `id` `actor` `flags` (1: transaction, 2: keyed), keyed: `key` `line` `requestHash` (32), `count`, operations |
 * | operation | `kind` `collection` `documentId` precondition; but for a check: `contentStart`, and under one length salt (16) and payload |
 * | precondition | `kind`, with tags: `count`, tags |
 * | settings | for each, in the order of `settingNames`: 0, or 1 and its value |
 *
 * Integers are 8 bytes, counts and lengths 4, big-endian; texts are UTF-8 behind their length. Salt and payload stand
 * together, so that the commitment is one hash over these very bytes.
 */
export const proposalVersion = 1;

/** A proposal that a newer release wrote: whoever executes must stop before it. */
export interface UnknownProposal {
  readonly kind: 'unknown';
  readonly version: number;
}

/** An operation with the bytes that its commitment is over: a view into the proposal's. */
export interface DecodedOperation extends ProposedOperation {
  /** Salt, then the payload's UTF-8; empty for a check. */
  readonly committed: Uint8Array;
}

export interface DecodedWrite extends DocumentProposal {
  readonly operations: readonly DecodedOperation[];
}

export const settingNames = [
  'documentBytesMax',
  'keysMax',
  'depthMax',
  'dedupeWindowMs',
  'dedupeEntriesMax',
] as const satisfies readonly (keyof Settings)[];

const writeKind = 1;
const settingsKind = 2;
const transactionFlag = 1;
const keyedFlag = 2;
/** Of the length before a text. */
const lengthBytes = 4;
const saltBytes = 16;
const hashBytes = 32;
const operationKinds = ['put', 'create', 'merge', 'patch', 'delete', 'restore', 'check'] as const;
const preconditionKinds = ['none', 'absent', 'present', 'tags', 'not-tags'] as const;
const noBytes = new Uint8Array(0);

const writer = new ByteWriter();

/** The bytes that are batched, chosen and kept in the log; nobody changes them any more. */
export function encodeProposal(proposal: DocumentProposal | SettingsProposal): Uint8Array {
  writer.begin().byte(proposalVersion);
  if (proposal.kind === 'settings') putSettings(proposal);
  else putWrite(proposal);
  return writer.copy();
}

/** A write's bytes, and what `decodeProposal` makes of them. */
export interface EncodedWrite {
  readonly bytes: Uint8Array;
  /** Undefined where it would be something else than what was encoded. */
  readonly decoded: DecodedWrite | undefined;
}

/** As `encodeProposal`, for who executes what it proposed: it need not read its own bytes. */
export function encodeWrite(proposal: DocumentProposal): EncodedWrite {
  writer.begin().byte(proposalVersion);
  const places = putWrite(proposal);
  const bytes = writer.copy();
  if (!isKept(proposal)) return { bytes, decoded: undefined };
  const operations = proposal.operations.map((operation, index): DecodedOperation => {
    const { kind, collection, documentId, precondition, payload, contentStart, salt } = operation;
    const { start, end } = places[index] ?? noPlace;
    const committed = kind === 'check' ? noBytes : bytes.subarray(start, end);
    return { kind, collection, documentId, precondition, payload, contentStart, salt, committed };
  });
  const { kind, id, actor, idempotency, transaction } = proposal;
  if (idempotency === undefined) return { bytes, decoded: { kind, id, actor, transaction, operations } };
  return { bytes, decoded: { kind, id, actor, idempotency, transaction, operations } };
}

/** Where an operation's salt and payload stand in the proposal. */
interface Place {
  readonly start: number;
  readonly end: number;
}

const noPlace: Place = { start: 0, end: 0 };

/** Whether what is read is what was written: a sound form, and texts that UTF-8 can hold. */
function isKept({ id, actor, idempotency, transaction, operations }: DocumentProposal): boolean {
  if (!id.isWellFormed() || !actor.isWellFormed() || idempotency?.key.isWellFormed() === false) return false;
  if (!transaction && (operations.length !== 1 || operations[0]?.kind === 'check')) return false;
  return operations.every(({ kind, collection, documentId, precondition, payload, contentStart }) => {
    if (!collection.isWellFormed() || !documentId.isWellFormed()) return false;
    if ('tags' in precondition && !precondition.tags.every((tag) => tag.isWellFormed())) return false;
    if (kind === 'check') return payload === '' && contentStart === 0;
    return payload.isWellFormed() && isPayload(payload, contentStart, kind);
  });
}

function putSettings({ settings }: SettingsProposal): void {
  writer.byte(settingsKind);
  for (const name of settingNames) {
    const value = settings[name];
    writer.byte(value === undefined ? 0 : 1);
    if (value !== undefined) writer.integer(value);
  }
}

/** @returns one place for each operation */
function putWrite({ id, actor, idempotency, transaction, operations }: DocumentProposal): readonly Place[] {
  const flags = (transaction ? transactionFlag : 0) + (idempotency === undefined ? 0 : keyedFlag);
  writer.byte(writeKind).text(id).text(actor).byte(flags);
  if (idempotency !== undefined) {
    assert(idempotency.requestHash.length === hashBytes, 'a request hash has 32 bytes');
    writer.text(idempotency.key).integer(idempotency.line).raw(idempotency.requestHash);
  }
  writer.count(operations.length);
  return operations.map(putOperation);
}

function putOperation(operation: ProposedOperation): Place {
  const { kind, collection, documentId, precondition, payload, contentStart, salt } = operation;
  writer.byte(operationKinds.indexOf(kind)).text(collection).text(documentId);
  writer.byte(preconditionKinds.indexOf(precondition.kind));
  if (precondition.kind === 'tags' || precondition.kind === 'not-tags') {
    writer.count(precondition.tags.length);
    for (const tag of precondition.tags) writer.text(tag);
  }
  if (kind === 'check') return noPlace;
  assert(salt.length === saltBytes, 'a salt has 16 bytes');
  assert(contentStart <= payload.length, 'a payload holds its content');
  const start = writer.count(contentStart).length + lengthBytes;
  return { start, end: writer.prefixedText(salt, payload).length };
}

/**
 * Never throws: any bytes are a proposal, a newer release's, or (undefined) malformed. What is decoded is sound in its
 * form only; whether its payload holds JSON is not looked at.
 */
export function decodeProposal(bytes: Uint8Array): DecodedWrite | SettingsProposal | UnknownProposal | undefined {
  const reader = new ByteReader(bytes);
  const version = reader.byte();
  if (version > proposalVersion) return { kind: 'unknown', version };
  if (version !== proposalVersion) return undefined;
  const kind = reader.byte();
  if (kind !== writeKind && kind !== settingsKind) return undefined;
  const proposal = kind === writeKind ? decodeWrite(reader) : decodeSettings(reader);
  return reader.failed || !reader.atEnd ? undefined : proposal;
}

function decodeSettings(reader: ByteReader): SettingsProposal {
  const settings: { -readonly [Name in keyof Settings]?: number } = {};
  for (const name of settingNames) {
    const present = reader.byte();
    if (present > 1) reader.fail();
    if (present === 1) settings[name] = reader.integer();
  }
  return { kind: 'settings', settings };
}

function decodeWrite(reader: ByteReader): DecodedWrite {
  const id = reader.text();
  const actor = reader.text();
  const flags = reader.byte();
  if (flags > transactionFlag + keyedFlag) reader.fail();
  const transaction = (flags & transactionFlag) !== 0;
  const idempotency =
    (flags & keyedFlag) === 0
      ? undefined
      : { key: reader.text(), line: reader.integer(), requestHash: reader.raw(hashBytes).slice() };
  const operations: DecodedOperation[] = [];
  const count = reader.count();
  for (let index = 0; index < count && !reader.failed; index++) operations.push(decodeOperation(reader));
  // A write on its own is one event.
  if (!transaction && (count !== 1 || operations[0]?.kind === 'check')) reader.fail();
  if (idempotency === undefined) return { kind: 'write', id, actor, transaction, operations };
  return { kind: 'write', id, actor, idempotency, transaction, operations };
}

function decodeOperation(reader: ByteReader): DecodedOperation {
  const kind = wordOf(operationKinds, reader);
  const collection = reader.text();
  const documentId = reader.text();
  const precondition = decodePrecondition(reader);
  if (kind === 'check') {
    return {
      kind,
      collection,
      documentId,
      precondition,
      payload: '',
      contentStart: 0,
      salt: noBytes,
      committed: noBytes,
    };
  }
  const contentStart = reader.count();
  const committed = reader.raw(reader.count());
  const salt = committed.subarray(0, saltBytes);
  const payload = reader.decoded(committed.subarray(saltBytes));
  if (salt.length < saltBytes || !isPayload(payload, contentStart, kind)) reader.fail();
  return { kind, collection, documentId, precondition, payload, contentStart, salt, committed };
}

/** Cheap and deterministic: a line of history stays one line, and a document's body begins and ends as an object. */
function isPayload(payload: string, contentStart: number, kind: OperationKind): boolean {
  if (!payload.startsWith('"id":') || payload.includes('\n') || contentStart > payload.length) return false;
  if (kind === 'delete') return contentStart === payload.length;
  if (kind === 'merge' || kind === 'patch') return contentStart < payload.length;
  return payload.charCodeAt(contentStart) === 0x7b && payload.endsWith('}');
}

function decodePrecondition(reader: ByteReader): Precondition {
  const kind = wordOf(preconditionKinds, reader);
  if (kind !== 'tags' && kind !== 'not-tags') return { kind };
  const tags: string[] = [];
  const count = reader.count();
  for (let index = 0; index < count && !reader.failed; index++) tags.push(reader.text());
  return { kind, tags };
}

function wordOf<Word extends string>(words: readonly [Word, ...Word[]], reader: ByteReader): Word {
  const word = words[reader.byte()];
  if (word === undefined) reader.fail();
  return word ?? words[0];
}
