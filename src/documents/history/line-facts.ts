import { parseTime } from '../machine/utc-time.ts';

/** What a search needs of a line, read from its header alone: a document of a megabyte behind it costs nothing. */
export interface LineFacts {
  readonly position: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly revision: number;
  readonly back: readonly number[];
  readonly operation: string;
  /** Inclusive positions of the transaction that it belongs to. */
  readonly transaction: { readonly first: number; readonly last: number } | undefined;
  /** First 8 characters of the chain after it. */
  readonly chain: string;
}

// The header holds nothing that a client sent, so the first occurrences are the header's own.
const positionStart = '{"position":';
const headerEnd = ',"payloadBytes":';
const chainStart = ',"chain":"';
const chainLength = 8;

/** Undefined: not an event line. */
export function positionOf(line: string): number | undefined {
  if (!line.startsWith(positionStart)) return undefined;
  const position = Number(line.slice(positionStart.length, line.indexOf(',', positionStart.length)));
  return Number.isSafeInteger(position) && position > 0 ? position : undefined;
}

/** Undefined: not an event line. */
export function chainPrefixOf(line: string): string | undefined {
  const at = line.indexOf(chainStart);
  if (at < 0) return undefined;
  const start = at + chainStart.length;
  return line.charAt(start + chainLength) === '"' ? line.slice(start, start + chainLength) : undefined;
}

/** Undefined: not an event line. */
export function factsOf(line: string): LineFacts | undefined {
  const end = line.indexOf(headerEnd);
  const chain = chainPrefixOf(line);
  if (end < 0 || chain === undefined) return undefined;
  let header: unknown;
  try {
    header = JSON.parse(`${line.slice(0, end)}}`);
  } catch {
    return undefined;
  }
  const { position, time, revision, back, operation, transaction } = Object(header) as Record<string, unknown>;
  const timeMs = typeof time === 'string' ? parseTime(time) : undefined;
  if (!isCount(position) || !isCount(revision) || timeMs === undefined || typeof operation !== 'string')
    return undefined;
  if (!Array.isArray(back) || !back.every(isCount)) return undefined;
  return { position, time: timeMs, revision, back, operation, transaction: transactionOf(transaction), chain };
}

function transactionOf(value: unknown): LineFacts['transaction'] {
  const { first, last } = Object(value) as { first?: unknown; last?: unknown };
  return isCount(first) && isCount(last) ? { first, last } : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
