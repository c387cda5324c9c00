import { assert } from '../../base/assert.ts';
import { LoggosError } from '../../base/errors.ts';
import type { Hashes } from '../../base/hashes.ts';
import { fromBase64url, toBase64url } from './base64url.ts';
import { ByteWriter } from './byte-writer.ts';
import { utf8Cut } from './utf8-length.ts';

/**
 * One event, one line: `{` header `,"chain":"…","salt":"…",` payload `}`; a patch event may have `,"document":…` after
 * its payload. These bytes are what the history keeps, what the API answers with and what the chain is over.
 * Erased: `{` header `,"commitment":"…","chain":"…","erased":true}`.
 */

export type EventOperation = 'created' | 'replaced' | 'merged' | 'patched' | 'deleted' | 'restored' | 'expired';

export interface EventHeader {
  readonly position: number;
  readonly instance: number;
  /** Of the event within its instance, from 0. */
  readonly index: number;
  /** RFC 3339, UTC, milliseconds. */
  readonly time: string;
  readonly operation: EventOperation;
  readonly revision: number;
  readonly transaction?: { readonly first: number; readonly last: number } | undefined;
  readonly back: readonly number[];
  /** Of the payload's UTF-8. */
  readonly payloadBytes: number;
}

/** A line with all its fields. What the payload holds is absent where the event was erased. */
export interface EventLine extends EventHeader {
  /** The first 8 characters of base64url of the chain hash after this event. */
  readonly chain: string;
  readonly salt?: string;
  readonly id?: string;
  readonly actor?: string;
  readonly collection?: string;
  readonly documentId?: string;
  readonly type?: string | null;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly idempotencyKey?: string;
  readonly restoredFrom?: number;
  readonly document?: unknown;
  readonly patch?: unknown;
  readonly erased?: true;
  /** Base64url; of an erased event only. */
  readonly commitment?: string;
}

/** All that a client sent, in the order of the payload. */
export interface PayloadFields {
  readonly id: string;
  readonly actor: string;
  readonly collection: string;
  readonly documentId: string;
  readonly type: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly idempotencyKey?: string;
  readonly restoredFrom?: number;
  /** Compact JSON. */
  readonly content?: { readonly field: 'document' | 'patch'; readonly json: string };
}

/**
 * Prints the payload, once, at the door.
 * @returns its text without braces, and where the content's JSON begins in it (UTF-16 index; the end where there is none)
 */
export function printPayload(fields: PayloadFields): { readonly payload: string; readonly contentStart: number } {
  const { id, actor, collection, documentId, type, metadata, idempotencyKey, restoredFrom, content } = fields;
  let payload = `"id":${JSON.stringify(id)},"actor":${JSON.stringify(actor)}`;
  payload += `,"collection":${JSON.stringify(collection)},"documentId":${JSON.stringify(documentId)}`;
  payload += `,"type":${JSON.stringify(type)},"metadata":${JSON.stringify(metadata)}`;
  if (idempotencyKey !== undefined) payload += `,"idempotencyKey":${JSON.stringify(idempotencyKey)}`;
  if (restoredFrom !== undefined) payload += `,"restoredFrom":${restoredFrom}`;
  if (content === undefined) return { payload, contentStart: payload.length };
  payload += `,"${content.field}":`;
  return { payload: payload + content.json, contentStart: payload.length };
}

/** The header's text without braces; ASCII. */
export function printHeader(header: EventHeader): string {
  const { position, instance, index, time, operation, revision, transaction, back, payloadBytes } = header;
  const part =
    transaction === undefined ? '' : `,"transaction":{"first":${transaction.first},"last":${transaction.last}}`;
  return (
    `"position":${position},"instance":${instance},"index":${index},"time":"${time}","operation":"${operation}"` +
    `,"revision":${revision}${part},"back":[${back.join(',')}],"payloadBytes":${payloadBytes}`
  );
}

/** @param document - the result's JSON, for a patch event that carries it */
export function printEventLine(
  header: string,
  chain: Uint8Array,
  salt: Uint8Array,
  payload: string,
  document?: string,
): string {
  const trailing = document === undefined ? '' : `,"document":${document}`;
  return `{${header},"chain":"${chainPrefix(chain)}","salt":"${toBase64url(salt)}",${payload}${trailing}}`;
}

/** The line that stays of an erased event. @param commitment - 32 bytes */
export function printErasedLine(header: string, chain: Uint8Array, commitment: Uint8Array): string {
  return `{${header},"commitment":"${toBase64url(commitment)}","chain":"${chainPrefix(chain)}","erased":true}`;
}

/** As a line shows it: the first 8 characters of the chain hash in base64url. */
export function chainPrefix(chain: Uint8Array): string {
  return toBase64url(chain, 6);
}

const writer = new ByteWriter();

/** SHA-256 of the salt's 16 bytes and the payload's UTF-8. */
export function commitmentOf(salt: Uint8Array, payload: string, hashes: Hashes): Uint8Array {
  return hashes.sha256(writer.begin().raw(salt).bareText(payload).view());
}

/** c_p = SHA-256(c_(p−1), the header's bytes, the commitment). c_0 is 32 zero bytes. */
export function chainLink(previous: Uint8Array, header: string, commitment: Uint8Array, hashes: Hashes): Uint8Array {
  return hashes.sha256(writer.begin().raw(previous).bareText(header).raw(commitment).view());
}

/** All fields of a line. @throws LoggosError `checkpoint-damaged` where it is no JSON object */
export function parseEventLine(line: string): EventLine {
  try {
    const value: unknown = JSON.parse(line);
    // Not looked at field by field: lines are our own, and under checksums.
    if (typeof value === 'object' && value !== null) return value as EventLine;
  } catch (error) {
    throw new LoggosError('checkpoint-damaged', 'A line of history is not JSON.', {}, error);
  }
  throw new LoggosError('checkpoint-damaged', 'A line of history is not an object.');
}

/** A line taken apart by its text alone, so that what is hashed are the very bytes that are kept. */
export interface LineParts {
  readonly header: string;
  /** The first 8 characters of the chain hash after the event. */
  readonly chain: string;
  /** 16 bytes and the payload's text; both are absent where the event was erased. */
  readonly salt?: Uint8Array;
  readonly payload?: string;
  /** The result's JSON after the payload of a patch event that carries it. */
  readonly document?: string;
  /** 32 bytes; of an erased event only. */
  readonly commitment?: Uint8Array;
}

const lineForm =
  /^\{("position":[^}]*?(?:\},[^}]*?)?"payloadBytes":(\d{1,15})),"chain":"([\w-]{8})","salt":"([\w-]{22})",/;
const erasedForm =
  /^\{("position":[^}]*?(?:\},[^}]*?)?"payloadBytes":\d{1,15}),"commitment":"([\w-]{43})","chain":"([\w-]{8})","erased":true\}$/;
const trailingForm = ',"document":';

/** @throws LoggosError `checkpoint-damaged` where the text is no event line */
export function splitEventLine(line: string): LineParts {
  const kept = lineForm.exec(line);
  if (kept === null) return splitErasedLine(line);
  const [before, header = '', payloadBytes, chain = '', saltText = ''] = kept;
  const salt = fromBase64url(saltText);
  const payloadEnd = utf8Cut(line, before.length, Number(payloadBytes));
  if (salt === undefined || payloadEnd === undefined || !line.endsWith('}')) throw notALine();
  const payload = line.slice(before.length, payloadEnd);
  if (payloadEnd === line.length - 1) return { header, chain, salt, payload };
  if (!line.startsWith(trailingForm, payloadEnd)) throw notALine();
  return { header, chain, salt, payload, document: line.slice(payloadEnd + trailingForm.length, -1) };
}

function splitErasedLine(line: string): LineParts {
  const [, header, commitmentText = '', chain] = erasedForm.exec(line) ?? [];
  const commitment = fromBase64url(commitmentText);
  if (header === undefined || chain === undefined || commitment === undefined) throw notALine();
  return { header, chain, commitment };
}

function notALine(): LoggosError {
  return new LoggosError('checkpoint-damaged', 'A line of history does not have the form of an event.');
}

/**
 * The chain hash after a line, recomputed from the one before and the line alone, erased or not.
 * @throws LoggosError `checkpoint-damaged` where the text is no event line, or does not show that hash
 */
export function chainAfterLine(previous: Uint8Array, line: string, hashes: Hashes): Uint8Array {
  const { header, chain: shown, salt, payload, commitment } = splitEventLine(line);
  const committed = salt === undefined || payload === undefined ? commitment : commitmentOf(salt, payload, hashes);
  assert(committed !== undefined, 'a line has a payload or a commitment');
  const chain = chainLink(previous, header, committed, hashes);
  if (chainPrefix(chain) !== shown)
    throw new LoggosError('checkpoint-damaged', 'A line of history does not continue the chain.');
  return chain;
}
