import { isDeepStrictEqual } from 'node:util';

/** JSON Patch as plainly as can be: every operation makes a new document. Objects are never walked by index. */

export class NotApplicable extends Error {
  readonly code: 'patch-test-failed' | 'patch-not-applicable';
  constructor(code: 'patch-test-failed' | 'patch-not-applicable' = 'patch-not-applicable') {
    super(code);
    this.code = code;
  }
}

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

export function naivePatch(document: unknown, patch: readonly Operation[]): unknown {
  return patch.reduce(applied, document);
}

function applied(document: unknown, { op, path: text, from: fromText = '', value }: Operation): unknown {
  const [path, from] = [tokensOf(text), tokensOf(fromText)];
  switch (op) {
    case 'add':
    case 'remove':
    case 'replace':
      return edited(document, path, op, value);
    case 'copy':
      return edited(document, path, 'add', read(document, from));
    case 'move':
      if (text.startsWith(`${fromText}/`)) throw new NotApplicable();
      return edited(edited(document, from, 'remove', undefined), path, 'add', read(document, from));
    default: {
      let found: unknown;
      try {
        found = read(document, path);
      } catch {
        throw new NotApplicable('patch-test-failed');
      }
      if (!isDeepStrictEqual(found, value)) throw new NotApplicable('patch-test-failed');
      return document;
    }
  }
}

function tokensOf(pointer: string): string[] {
  return pointer.split('/').slice(1);
}

function membersOf(tree: unknown): Map<string, unknown> {
  if (typeof tree !== 'object' || tree === null) throw new NotApplicable();
  return new Map(Object.entries(tree));
}

function read(tree: unknown, path: readonly string[]): unknown {
  const [token, ...rest] = path;
  if (token === undefined) return tree;
  const members = membersOf(tree);
  if (!members.has(token)) throw new NotApplicable();
  return read(members.get(token), rest);
}

function edited(tree: unknown, path: readonly string[], edit: 'add' | 'remove' | 'replace', value: unknown): unknown {
  const [token, ...rest] = path;
  if (token === undefined) return edit === 'remove' ? null : value;
  const last = rest.length === 0;
  const members = membersOf(tree);
  if (Array.isArray(tree) && last && edit === 'add') {
    const index = token === '-' ? tree.length : Number(token);
    if (!(String(index) === token || token === '-') || index > tree.length) throw new NotApplicable();
    return tree.toSpliced(index, 0, value);
  }
  if (!members.has(token) && !(last && edit === 'add')) throw new NotApplicable();
  if (Array.isArray(tree) && last && edit === 'remove') return tree.toSpliced(Number(token), 1);
  if (last && edit === 'remove') members.delete(token);
  else members.set(token, last ? value : edited(members.get(token), rest, edit, value));
  return Array.isArray(tree) ? [...members.values()] : Object.fromEntries(members);
}
