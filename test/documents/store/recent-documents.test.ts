import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DocumentRow } from '../../../src/documents/machine/types.ts';
import { RecentDocuments } from '../../../src/documents/store/recent-documents.ts';
import type { CommittedRows } from '../../../src/documents/store/row-storage.ts';
import type { StoredDocument } from '../../../src/documents/store/schema.ts';

const mebibyte = 1024 * 1024;

function stored(documentId: string, revision: number, body = '{}', collection = 'c'): StoredDocument {
  const row: DocumentRow = {
    ...{ collection, documentId, revision, position: revision, time: 0, deleted: false, back: [], body },
  };
  return { row, hash: new Uint8Array(32).fill(revision) };
}

/** Rows that say which of them were read. */
function readRows() {
  const read: string[] = [];
  const rows: CommittedRows = {
    document: (collection, documentId) => {
      read.push(`${collection}/${documentId}`);
      return documentId === 'absent' ? undefined : stored(documentId, 1, '{}', collection);
    },
    dedupe: () => undefined,
  };
  return { read, rows };
}

test('a document that a commit wrote is not read again, another one is', () => {
  const { read, rows } = readRows();
  const recent = new RecentDocuments(rows, mebibyte);
  recent.committed([stored('a', 2)]);
  recent.committed([stored('a', 3), stored('b', 1)]);
  assert.equal(recent.document('c', 'a')?.row.revision, 3);
  assert.equal(recent.document('c', 'b')?.row.revision, 1);
  assert.deepEqual(read, []);
  assert.equal(recent.document('c', 'x')?.row.revision, 1);
  assert.equal(recent.document('c', 'absent'), undefined);
  assert.equal(recent.document('ca', '')?.row.collection, 'ca', 'a name is not taken for another one');
  assert.deepEqual(read, ['c/x', 'c/absent', 'ca/']);
});

test('what does not fit is read, also where an older one was held', () => {
  const { read, rows } = readRows();
  const recent = new RecentDocuments(rows, mebibyte);
  recent.committed([stored('a', 2)]);
  recent.committed([stored('a', 3, `{"text":"${'x'.repeat(mebibyte)}"}`)]);
  recent.document('c', 'a');
  assert.deepEqual(read, ['c/a']);
});
