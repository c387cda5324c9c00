import type { IncomingMessage } from 'node:http';
import { requestHeaders } from '../api/headers.ts';
import { LoggosError } from '../base/errors.ts';
import type { Hashes } from '../base/hashes.ts';
import { parseStrictJson } from '../base/strict-json.ts';
import { invalidParameter } from './refusal.ts';
import { singleHeader } from './request-head.ts';

/** Who asks. Without authentication everyone is this. */
export const anonymousActor = 'anonymous';

/** What the domain calls an event, and what it wants to remember with it. */
export interface EventLabels {
  readonly type: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
}

const noLabels: EventLabels = { type: null, metadata: {} };
const eventTypePattern = /^[\x21-\x7e]{1,128}$/;
const keyPattern = /^[\x20-\x7e]{1,128}$/;
/** A text in quotes; a quote inside it is escaped. */
const quotedPattern = /^"(?:[^"\\]|\\.)+"$/;
const traceparentPattern = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
const metadataLimits = { depthMax: 20, keysMax: 200 };

/** `Loggos-Event-Type`, `Loggos-Metadata` and `traceparent`. */
export function eventLabels(request: IncomingMessage): EventLabels {
  const type = request.headers[requestHeaders.eventType];
  const metadata = singleHeader(request, requestHeaders.metadata, 'Loggos-Metadata');
  const traceparent = request.headers[requestHeaders.traceparent];
  if (type === undefined && metadata === undefined && traceparent === undefined) return noLabels;
  if (type !== undefined && (typeof type !== 'string' || !eventTypePattern.test(type))) {
    throw invalidParameter('Loggos-Event-Type', 'an event type has 1 to 128 printable ASCII characters, no spaces');
  }
  const labels = metadata === undefined ? {} : parseMetadata(metadata);
  // One that is not well formed is left out, as the standard of tracing wants it.
  if (typeof traceparent === 'string' && traceparentPattern.test(traceparent)) labels.traceparent ??= traceparent;
  return { type: type ?? null, metadata: labels };
}

function parseMetadata(header: string): Record<string, unknown> {
  try {
    // Node reads headers as Latin-1: these are the bytes that came.
    const value = parseStrictJson(Buffer.from(header, 'latin1'), metadataLimits);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    if (error instanceof LoggosError) throw invalidParameter('Loggos-Metadata', error.message);
    throw error;
  }
  throw invalidParameter('Loggos-Metadata', 'Loggos-Metadata is a JSON object');
}

/** The key of `Idempotency-Key`, bare or quoted; undefined where none is given. */
export function idempotencyKey(request: IncomingMessage): string | undefined {
  const text = singleHeader(request, requestHeaders.idempotencyKey, 'Idempotency-Key');
  if (text === undefined) return undefined;
  const isQuoted = text.startsWith('"') || text.endsWith('"');
  if (isQuoted && text !== '""' && !quotedPattern.test(text)) {
    throw invalidParameter('Idempotency-Key', 'the quotes around the idempotency key do not match');
  }
  const key = isQuoted ? text.slice(1, -1).replace(/\\(["\\])/g, '$1') : text;
  if (keyPattern.test(key)) return key;
  throw invalidParameter('Idempotency-Key', 'an idempotency key has 1 to 128 printable ASCII characters');
}

/** SHA-256 over what makes two requests the same: method, path, preconditions and body, as sent. */
export function requestHash(request: IncomingMessage, body: Uint8Array, hashes: Hashes): Uint8Array {
  const { method, headers, url } = request;
  // Under a mounted router this is the path inside the database: both addresses of `main` are one.
  const [path] = (url ?? '').split('?', 1);
  const parts = [method, path, headers['if-match'], headers['if-none-match']].map((part) => part ?? null);
  return hashes.sha256(Buffer.concat([Buffer.from(`${JSON.stringify(parts)}\n`), body]));
}
