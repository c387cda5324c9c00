import { LoggosError } from '../../base/errors.ts';
import { arrayIndex, nothingAt, type Pointer, parsePointer, valueAt } from './json-pointer.ts';
import { copyOf, type DocumentLimits, isEqual, isObject, measure, pastLimits, setOwn, tooLarge } from './json-value.ts';

/** JSON Patch (RFC 6902), all of it or nothing, on own properties only. */

/** How many operations a patch may have. */
export const patchOperationsMax = 1_000;

type PatchOperation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: Pointer; readonly text: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: Pointer; readonly text: string }
  | {
      readonly op: 'move' | 'copy';
      readonly path: Pointer;
      readonly text: string;
      readonly from: Pointer;
      readonly fromText: string;
    };

/** @throws LoggosError `malformed-patch`, `key-not-allowed`: it is no JSON Patch, whatever it would be applied to */
export function checkPatch(value: unknown): void {
  parsePatch(value);
}

/**
 * The document after a patch; `document` and `patch` are left as they are.
 * @throws LoggosError `malformed-patch`, `patch-test-failed`, `patch-not-applicable`, `key-not-allowed`,
 * `document-too-large`: keys or depth of the result, or all that was copied together (the result's bytes are for whoever
 * prints it)
 */
export function applyPatch(document: unknown, patch: unknown, limits: DocumentLimits): unknown {
  const operations = parsePatch(patch);
  measure(document, pastLimits);
  const run = new PatchRun(copyOf(document), limits);
  operations.forEach((operation, index) => {
    run.apply(operation, index);
  });
  if (run.isRemoved) {
    const facts = { patchOperation: operations.length - 1 };
    throw new LoggosError(
      'patch-not-applicable',
      'The patch removes the whole document and puts none in its place.',
      facts,
    );
  }
  measure(run.document, limits);
  return run.document;
}

function parsePatch(value: unknown): readonly PatchOperation[] {
  if (!Array.isArray(value)) throw malformed('A JSON Patch is an array of operations.');
  if (value.length > patchOperationsMax) throw malformed(`A JSON Patch has at most ${patchOperationsMax} operations.`);
  return value.map((operation: unknown, index) => parseOperation(operation, index));
}

function parseOperation(operation: unknown, index: number): PatchOperation {
  if (!isObject(operation)) throw malformed('Each operation of a JSON Patch is an object.', index);
  const member = (name: string): unknown => (Object.hasOwn(operation, name) ? operation[name] : undefined);
  const op = member('op');
  const text = member('path');
  if (typeof text !== 'string') throw malformed('An operation needs a "path", a text.', index);
  const path = pointerOf(text, index);
  switch (op) {
    case 'add':
    case 'replace':
    case 'test':
      if (!Object.hasOwn(operation, 'value')) throw malformed(`"${op}" needs a "value".`, index);
      return { op, path, text, value: operation.value };
    case 'remove':
      return { op, path, text };
    case 'move':
    case 'copy': {
      const fromText = member('from');
      if (typeof fromText !== 'string') throw malformed(`"${op}" needs a "from", a text.`, index);
      return { op, path, text, from: pointerOf(fromText, index), fromText };
    }
    default:
      throw malformed('An operation needs an "op": add, remove, replace, move, copy or test.', index);
  }
}

function pointerOf(text: string, index: number): Pointer {
  const pointer = parsePointer(text);
  if (pointer === undefined) throw malformed('A path is a JSON pointer: empty, or with a leading "/".', index);
  return pointer;
}

function malformed(message: string, patchOperation?: number): LoggosError {
  return new LoggosError('malformed-patch', message, patchOperation === undefined ? {} : { patchOperation });
}

/** Applies operations to a document of its own, one after the other. */
class PatchRun {
  document: unknown;
  /** The whole document was removed, and nothing stands in its place yet. */
  isRemoved = false;
  readonly #limits: DocumentLimits;
  /** Of all copies together: thirty doublings are refused early, and a patch's work is bounded. */
  #copiedBytes = 0;
  #index = 0;

  constructor(document: unknown, limits: DocumentLimits) {
    this.document = document;
    this.#limits = limits;
  }

  apply(operation: PatchOperation, index: number): void {
    this.#index = index;
    const { path, text } = operation;
    switch (operation.op) {
      case 'test':
        this.#test(path, text, operation.value);
        break;
      case 'add':
        this.#add(path, text, this.#owned(operation.value));
        break;
      case 'remove':
        this.#remove(path, text);
        break;
      case 'replace':
        this.#replace(path, text, this.#owned(operation.value));
        break;
      case 'copy':
        this.#add(path, text, this.#copied(operation.from, operation.fromText));
        break;
      case 'move':
        this.#move(operation.from, operation.fromText, path, text);
        break;
    }
  }

  #test(path: Pointer, text: string, value: unknown): void {
    measure(value, this.#limits);
    const found = valueAt(this.document, path);
    if (found.found && isEqual(value, found.value)) return;
    const facts = { patchOperation: this.#index, pointer: text };
    throw new LoggosError('patch-test-failed', `The value at "${text}" is not the tested one.`, facts);
  }

  #add(path: Pointer, text: string, value: unknown): void {
    const key = path.at(-1);
    if (key === undefined) {
      this.document = value;
      this.isRemoved = false;
      return;
    }
    const parent = this.#read(path.slice(0, -1), text);
    if (Array.isArray(parent)) {
      const index = key === '-' ? parent.length : arrayIndex(key);
      if (index === undefined || index > parent.length) throw this.#nothing(text);
      parent.splice(index, 0, value);
    } else if (isObject(parent)) setOwn(parent, key, value);
    else throw this.#nothing(text);
  }

  #remove(path: Pointer, text: string): unknown {
    const value = this.#read(path, text);
    const key = path.at(-1);
    // Removing the whole document leaves none, and a document is never none: whether one is put in its place shows later.
    if (key === undefined) {
      this.document = null;
      this.isRemoved = true;
    }
    const parent = key === undefined ? undefined : this.#read(path.slice(0, -1), text);
    if (key !== undefined && Array.isArray(parent)) parent.splice(Number(key), 1);
    else if (key !== undefined && isObject(parent)) delete parent[key];
    return value;
  }

  #replace(path: Pointer, text: string, value: unknown): void {
    this.#read(path, text);
    const key = path.at(-1);
    if (key === undefined) {
      this.document = value;
      this.isRemoved = false;
      return;
    }
    const parent = this.#read(path.slice(0, -1), text);
    if (Array.isArray(parent)) parent[Number(key)] = value;
    else if (isObject(parent)) setOwn(parent, key, value);
  }

  #move(from: Pointer, fromText: string, path: Pointer, text: string): void {
    // Into itself: once taken away, there is no such place.
    if (from.length < path.length && from.every((token, index) => token === path[index])) throw this.#nothing(text);
    this.#add(path, text, this.#remove(from, fromText));
  }

  #read(path: Pointer, text: string): unknown {
    const found = valueAt(this.document, path);
    if (!found.found) throw this.#nothing(text);
    return found.value;
  }

  #nothing(text: string): LoggosError {
    return nothingAt(text, { patchOperation: this.#index });
  }

  /** A value out of the patch, so that a later operation changes the document alone. */
  #owned(value: unknown): unknown {
    measure(value, this.#limits);
    return copyOf(value);
  }

  #copied(from: Pointer, fromText: string): unknown {
    const { documentBytesMax } = this.#limits;
    const value = this.#read(from, fromText);
    this.#copiedBytes += measure(value, this.#limits).bytes;
    if (this.#copiedBytes > documentBytesMax) {
      throw tooLarge(`The copies of a patch may have ${documentBytesMax} bytes together.`, documentBytesMax);
    }
    return copyOf(value);
  }
}
