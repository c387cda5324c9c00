import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { backRevisions, nextBack, nextHop } from '../../../src/documents/machine/back.ts';

/** Straight from the words: for each power of four, the latest earlier revision that it divides. */
function naiveBackRevisions(revision: number): number[] {
  const found = new Set<number>();
  for (let power = 1; power < revision; power *= 4) {
    for (let earlier = revision - 1; earlier > 0; earlier--) {
      if (earlier % power === 0) {
        found.add(earlier);
        break;
      }
    }
  }
  return [...found].sort((left, right) => right - left);
}

/** A document's events at some positions: position and back list of each revision, from 1. */
function events(positions: readonly number[]): { position: number; back: readonly number[] }[] {
  const rows: { position: number; back: readonly number[] }[] = [];
  for (const position of positions) {
    const last = rows.at(-1);
    const back = last === undefined ? [] : nextBack(rows.length, last.position, last.back);
    rows.push({ position, back });
  }
  return rows;
}

const gaps = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 600 });
const positionsOf = (steps: readonly number[]) => {
  let position = 0;
  return steps.map((step) => (position += step));
};

test('the revisions of a back list follow from the revision alone', () => {
  for (let revision = 1; revision <= 1_100; revision++) {
    assert.deepEqual(backRevisions(revision), naiveBackRevisions(revision), `revision ${revision}`);
  }
});

test('kept from row to row, a back list names the positions of exactly those revisions', () => {
  fc.assert(
    fc.property(gaps, (steps) => {
      const positions = positionsOf(steps);
      events(positions).forEach(({ back }, index) => {
        assert.deepEqual(
          back,
          naiveBackRevisions(index + 1).map((revision) => positions[revision - 1]),
        );
      });
    }),
    { numRuns: 50 },
  );
});

test('a walk reaches any revision and any position in at most three steps a level', () => {
  const bounds = fc.record({ revisionMax: fc.nat(620), positionMax: fc.nat(3_100) }, { requiredKeys: [] });
  fc.assert(
    fc.property(gaps, bounds, (steps, bound) => {
      const { revisionMax = Number.POSITIVE_INFINITY, positionMax = Number.POSITIVE_INFINITY } = bound;
      const rows = events(positionsOf(steps));
      let revision = rows.length;
      let hops = 0;
      const at = (wanted: number) => rows[wanted - 1] ?? assert.fail(`no revision ${wanted}`);
      const isAbove = (wanted: number) => wanted > revisionMax || at(wanted).position > positionMax;
      while (revision > 0 && isAbove(revision)) {
        const hop = nextHop(at(revision).back, revision, bound);
        if (hop !== undefined) assert.equal(hop.position, at(hop.revision).position);
        revision = hop?.revision ?? 0;
        hops++;
      }
      const expected = rows.findLastIndex(({ position }, index) => index < revisionMax && position <= positionMax) + 1;
      assert.equal(revision, expected);
      const levels = Math.ceil(Math.log(rows.length) / Math.log(4)) + 1;
      assert(hops <= 3 * levels + 1, `${hops} hops of ${rows.length} revisions`);
    }),
    { numRuns: 300 },
  );
});
