import { assert } from '../../base/assert.ts';

/**
 * The `back` list of an event or a row at revision r: positions of the document's latest earlier revisions that are
 * divisible by 1, 4, 16, 64 …, newest first, repeats left out. The revisions follow from r alone, so only positions are
 * kept; a walk with them takes at most three steps a level.
 */

/** The revisions that the `back` list of an event at `revision` names, newest first. */
export function backRevisions(revision: number): readonly number[] {
  const revisions: number[] = [];
  const before = revision - 1;
  for (let level = 1; level <= before; level *= 4) {
    const target = before - (before % level);
    if (target !== revisions.at(-1)) revisions.push(target);
  }
  return revisions;
}

/** The `back` list of the revision after the one at (`revision`, `position`, `back`). Revision 0: none yet. */
export function nextBack(revision: number, position: number, back: readonly number[]): readonly number[] {
  const known = backRevisions(revision);
  assert(known.length === back.length, 'a back list is as long as its revision says');
  // Each target is the row's own revision, or one that its own list names already.
  return backRevisions(revision + 1).map((target) => {
    const found = target === revision ? position : back[known.indexOf(target)];
    assert(found !== undefined, 'a back list names every target of the next one');
    return found;
  });
}

/** An earlier event of a document, as a walk finds it. */
export interface BackHop {
  readonly revision: number;
  readonly position: number;
}

/**
 * The next event on the way from the event at `revision`, which is above a bound, to the newest one at or below both
 * bounds (inclusive): the farthest entry that is surely not before that one.
 * @returns undefined where there is no earlier event
 */
export function nextHop(
  back: readonly number[],
  revision: number,
  bounds: { readonly revisionMax?: number; readonly positionMax?: number },
): BackHop | undefined {
  const revisionMax = bounds.revisionMax ?? Number.POSITIVE_INFINITY;
  const positionMax = bounds.positionMax ?? Number.POSITIVE_INFINITY;
  let hop: BackHop | undefined;
  const revisions = backRevisions(revision);
  for (let index = 0; index < back.length; index++) {
    const entry = { revision: revisions[index] ?? 0, position: back[index] ?? 0 };
    // The target is not above the bounds: an entry at or above one of them is the target or after it.
    if (hop !== undefined && entry.revision < revisionMax && entry.position < positionMax) return hop;
    hop = entry;
  }
  return hop;
}
