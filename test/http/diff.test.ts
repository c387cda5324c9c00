import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyPatch } from '../../src/documents/machine/json-patch.ts';
import { createDiff } from '../../src/http/diff.ts';

const limits = { documentBytesMax: 10_000_000, keysMax: 100_000, depthMax: 100 };

function roundTrip(before: unknown, after: unknown): void {
  const patched = applyPatch(before, createDiff(before, after), limits);
  assert.deepEqual(patched, after);
}

const json = fc
  .jsonValue({ maxDepth: 4 })
  .map((value) => JSON.parse(JSON.stringify(value).replaceAll('__proto__', 'p')));

test('applied to the one revision, a difference gives the other', () => {
  fc.assert(
    fc.property(json, json, (left, right) => roundTrip({ value: left }, { value: right })),
    { numRuns: 200 },
  );
});

test('arrays too long to compare are walked element by element, and the result is as right', () => {
  const long = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 200, maxLength: 400 });
  fc.assert(
    fc.property(long, long, (left, right) => roundTrip({ list: left, more: [left] }, { list: right, more: [right] })),
    { numRuns: 30 },
  );
  const objects = Array.from({ length: 600 }, (_, id) => ({ id, n: 1 }));
  const changed = objects.map((object) => (object.id === 300 ? { id: 300, n: 2 } : object));
  assert.deepEqual(createDiff({ objects }, { objects: changed }), [
    { op: 'replace', path: '/objects/300/n', value: 2 },
  ]);
});

test('the longest arrays that a document may hold differ within a second', () => {
  const left = { list: Array.from({ length: 100_000 }, (_, index) => index) };
  const right = { list: left.list.map((value) => value + 1) };
  const started = performance.now();
  roundTrip({ short: [1], list: left.list.slice(0, 900) }, { short: [2], list: right.list.slice(0, 900) });
  assert.equal(createDiff(left, right).length, 100_000);
  const nested = { list: Array.from({ length: 300 }, () => Array.from({ length: 300 }, (_, index) => index)) };
  const other = { list: Array.from({ length: 300 }, () => Array.from({ length: 300 }, (_, index) => -index)) };
  createDiff(nested, other);
  assert.ok(performance.now() - started < 2_000);
});
