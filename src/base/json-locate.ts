/**
 * Names the place of a refused value: the slow half of the strict JSON door, walked only for a text that was refused.
 * The text is well formed up to the place that is asked for.
 */

/** A JSON pointer (RFC 6901) to the value or key that stands at a byte offset. */
export function pointerAt(bytes: Uint8Array, offset: number): string {
  let pointer = '';
  walk(bytes, (path, start, end) => {
    if (start > offset) return true;
    pointer = printPointer(path);
    return end > offset;
  });
  return pointer;
}

/** The first key that its object already had, in whatever form it is escaped. */
export function locateDuplicateKey(bytes: Uint8Array): { readonly pointer: string; readonly offset: number } {
  let place = { pointer: '', offset: 0 };
  walk(bytes, (path, start, _end, repeated) => {
    if (repeated) place = { pointer: printPointer(path), offset: start };
    return repeated;
  });
  return place;
}

/** One token of a JSON pointer, escaped. */
export function escapePointerToken(token: string): string {
  return token.replaceAll('~', '~0').replaceAll('/', '~1');
}

type Path = readonly (string | number)[];
type Visit = (path: Path, start: number, end: number, repeated: boolean) => boolean;

const longestKey = 200;

function printPointer(path: Path): string {
  // A pointer is for people: what is very long is cut.
  return path
    .map((step) => `/${escapePointerToken(String(step)).slice(0, longestKey)}`)
    .join('')
    .slice(0, 2_000);
}

/** Visits each key and each value in order until `visit` says that it has seen enough. */
function walk(bytes: Uint8Array, visit: Visit): void {
  const path: (string | number)[] = [];
  const keys: (Set<string> | undefined)[] = [];
  let keyNext = false;
  for (let at = 0; at < bytes.length; ) {
    const byte = bytes[at];
    const end = byte === 0x22 ? stringEnd(bytes, at) : at + 1;
    const seen = keys.at(-1);
    if (byte === 0x7b || byte === 0x5b) {
      if (visit(path, at, end, false)) return;
      keyNext = byte === 0x7b;
      keys.push(keyNext ? new Set() : undefined);
      path.push(keyNext ? '' : 0);
    } else if (byte === 0x7d || byte === 0x5d) {
      keys.pop();
      path.pop();
      keyNext = false;
    } else if (byte === 0x2c) {
      keyNext = seen !== undefined;
      const step = path.at(-1);
      if (typeof step === 'number') path[path.length - 1] = step + 1;
    } else if (byte === 0x22 && keyNext && seen !== undefined) {
      const key = keyText(bytes, at, end);
      path[path.length - 1] = key;
      if (visit(path, at, end, seen.has(key))) return;
      seen.add(key);
      keyNext = false;
    } else if (byte !== 0x3a && visit(path, at, end, false)) return;
    at = end;
  }
}

function stringEnd(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < bytes.length && bytes[at] !== 0x22) at += bytes[at] === 0x5c ? 2 : 1;
  return Math.min(at + 1, bytes.length);
}

function keyText(bytes: Uint8Array, start: number, end: number): string {
  const text = new TextDecoder().decode(bytes.subarray(start, end));
  try {
    return String(JSON.parse(text)).toWellFormed();
  } catch {
    return text.slice(1); // The refused place is inside this very key.
  }
}
