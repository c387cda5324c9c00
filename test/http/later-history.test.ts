import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { documentPage, transactionResult, writeResult } from '../../src/api/documents.ts';
import { RestServer } from './rest-server.ts';

/** What clients meet after a restore: revisions of a later history have a tag that is not the plain number. */

let server: RestServer;
const path = '/v1/documents/c/a';

before(async () => {
  server = await RestServer.start();
  await server.send('PUT', path, { body: { n: 1 } });
  await server.send('PUT', '/v1/documents/c/old', { body: {} });
  server.database.fork('second-history-of-tests');
  const written = await server.send('PUT', path, { body: { n: 2 } });
  writeResult.parse(written.json);
  assert.equal(written.json.tag, '2-second');
});
after(() => server.stop());

const transaction = (operations: readonly unknown[]) =>
  server.send('POST', '/v1/transactions', { body: { operations } });

describe('a revision of a later history', () => {
  test('is not the one that a bare number means, and the refusal says so with its tag', async () => {
    const refused = await server.send('PUT', path, { body: {}, headers: { 'if-match': '"2"' } });
    assert.deepEqual([refused.status, refused.json.currentRevision, refused.json.currentTag], [412, 2, '2-second']);
    assert.match(refused.json.detail, /belongs to another history/);
    const within = await transaction([{ op: 'put', collection: 'c', id: 'a', document: {}, ifRevision: 2 }]);
    assert.deepEqual(
      [within.status, within.json.cause, within.json.currentTag],
      [412, 'revision-conflict', '2-second'],
    );
    const read = await server.send('GET', path, { headers: { 'if-match': '"2"' } });
    assert.deepEqual([read.status, read.json.currentTag], [412, '2-second']);
    const plain = await server.send('PUT', '/v1/documents/c/old', { body: {}, headers: { 'if-match': '"9"' } });
    assert.deepEqual([plain.json.currentRevision, plain.json.currentTag], [1, '1']);
  });

  test('says its tag in pages and in the results of writes; one of the first history does not', async () => {
    const page = await server.send('GET', '/v1/documents/c');
    documentPage.parse(page.json);
    const tags = page.json.items.map(({ id, tag }: { id: string; tag?: string }) => [id, tag]);
    assert.deepEqual(tags, [
      ['a', '2-second'],
      ['old', undefined],
    ]);
    const results = await transaction([
      { op: 'check', collection: 'c', id: 'old', ifRevision: 1 },
      { op: 'check', collection: 'c', id: 'a', ifRevision: '"2-second"' },
      { op: 'put', collection: 'c', id: 'new', document: {} },
    ]);
    transactionResult.parse(results.json);
    const told = results.json.results.map(({ tag }: { tag?: string }) => tag);
    assert.deepEqual(told, [undefined, '2-second', '1-second']);
  });

  test('is named by its ETag as it was answered, quoted, weak or bare', async () => {
    for (const ifRevision of ['2-second', '"2-second"', 'W/"2-second"']) {
      const reply = await transaction([{ op: 'check', collection: 'c', id: 'a', ifRevision }]);
      assert.equal(reply.status, 200, ifRevision);
    }
    for (const ifRevision of ['"2-second', '2-second"', 'W/2-second', '"0"']) {
      const reply = await transaction([{ op: 'check', collection: 'c', id: 'a', ifRevision }]);
      assert.deepEqual([reply.status, reply.json.pointer], [400, '/operations/0/ifRevision'], ifRevision);
      assert.match(reply.json.detail + reply.json.reason, /an ETag as it was answered/);
    }
  });
});
