import { LoggosError } from '../../base/errors.ts';
import { assertKeyAllowed, isObject } from './json-value.ts';

/** A JSON pointer (RFC 6901), taken apart. Empty: the whole document. */
export type Pointer = readonly string[];

/**
 * @returns undefined where the text is no pointer
 * @throws LoggosError `key-not-allowed` (`__proto__`)
 */
export function parsePointer(text: string): Pointer | undefined {
  if (text === '') return [];
  if (!text.startsWith('/') || /~(?![01])/.test(text) || !text.isWellFormed()) return undefined;
  const tokens = text.slice(1).split('/').map(unescapeToken);
  for (const token of tokens) assertKeyAllowed(token);
  return tokens;
}

function unescapeToken(token: string): string {
  return token.includes('~') ? token.replaceAll('~1', '/').replaceAll('~0', '~') : token;
}

/** What stands at a pointer; `found` is false where nothing does. Own properties only; `length` of an array is none. */
export function valueAt(document: unknown, pointer: Pointer): { readonly found: boolean; readonly value?: unknown } {
  let value = document;
  for (const token of pointer) {
    if (Array.isArray(value)) {
      const index = arrayIndex(token);
      if (index === undefined || index >= value.length) return { found: false };
      value = value[index];
    } else if (isObject(value) && Object.hasOwn(value, token)) value = value[token];
    else return { found: false };
  }
  return { found: true, value };
}

/** `0`, or digits without a leading zero; undefined for all else, `-` too. */
export function arrayIndex(token: string): number | undefined {
  return /^(?:0|[1-9][0-9]{0,15})$/.test(token) ? Number(token) : undefined;
}

/** The error of a pointer that leads nowhere. */
export function nothingAt(pointer: string, facts: Readonly<Record<string, string | number>> = {}): LoggosError {
  return new LoggosError('patch-not-applicable', `There is nothing at "${pointer}".`, { ...facts, pointer });
}
