import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RestServer } from './rest-server.ts';

let server: RestServer;

before(async () => {
  server = await RestServer.start();
});
after(() => server.stop());

const idsOf = (items: readonly { id: string }[]) => items.map(({ id }) => id);

test('pages hold each live document once, in the order of ids, as of the first page', async () => {
  const ids = Array.from({ length: 25 }, (_, index) => `city-${String(index).padStart(2, '0')}`);
  for (const id of ids) await server.send('PUT', `/v1/documents/pages/${id}`, { body: { id } });
  await server.send('DELETE', '/v1/documents/pages/city-03');
  const first = await server.send('GET', '/v1/documents/pages?limit=10');
  assert.equal(first.status, 200);
  const pinned = first.headers['loggos-position'];
  assert.deepEqual(Object.keys(first.json.items[0]), ['id', 'revision', 'position', 'time', 'document']);
  assert.deepEqual(first.json.items[0].document, { id: 'city-00' });
  await server.send('PUT', '/v1/documents/pages/city-99', { body: {} });
  await server.send('PUT', '/v1/documents/pages/city-20', { body: { changed: true } });
  await server.send('DELETE', '/v1/documents/pages/city-21');
  const seen = [...first.json.items];
  let next: string | undefined = /<(.*)>; rel="next"/.exec(String(first.headers.link))?.[1];
  while (next !== undefined) {
    const page = await server.send('GET', next);
    assert.equal(page.headers['loggos-position'], pinned);
    seen.push(...page.json.items);
    next = /<(.*)>; rel="next"/.exec(String(page.headers.link))?.[1];
    assert.equal(next === undefined, page.json.cursor === undefined);
  }
  assert.deepEqual(
    idsOf(seen),
    ids.filter((id) => id !== 'city-03'),
  );
  assert.deepEqual(seen.find(({ id }) => id === 'city-20').document, { id: 'city-20' });
});

test('a collection that nobody wrote to is an empty page without a cursor', async () => {
  const empty = await server.send('GET', '/v1/documents/nothing');
  assert.deepEqual([empty.status, empty.json], [200, { items: [] }]);
});

test('a cursor that is not ours, and one of another history, are refused', async () => {
  for (const cursor of ['nonsense', Buffer.from('[1,"x"]').toString('base64url')]) {
    const reply = await server.send('GET', `/v1/documents/pages?cursor=${cursor}`);
    assert.deepEqual([reply.status, reply.json.parameter], [400, 'cursor']);
  }
  const foreign = Buffer.from(JSON.stringify([2, 3, 'another', 'pages', 'city-01'])).toString('base64url');
  const reply = await server.send('GET', `/v1/documents/pages?cursor=${foreign}`);
  assert.deepEqual([reply.status, reply.json.code], [409, 'history-diverged']);
});

test('a cursor goes on in its own collection only', async () => {
  const { cursor } = (await server.send('GET', '/v1/documents/pages?limit=1')).json;
  const other = await server.send('GET', `/v1/documents/elsewhere?cursor=${cursor}`);
  assert.deepEqual([other.status, other.json.code, other.json.parameter], [400, 'invalid-parameter', 'cursor']);
  assert.equal((await server.send('GET', `/v1/documents/pages?cursor=${cursor}`)).status, 200);
});

test('limit is at most 1,000 and at least 1; what this version cannot filter by is refused by name', async () => {
  assert.equal((await server.send('GET', '/v1/documents/pages?limit=5000')).json.items.length > 20, true);
  for (const query of ['limit=0', 'limit=-1', 'limit=x', 'limit=', 'limit=1&limit=2', 'unknown=1']) {
    const reply = await server.send('GET', `/v1/documents/pages?${query}`);
    assert.deepEqual([reply.status, reply.json.code], [400, 'invalid-parameter'], query);
  }
  for (const parameter of ['filter', 'sort', 'fields', 'at']) {
    const reply = await server.send('GET', `/v1/documents/pages?${parameter}=x`);
    assert.deepEqual([reply.status, reply.json.parameter], [400, parameter]);
    assert.match(reply.json.detail, /not supported in this version/);
  }
});

test('a page is bounded in bytes and goes on by its cursor', async () => {
  const small = await RestServer.start({ pageBytesMax: 10_000 });
  try {
    for (let n = 0; n < 10; n++) {
      await small.send('PUT', `/v1/documents/big/${n}`, { body: { text: 'x'.repeat(3_000) } });
    }
    const seen: string[] = [];
    let next: string | undefined = '/v1/documents/big?limit=3';
    while (next !== undefined) {
      const page = await small.send('GET', next);
      assert.ok(page.text.length < 20_000);
      seen.push(...idsOf(page.json.items));
      next = /<(.*)>; rel="next"/.exec(String(page.headers.link))?.[1];
    }
    assert.deepEqual(seen, ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
  } finally {
    await small.stop();
  }
});
