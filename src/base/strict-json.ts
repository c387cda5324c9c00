import { LoggosError } from './errors.ts';
import { locateDuplicateKey, pointerAt } from './json-locate.ts';

/** What a JSON text may hold. Both are inclusive. */
export interface JsonLimits {
  /** Levels of objects and arrays: `{}` has one. */
  readonly depthMax: number;
  /** Keys of all its objects together. */
  readonly keysMax: number;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const ascii = new TextDecoder('latin1');

/**
 * The one door for JSON from outside: what passes is stored and answered as an equal value. A scanner over the bytes
 * refuses what `JSON.parse` would change or hide; it does not recurse, so that depth costs no stack.
 * @throws LoggosError `malformed-json` (syntax, UTF-8, byte order mark, duplicate keys, depth), `unrepresentable-value`
 * (numbers, lone surrogates), `key-not-allowed` (`__proto__`), `document-too-large` (keys); the fact `offset` is in
 * bytes, `pointer` names the value or key
 */
export function parseStrictJson(bytes: Uint8Array, limits: JsonLimits): unknown {
  return readStrictJson(bytes, limits).value;
}

/** A value, and the text it came as. */
export interface ReadJson {
  readonly value: unknown;
  readonly text: string;
  /** Whether `text` is what `printJson` makes of the value; where it cannot be told without printing: false. */
  readonly isCompact: boolean;
}

/** As `parseStrictJson`, for who keeps the text: most clients send it as it is stored. */
export function readStrictJson(bytes: Uint8Array, limits: JsonLimits): ReadJson {
  const text = decodeUtf8(bytes);
  isCompact = true;
  const keyCount = scan(bytes, limits);
  const value: unknown = JSON.parse(text);
  // Duplicates vanish in `JSON.parse`, and what they held with them: they are there exactly where the counts differ.
  if (keyCount > 0 && countKeys([value]) !== keyCount) throw duplicateKey(bytes);
  return { value, text, isCompact };
}

/** Of the text that is scanned: nothing has come so far that is printed in another form. */
let isCompact = true;

/** The compact text that is stored and answered: −0 is printed as 0, keys stand as JavaScript orders them. */
export function printJson(value: unknown): string {
  return JSON.stringify(value);
}

function decodeUtf8(bytes: Uint8Array): string {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf)
    throw new LoggosError('malformed-json', 'A byte order mark is not allowed before JSON.', { offset: 0 });
  try {
    return utf8.decode(bytes);
  } catch {
    throw new LoggosError('malformed-json', 'The bytes are not valid UTF-8.', { offset: badUtf8Offset(bytes) });
  }
}

/** The length of the longest beginning that is UTF-8 so far; found by halving, since only refused bytes come here. */
function badUtf8Offset(bytes: Uint8Array): number {
  let good = 0;
  let bad = bytes.length;
  while (good + 1 < bad) {
    const middle = Math.floor((good + bad) / 2);
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, middle), { stream: true });
      good = middle;
    } catch {
      bad = middle;
    }
  }
  return good;
}

/** Checks the whole text. @returns how many keys it has, each duplicate counted */
function scan(bytes: Uint8Array, { depthMax, keysMax }: JsonLimits): number {
  const inObject: boolean[] = [];
  let depth = 0;
  let keyCount = 0;
  let at = skipSpace(bytes, 0);
  for (;;) {
    // A value begins here.
    const byte = bytes[at] ?? 0;
    let empty = false;
    if (byte === openBrace || byte === openBracket) {
      if (depth === depthMax) throw tooDeep(bytes, at, depthMax);
      inObject[depth++] = byte === openBrace;
      at = skipSpace(bytes, at + 1);
      empty = bytes[at] === (byte === openBrace ? closeBrace : closeBracket);
      if (!empty) {
        if (byte === openBracket) continue;
        if (++keyCount > keysMax) throw tooManyKeys(bytes, at, keysMax);
        at = scanKey(bytes, at);
        continue;
      }
    } else if (byte === quote) at = scanString(bytes, at);
    else at = scanScalar(bytes, at, byte);
    // A value has ended here, or its first closing bracket has come.
    for (;;) {
      if (!empty) at = skipSpace(bytes, at);
      empty = false;
      if (depth === 0) {
        if (at < bytes.length) throw syntax(bytes, at);
        return keyCount;
      }
      const next = bytes[at] ?? 0;
      const object = inObject[depth - 1] === true;
      if (next === comma) {
        at = skipSpace(bytes, at + 1);
        if (object) {
          if (++keyCount > keysMax) throw tooManyKeys(bytes, at, keysMax);
          at = scanKey(bytes, at);
        }
        break;
      }
      if (next !== (object ? closeBrace : closeBracket)) throw syntax(bytes, at);
      depth--;
      at++;
    }
  }
}

const quote = 0x22;
const comma = 0x2c;
const minus = 0x2d;
const point = 0x2e;
const zero = 0x30;
const nine = 0x39;
const colon = 0x3a;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

function skipSpace(bytes: Uint8Array, start: number): number {
  let at = start;
  for (;;) {
    const byte = bytes[at] ?? 0;
    // Compact JSON has none.
    if (byte > 0x20) return at;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    isCompact = false;
    at++;
  }
}

/** @returns where the key's value begins */
function scanKey(bytes: Uint8Array, start: number): number {
  if (bytes[start] !== quote) throw syntax(bytes, start);
  const end = scanString(bytes, start);
  const first = bytes[start + 1] ?? 0;
  // JavaScript puts keys that are indexes before the others.
  if (first >= zero && first <= nine) isCompact = false;
  // An escape makes a text at most six times as long: `__proto__` has 9 characters.
  if (end - start - 2 >= 9 && end - start - 2 <= 54 && isProtoKey(bytes, start, end)) {
    throw new LoggosError('key-not-allowed', 'The key "__proto__" is not allowed.', {
      pointer: pointerAt(bytes, start),
      offset: start,
    });
  }
  const at = skipSpace(bytes, end);
  if (bytes[at] !== colon) throw syntax(bytes, at);
  return skipSpace(bytes, at + 1);
}

function isProtoKey(bytes: Uint8Array, start: number, end: number): boolean {
  const first = bytes[start + 1];
  if (first !== 0x5f && first !== backslash) return false;
  return JSON.parse(utf8.decode(bytes.subarray(start, end))) === '__proto__';
}

/** 1 for each byte that stands for itself in a string; the end of the bytes reads as 0, which does not. */
const plain = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 0x20 || byte === quote || byte === backslash ? 0 : 1,
);

/** @returns where the text goes on after the closing quote */
function scanString(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  for (;;) {
    while (plain[bytes[at] ?? 0] === 1) at++;
    const byte = bytes[at];
    if (byte === quote) return at + 1;
    if (byte !== backslash) throw syntax(bytes, at);
    isCompact = false;
    at = scanEscape(bytes, at);
  }
}

/** @returns where the text goes on after the escape, or after both where it is a surrogate pair */
function scanEscape(bytes: Uint8Array, start: number): number {
  const letter = bytes[start + 1] ?? 0;
  // " \ / b f n r t
  if (
    letter === quote ||
    letter === backslash ||
    letter === 0x2f ||
    letter === 0x62 ||
    letter === 0x66 ||
    letter === 0x6e ||
    letter === 0x72 ||
    letter === 0x74
  ) {
    return start + 2;
  }
  const unit = scanUnit(bytes, start);
  if (unit < 0xd800 || unit > 0xdfff) return start + 6;
  if (unit < 0xdc00 && bytes[start + 6] === backslash && bytes[start + 7] === 0x75) {
    const low = scanUnit(bytes, start + 6);
    if (low >= 0xdc00 && low <= 0xdfff) return start + 12;
  }
  throw new LoggosError('unrepresentable-value', 'Half a surrogate pair cannot be stored as UTF-8.', {
    pointer: pointerAt(bytes, start),
    offset: start,
  });
}

/** The code unit of a `\uXXXX` at `start`. */
function scanUnit(bytes: Uint8Array, start: number): number {
  if (bytes[start + 1] !== 0x75) throw syntax(bytes, start + 1);
  let unit = 0;
  for (let at = start + 2; at < start + 6; at++) {
    const byte = bytes[at] ?? 0;
    const lower = byte | 0x20;
    if (byte >= zero && byte <= nine) unit = unit * 16 + byte - zero;
    else if (lower >= 0x61 && lower <= 0x66) unit = unit * 16 + lower - 0x57;
    else throw syntax(bytes, at);
  }
  return unit;
}

function scanScalar(bytes: Uint8Array, start: number, first: number): number {
  if (first === minus || (first >= zero && first <= nine)) return scanNumber(bytes, start);
  if (first === 0x74) return scanWord(bytes, start, 'true');
  if (first === 0x66) return scanWord(bytes, start, 'false');
  if (first === 0x6e) return scanWord(bytes, start, 'null');
  throw syntax(bytes, start);
}

function scanWord(bytes: Uint8Array, start: number, word: string): number {
  for (let index = 1; index < word.length; index++) {
    if (bytes[start + index] !== word.charCodeAt(index)) throw syntax(bytes, start + index);
  }
  return start + word.length;
}

function scanNumber(bytes: Uint8Array, start: number): number {
  let at = start;
  if (bytes[at] === minus) at++;
  at = bytes[at] === zero ? at + 1 : scanDigits(bytes, at);
  let digitsOnly = true;
  let exponent = false;
  if (bytes[at] === point) {
    digitsOnly = false;
    at = scanDigits(bytes, at + 1);
  }
  if (((bytes[at] ?? 0) | 0x20) === 0x65) {
    exponent = true;
    const sign = bytes[at + 1];
    at = scanDigits(bytes, sign === 0x2b || sign === minus ? at + 2 : at + 1);
  }
  // Short ones need no second look: 15 digits are exact, and without an exponent 300 digits are a finite double, not 0.
  const length = at - start;
  // Only of a plain integer is it plain to see that it is printed so.
  if (!digitsOnly || exponent || length > 15 || (bytes[start] === minus && bytes[start + 1] === zero))
    isCompact = false;
  if (!exponent && length <= (digitsOnly ? 15 : 300)) return at;
  const literal = ascii.decode(bytes.subarray(start, at));
  if (!isHeldByDouble(literal, digitsOnly && !exponent)) {
    throw new LoggosError('unrepresentable-value', 'A number is beyond what a double holds; send it as a string.', {
      pointer: pointerAt(bytes, start),
      offset: start,
    });
  }
  return at;
}

function scanDigits(bytes: Uint8Array, start: number): number {
  let at = start;
  for (;;) {
    const byte = bytes[at] ?? 0;
    if (byte < zero || byte > nine) break;
    at++;
  }
  if (at === start) throw syntax(bytes, at);
  return at;
}

function isHeldByDouble(literal: string, digitsOnly: boolean): boolean {
  const value = Number(literal);
  if (!Number.isFinite(value)) return false;
  if (value === 0) return !/[1-9]/.test(literal.replace(/[eE].*/, ''));
  if (!digitsOnly) return true;
  const digits = literal.startsWith('-') ? literal.slice(1) : literal;
  return digits === integerDigits(String(Math.abs(value)));
}

/** `1.5e+21` as `1500000000000000000000`. */
function integerDigits(printed: string): string {
  const [mantissa = '', exponent] = printed.split('e+');
  if (exponent === undefined) return printed;
  return mantissa.replace('.', '').padEnd(Number(exponent) + 1, '0');
}

/** Recursion is bounded by the limit on depth, which the scanner has enforced. */
function countKeys(value: object): number {
  const values: unknown[] = Array.isArray(value) ? value : Object.values(value);
  let count = values === value ? 0 : values.length;
  for (let index = 0; index < values.length; index++) {
    const inner = values[index];
    if (typeof inner === 'object' && inner !== null) count += countKeys(inner);
  }
  return count;
}

function syntax(bytes: Uint8Array, offset: number): LoggosError {
  const where = offset >= bytes.length ? 'The JSON text ends too early' : 'This is not JSON';
  return new LoggosError('malformed-json', `${where}, at byte ${offset}.`, { offset });
}

function tooDeep(bytes: Uint8Array, offset: number, depthMax: number): LoggosError {
  const message = `Objects and arrays may be nested ${depthMax} deep.`;
  return new LoggosError('malformed-json', message, { pointer: pointerAt(bytes, offset), offset, limit: depthMax });
}

function tooManyKeys(bytes: Uint8Array, offset: number, keysMax: number): LoggosError {
  const message = `A document may have ${keysMax} keys.`;
  return new LoggosError('document-too-large', message, { pointer: pointerAt(bytes, offset), offset, limit: keysMax });
}

function duplicateKey(bytes: Uint8Array): LoggosError {
  const { pointer, offset } = locateDuplicateKey(bytes);
  return new LoggosError('malformed-json', `The key at ${pointer} stands twice.`, { pointer, offset });
}
