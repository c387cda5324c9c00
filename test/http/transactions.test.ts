import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { RestServer } from './rest-server.ts';

let server: RestServer;
let count = 0;
let id = '';

before(async () => {
  server = await RestServer.start();
});
after(() => server.stop());
beforeEach(() => {
  id = `account-${++count}`;
});

const send = (operations: unknown, headers: Record<string, string> = {}) =>
  server.send('POST', '/v1/transactions', { body: { operations } as Record<string, unknown>, headers });
const collection = 'accounts';

describe('a transaction', () => {
  test('does all of its operations at consecutive positions that tell of it', async () => {
    const before = server.database.state.position;
    const reply = await send([
      { op: 'create', collection, id, document: { balance: 10 } },
      { op: 'put', collection, id: `${id}-b`, document: { balance: 5 }, ifRevision: 0 },
    ]);
    assert.equal(reply.status, 200);
    assert.deepEqual(reply.json, {
      results: [
        { revision: 1, position: before + 1 },
        { revision: 1, position: before + 2 },
      ],
    });
    assert.equal(reply.headers['loggos-position'], String(before + 2));
    const moved = await send([
      { op: 'check', collection, id: `${id}-b`, ifRevision: 1 },
      { op: 'merge', collection, id, patch: { balance: 7 }, ifRevision: 1 },
      {
        op: 'patch',
        collection,
        id: `${id}-b`,
        patch: [{ op: 'replace', path: '/balance', value: 8 }],
        ifRevision: '1',
      },
    ]);
    assert.equal(moved.status, 200);
    const { event } = (await server.send('GET', `/v1/events/${before + 3}`)).json;
    assert.deepEqual(event.transaction, { first: before + 3, last: before + 4 });
    assert.match(event.id, /\.0$/);
    assert.equal((await server.send('GET', `/v1/documents/${collection}/${id}-b`)).text, '{"balance":8}');
  });

  test('does nothing where one condition fails, and says which', async () => {
    await send([{ op: 'put', collection, id, document: { n: 1 } }]);
    const { position } = server.database.state;
    const reply = await send([
      { op: 'put', collection, id: `${id}-b`, document: {} },
      { op: 'delete', collection, id, ifRevision: 7 },
    ]);
    assert.deepEqual([reply.status, reply.json.code], [412, 'precondition-failed']);
    assert.deepEqual([reply.json.operation, reply.json.cause], [1, 'revision-conflict']);
    assert.equal(server.database.state.position, position);
    assert.equal((await server.send('GET', `/v1/documents/${collection}/${id}-b`)).status, 404);
  });

  test('writes a document at most once', async () => {
    const reply = await send([
      { op: 'put', collection, id, document: {} },
      { op: 'delete', collection, id },
    ]);
    assert.deepEqual([reply.status, reply.json.code], [422, 'duplicate-write']);
  });

  test('takes conditions an operation, not a request', async () => {
    for (const headers of [{ 'if-match': '"1"' }, { 'if-none-match': '*' }]) {
      const reply = await send([{ op: 'put', collection, id, document: {} }], headers);
      assert.deepEqual([reply.status, reply.json.code], [400, 'invalid-parameter']);
      assert.match(reply.json.detail, /ifRevision/);
    }
    assert.equal(server.database.row(collection, id), undefined);
  });

  test('answers nothing where that is preferred', async () => {
    const reply = await send([{ op: 'put', collection, id, document: {} }], { prefer: 'return=minimal' });
    assert.deepEqual([reply.status, reply.text, reply.headers['preference-applied']], [204, '', 'return=minimal']);
    assert.equal(reply.headers['loggos-position'], String(server.database.state.position));
  });

  test('is replayed by its key', async () => {
    const headers = { 'idempotency-key': id };
    const operations = [{ op: 'create', collection, id, document: {} }];
    const first = await send(operations, headers);
    const again = await send(operations, headers);
    assert.deepEqual([again.status, again.json], [200, first.json]);
    assert.equal(again.headers['idempotency-replayed'], 'true');
  });

  test('is refused at the door with the pointer or the operation that is wrong', async () => {
    const put = { op: 'put', collection, id, document: {} };
    const cases: [unknown, number, string, Record<string, unknown>][] = [
      ['no', 400, 'malformed-request', { pointer: '/operations' }],
      [[], 400, 'malformed-request', { pointer: '/operations' }],
      [[put, { ...put, op: 'upsert' }], 400, 'malformed-request', { pointer: '/operations/1/op' }],
      [[{ ...put, collection: 'a/b' }], 400, 'malformed-request', { pointer: '/operations/0/collection' }],
      [[{ ...put, extra: 1 }], 400, 'malformed-request', { pointer: '/operations/0/extra' }],
      [[{ op: 'check', collection, id }], 400, 'malformed-request', { pointer: '/operations/0/ifRevision' }],
      [[{ ...put, ifRevision: -1 }], 400, 'malformed-request', { pointer: '/operations/0/ifRevision' }],
      [[{ ...put, id: '' }], 400, 'malformed-request', { pointer: '/operations/0/id' }],
      [[{ ...put, id: 'a\0b' }], 400, 'invalid-parameter', { operation: 0 }],
      [[put, { ...put, id: 'b', document: [1] }], 422, 'not-an-object', { operation: 1 }],
      [[{ op: 'patch', collection, id, patch: {} }], 400, 'malformed-patch', { operation: 0 }],
      [[{ op: 'merge', collection, id, patch: 1 }], 422, 'not-an-object', { operation: 0 }],
    ];
    for (const [operations, status, code, facts] of cases) {
      const reply = await send(operations);
      assert.deepEqual([reply.status, reply.json.code], [status, code], JSON.stringify(operations));
      for (const [name, value] of Object.entries(facts))
        assert.equal(reply.json[name], value, JSON.stringify(operations));
    }
    const many = Array.from({ length: 1_001 }, (_, index) => ({ op: 'delete', collection, id: `x${index}` }));
    assert.equal((await send(many)).status, 400);
  });
});
