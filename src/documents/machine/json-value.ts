import { LoggosError } from '../../base/errors.ts';

/** JSON values as patches handle them: own properties only, and no recursion deeper than a limit. */

/** What a document may be, at most; all inclusive. */
export interface DocumentLimits {
  /** Of its compact text in UTF-8. */
  readonly documentBytesMax: number;
  readonly keysMax: number;
  readonly depthMax: number;
}

/** For content that was within its limits when it was written. */
export const pastLimits: DocumentLimits = {
  documentBytesMax: Number.MAX_SAFE_INTEGER,
  keysMax: Number.MAX_SAFE_INTEGER,
  depthMax: 1_000,
};

export type JsonObject = { [key: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An own property that never reaches a prototype, whatever its name. */
export function setOwn(object: JsonObject, key: string, value: unknown): void {
  if (Object.hasOwn(object, key) || !(key in object)) object[key] = value;
  else Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}

/** @throws LoggosError `key-not-allowed` */
export function assertKeyAllowed(key: string): void {
  if (key === '__proto__') throw new LoggosError('key-not-allowed', 'The key "__proto__" is not allowed.');
}

/** How much of the limits a value takes. `bytes` is at most what its compact text has, and near it. */
export interface Measure {
  bytes: number;
  keys: number;
}

/**
 * Walks a value, never deeper than the limit.
 * @throws LoggosError `document-too-large` (depth, keys), `key-not-allowed`
 */
export function measure(value: unknown, limits: DocumentLimits): Measure {
  const sum = { bytes: 0, keys: 0 };
  addMeasure(value, limits, sum, 0);
  return sum;
}

function addMeasure(value: unknown, limits: DocumentLimits, sum: Measure, depth: number): void {
  if (typeof value === 'string') sum.bytes += value.length + 2;
  else sum.bytes += 1;
  if (typeof value !== 'object' || value === null) return;
  if (depth === limits.depthMax) throw tooDeep(limits.depthMax);
  sum.bytes += 1;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      if (index > 0) sum.bytes += 1;
      addMeasure(value[index], limits, sum, depth + 1);
    }
    return;
  }
  const entries: [string, unknown][] = Object.entries(value);
  sum.keys += entries.length;
  if (sum.keys > limits.keysMax) throw tooManyKeys(limits.keysMax);
  for (let index = 0; index < entries.length; index++) {
    const [key, inner] = entries[index] ?? ['', null];
    assertKeyAllowed(key);
    sum.bytes += key.length + (index > 0 ? 4 : 3);
    addMeasure(inner, limits, sum, depth + 1);
  }
}

/** A copy that shares nothing. Recursion is the caller's to bound: measure first. */
export function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (!isObject(value)) return value;
  const copy: JsonObject = {};
  for (const key of Object.keys(value)) setOwn(copy, key, copyOf(value[key]));
  return copy;
}

/** RFC 6902 section 4.6: numbers by value, objects without regard to order. Recursion is bounded by the shallower one. */
export function isEqual(left: unknown, right: unknown): boolean {
  if (Array.isArray(left)) {
    if (!Array.isArray(right) || left.length !== right.length) return false;
    return left.every((element, index) => isEqual(element, right[index]));
  }
  if (!isObject(left)) return left === right;
  if (!isObject(right)) return false;
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => Object.hasOwn(right, key) && isEqual(left[key], right[key]));
}

export function tooLarge(message: string, limit: number): LoggosError {
  return new LoggosError('document-too-large', message, { limit });
}

function tooDeep(depthMax: number): LoggosError {
  return tooLarge(`Objects and arrays may be nested ${depthMax} deep.`, depthMax);
}

function tooManyKeys(keysMax: number): LoggosError {
  return tooLarge(`A document may have ${keysMax} keys.`, keysMax);
}
