import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DocumentMap } from '../../../src/documents/machine/document-map.ts';
import { RecentMap } from '../../../src/documents/machine/recent-map.ts';

const names = fc.constantFrom('a', 'b', 'ab', '');
const steps = fc.array(
  fc.record({ kind: fc.constantFrom('get', 'set', 'delete'), collection: names, id: names, value: fc.nat(9) }),
  { maxLength: 200 },
);

test('what is known of a document is what was said last, or nothing', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 30 }), (list, bytesMax) => {
      const recent = new RecentMap<number>(bytesMax, (value) => value);
      const all = new Map<string, number>();
      for (const { kind, collection, id, value } of list) {
        const name = `${collection}/${id}`;
        if (kind === 'get') {
          const known = recent.get(collection, id);
          if (known !== undefined) assert.equal(known, all.get(name));
        } else {
          recent.set(collection, id, value);
          all.set(name, value);
        }
      }
    }),
  );
});

test('what was used last is known, up to half of the bytes, and never more than all of them', () => {
  const recent = new RecentMap<number>(100, () => 10);
  for (let id = 0; id < 1_000; id++) {
    recent.set('c', `d${id}`, id);
    if (id >= 3) recent.get('c', 'd3');
    for (let known = Math.max(0, id - 3); known <= id; known++) assert.equal(recent.get('c', `d${known}`), known);
  }
  assert.equal(recent.get('c', 'd3'), 3, 'what is used stays');
  const held = Array.from({ length: 1_000 }, (_, id) => recent.get('x', `d${id}`) ?? recent.get('c', `d${id}`));
  assert.ok(held.filter((value) => value !== undefined).length <= 10);
});

test('what is too large to be held takes with it what was there', () => {
  const recent = new RecentMap<number>(20, (value) => value);
  recent.set('c', 'd', 5);
  recent.set('c', 'e', 8);
  recent.set('c', 'd', 11);
  assert.equal(recent.get('c', 'd'), undefined);
  assert.equal(recent.get('c', 'e'), 8);
});

test('a map of documents knows each by both of its names, and gives them in their order', () => {
  fc.assert(
    fc.property(steps, (list) => {
      const documents = new DocumentMap<readonly [string, string, number]>();
      const model = new Map<string, readonly [string, string, number]>();
      for (const { kind, collection, id, value } of list) {
        const name = JSON.stringify([collection, id]);
        if (kind === 'set') {
          documents.set(collection, id, [collection, id, value]);
          model.set(name, [collection, id, value]);
        } else if (kind === 'delete') {
          documents.delete(collection, id);
          model.delete(name);
        }
        assert.deepEqual(documents.get(collection, id), model.get(name));
      }
      const inOrder = [...model.values()].sort(([one, a], [other, b]) =>
        one === other ? (a < b ? -1 : 1) : one < other ? -1 : 1,
      );
      assert.deepEqual(documents.sorted(), inOrder);
      assert.deepEqual(new Set(documents.values()), new Set(inOrder));
    }),
  );
});
