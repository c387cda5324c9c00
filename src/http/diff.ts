import { createPatch, type Operation } from 'rfc6902';

/**
 * What comparing arrays may cost in one answer, in cells of the comparison times the length of a path through them:
 * the shortest difference of two arrays is quadratic, and its library keeps a list in each cell.
 */
const costMax = 2_000_000;
/** The library's recursion is as deep as both arrays are long. */
const lengthMax = 500;

/** A JSON Patch that makes `after` of `before`; the shortest, except for arrays that are too long to compare so. */
export function createDiff(before: unknown, after: unknown): Operation[] {
  let costLeft = costMax;

  function compare(left: unknown, right: unknown, prefix: string): Operation[] {
    const operations = createPatch(left, right, (inner: unknown, outer: unknown, pointer) => {
      if (!Array.isArray(inner) || !Array.isArray(outer)) return undefined;
      const length = inner.length + outer.length;
      costLeft -= (inner.length + 1) * (outer.length + 1) * length;
      if (length <= lengthMax && costLeft >= 0) return undefined;
      return compareInPlace(inner, outer, pointer.toString());
    });
    if (prefix === '') return operations;
    return operations.map((operation) => ({ ...operation, path: prefix + operation.path }));
  }

  /** Element by element between a common beginning and a common end. Paths are below the innermost `compare`. */
  function compareInPlace(left: readonly unknown[], right: readonly unknown[], path: string): Operation[] {
    const [leftTexts, rightTexts] = [left.map(textOf), right.map(textOf)];
    const shorter = Math.min(left.length, right.length);
    let start = 0;
    while (start < shorter && leftTexts[start] === rightTexts[start]) start++;
    let tail = 0;
    while (tail < shorter - start && leftTexts.at(-1 - tail) === rightTexts.at(-1 - tail)) tail++;
    const [leftEnd, rightEnd] = [left.length - tail, right.length - tail];
    const operations: Operation[] = [];
    let index = start;
    for (; index < Math.min(leftEnd, rightEnd); index++) {
      if (leftTexts[index] === rightTexts[index]) continue;
      for (const operation of compare(left[index], right[index], `${path}/${index}`)) operations.push(operation);
    }
    for (let added = index; added < rightEnd; added++) {
      operations.push({ op: 'add', path: `${path}/${added}`, value: right[added] });
    }
    for (let removed = index; removed < leftEnd; removed++) operations.push({ op: 'remove', path: `${path}/${index}` });
    return operations;
  }

  return compare(before, after, '');
}

function textOf(value: unknown): string {
  return JSON.stringify(value);
}
