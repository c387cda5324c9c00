import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentRows } from '../../../src/documents/document-state-machine-recent-rows.ts';

const rowOf = (documentId: string, revision: number, body = '{}') => ({
  collection: 'things',
  documentId,
  revision,
  position: revision,
  time: 0,
  deleted: false,
  back: [],
  body,
});

test('the latest row told of is the one that is known', () => {
  const rows = new RecentRows(10_000);
  rows.set(rowOf('a', 1));
  rows.set(rowOf('a', 2));
  assert.equal(rows.get('things', 'a')?.revision, 2);
  assert.equal(rows.get('thing', 'sa'), undefined);
});

test('a row too large to be kept takes the one before it with it', () => {
  const rows = new RecentRows(10_000);
  rows.set(rowOf('a', 1));
  rows.set(rowOf('a', 2, 'x'.repeat(10_000)));
  assert.equal(rows.get('things', 'a'), undefined);
});

test('what was not used for longest goes first', () => {
  const rows = new RecentRows(5_000);
  for (let revision = 1; revision <= 10; revision++) rows.set(rowOf(`document-${revision}`, revision));
  assert.equal(rows.get('things', 'document-1'), undefined);
  assert.equal(rows.get('things', 'document-10')?.revision, 10);
});
