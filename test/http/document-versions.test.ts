import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { LoggosError } from '../../src/base/errors.ts';
import { RestServer } from './rest-server.ts';

let server: RestServer;
let count = 0;
let path = '';

before(async () => {
  server = await RestServer.start();
});
after(() => server.stop());
beforeEach(() => {
  path = `/v1/documents/cities/city-${++count}`;
});

const mergePatch = { 'content-type': 'application/merge-patch+json' };

/** Revisions 1 to 4: created, merged, deleted, created again. */
async function life(): Promise<number[]> {
  const replies = [
    await server.send('PUT', path, { body: { n: 1, list: [1, 2, 3] } }),
    await server.send('PATCH', path, { headers: mergePatch, body: '{"n":2}' }),
    await server.send('DELETE', path),
    await server.send('PUT', path, { body: { n: 4 } }),
  ];
  return replies.map(({ headers }) => Number(headers['loggos-position']));
}

describe('a document as it was', () => {
  test('by revision: content, 410 where it was deleted, 404 where it is not written yet', async () => {
    const [first] = await life();
    const old = await server.send('GET', `${path}?revision=1`);
    assert.deepEqual([old.status, old.text, old.headers.etag], [200, '{"n":1,"list":[1,2,3]}', '"1"']);
    assert.equal(old.headers['loggos-position'], String(first));
    assert.equal(old.headers['cache-control'], 'no-cache');
    assert.equal((await server.send('GET', `${path}?revision=2`)).text, '{"n":2,"list":[1,2,3]}');
    const gone = await server.send('GET', `${path}?revision=3`);
    assert.deepEqual([gone.status, gone.json.code, gone.json.revision], [410, 'deleted', 3]);
    assert.equal((await server.send('GET', `${path}?revision=5`)).status, 404);
    assert.equal((await server.send('GET', `${path}-never?revision=1`)).status, 404);
  });

  test('by position, which may lie between its events; before the first it is 404', async () => {
    const [first = 0, second = 0, third = 0] = await life();
    assert.equal((await server.send('GET', `${path}?position=${first}`)).json.n, 1);
    assert.equal((await server.send('GET', `${path}?position=${second}`)).json.n, 2);
    assert.equal((await server.send('GET', `${path}?position=${third}`)).status, 410);
    assert.equal((await server.send('GET', `${path}?position=${first - 1}`)).status, 404);
    const future = await server.send('GET', `${path}?position=${server.database.state.position + 50}`);
    assert.deepEqual([future.status, future.json.code], [503, 'position-not-reached']);
  });

  test('by time; a time in the future is 422', async () => {
    await server.send('PUT', path, { body: { n: 1 } });
    const then = new Date(server.database.state.time).toISOString();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await server.send('PUT', path, { body: { n: 2 } });
    assert.equal((await server.send('GET', `${path}?time=${then}`)).json.n, 1);
    assert.equal((await server.send('GET', `${path}?time=2001-01-01T00:00:00Z`)).status, 404);
    const future = await server.send('GET', `${path}?time=2999-01-01T00:00:00Z`);
    assert.deepEqual([future.status, future.json.code], [422, 'invalid-parameter']);
    assert.equal((await server.send('GET', `${path}?time=yesterday`)).status, 400);
    const offset = encodeURIComponent(then.replace('Z', '+00:00'));
    assert.equal((await server.send('GET', `${path}?time=${offset}`)).json.n, 1);
  });

  test('is exact at the position that is told, found or not', async () => {
    await server.send('PUT', `${path}-before`, { body: {} });
    const then = new Date(server.database.state.time).toISOString();
    const atThen = server.database.state.position;
    await new Promise((resolve) => setTimeout(resolve, 5));
    const [first = 0, , third = 0] = await life();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await server.send('DELETE', path);
    const deletedAt = new Date(server.database.state.time).toISOString();
    const deletion = server.database.state.position;
    await new Promise((resolve) => setTimeout(resolve, 5));
    await server.send('PUT', `${path}-after`, { body: {} });
    const cases: [string, number, number][] = [
      [`${path}?position=${first - 1}`, 404, first - 1],
      [`${path}?position=${third}`, 410, third],
      [`${path}?revision=3`, 410, third],
      [`${path}?time=${then}`, 404, atThen],
      [`${path}-before?time=${then}`, 200, atThen],
      [`${path}?time=${deletedAt}`, 410, deletion],
      [`${path}-before?time=${deletedAt}`, 200, deletion],
      [`${path}-never?time=${deletedAt}`, 404, deletion],
    ];
    for (const [url, status, position] of cases) {
      const reply = await server.send('GET', url);
      assert.deepEqual([reply.status, reply.headers['loggos-position']], [status, String(position)], url);
    }
  });

  test('may be kept for ever by a URL that names the history', async () => {
    await life();
    const kept = await server.send('GET', `${path}?revision=1&history=first-history-of-tests`);
    assert.equal(kept.headers['cache-control'], 'private, max-age=31536000, immutable');
    const now = new Date(server.database.state.time).toISOString();
    const unsettled = await server.send('GET', `${path}?time=${now}&history=first-history-of-tests`);
    assert.equal(unsettled.headers['cache-control'], 'no-cache');
    const other = await server.send('GET', `${path}?revision=1&history=another`);
    assert.deepEqual([other.status, other.json.code, other.json.lastCommonPosition], [409, 'history-diverged', 0]);
    assert.equal((await server.send('GET', `${path}?revision=1&position=2`)).status, 400);
    assert.equal((await server.send('GET', `${path}?history=first-history-of-tests`)).status, 400);
  });
});

describe('history', () => {
  test('gives the event lines themselves, in both orders, page by page', async () => {
    const positions = await life();
    const all = await server.send('GET', `${path}/history`);
    assert.equal(all.status, 200);
    assert.deepEqual(
      all.json.items.map((event: { operation: string }) => event.operation),
      ['created', 'merged', 'deleted', 'created'],
    );
    const lines = positions.map((position) => server.database.tail.line(position));
    assert.ok(all.text.startsWith(`{"items":[${lines.join(',')}],"cursor":`));
    assert.equal(all.headers.link, undefined);
    assert.match(all.json.cursor, new RegExp(`^${positions[3]}\\.first-hi\\.[\\w-]{8}$`));

    for (const order of ['asc', 'desc']) {
      const seen: number[] = [];
      let next: string | undefined = `${path}/history?limit=3&order=${order}`;
      while (next !== undefined) {
        const page = await server.send('GET', next);
        seen.push(...page.json.items.map((event: { position: number }) => event.position));
        next = /<(.*)>; rel="next"/.exec(String(page.headers.link))?.[1];
      }
      assert.deepEqual(seen, order === 'asc' ? positions : positions.toReversed());
    }
  });

  test('its cursor goes on where it ended, and an empty page has one too', async () => {
    await life();
    const { cursor } = (await server.send('GET', `${path}/history`)).json;
    const empty = await server.send('GET', `${path}/history?after=${cursor}`);
    assert.deepEqual([empty.status, empty.json], [200, { items: [], cursor }]);
    await server.send('PUT', path, { body: { n: 5 } });
    const more = await server.send('GET', `${path}/history?after=${cursor}`);
    assert.deepEqual(
      more.json.items.map((event: { revision: number }) => event.revision),
      [5],
    );
  });

  test('adds the document after each event where that is asked for', async () => {
    await life();
    const { items } = (await server.send('GET', `${path}/history?include=document`)).json;
    assert.deepEqual(
      items.map((event: { document?: unknown }) => event.document),
      [{ n: 1, list: [1, 2, 3] }, { n: 2, list: [1, 2, 3] }, undefined, { n: 4 }],
    );
    assert.deepEqual(items[1].patch, { n: 2 });
  });

  test('comes as a CloudEvents batch where that is accepted', async () => {
    const positions = await life();
    const accept = { accept: 'application/cloudevents-batch+json' };
    const batch = await server.send('GET', `${path}/history?include=document`, { headers: accept });
    assert.equal(batch.headers['content-type'], 'application/cloudevents-batch+json');
    assert.deepEqual(
      batch.json.map((event: { sequence: string; data?: unknown }) => [Number(event.sequence), event.data]),
      [
        [positions[0], { n: 1, list: [1, 2, 3] }],
        [positions[1], { n: 2, list: [1, 2, 3] }],
        [positions[2], undefined],
        [positions[3], { n: 4 }],
      ],
    );
    const next = await server.send('GET', `${path}/history?limit=1`, { headers: accept });
    assert.match(String(next.headers.link), /rel="next"/);
  });

  test('is 404 for what never was and stays for what is deleted', async () => {
    assert.equal((await server.send('GET', `${path}/history`)).status, 404);
    await server.send('PUT', path, { body: {} });
    await server.send('DELETE', path);
    assert.equal((await server.send('GET', `${path}/history`)).json.items.length, 2);
  });

  test('a page is bounded in bytes and goes on by its link', async () => {
    const small = await RestServer.start({ pageBytesMax: 10_000 });
    try {
      for (let n = 0; n < 12; n++)
        await small.send('PUT', '/v1/documents/big/a', { body: { n, text: 'x'.repeat(3_000) } });
      const revisions: number[] = [];
      let next: string | undefined = '/v1/documents/big/a/history?include=document';
      while (next !== undefined) {
        const page = await small.send('GET', next);
        assert.ok(page.text.length < 20_000);
        revisions.push(...page.json.items.map((event: { revision: number }) => event.revision));
        next = /<(.*)>; rel="next"/.exec(String(page.headers.link))?.[1];
      }
      assert.deepEqual(revisions, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    } finally {
      await small.stop();
    }
  });
});

describe('diff', () => {
  test('is a JSON Patch from one revision to another', async () => {
    await life();
    const diff = await server.send('GET', `${path}/diff?from=1&to=2`);
    assert.equal(diff.headers['content-type'], 'application/json-patch+json');
    assert.deepEqual(diff.json, [{ op: 'replace', path: '/n', value: 2 }]);
    const present = await server.send('GET', `${path}/diff?from=1`);
    assert.deepEqual(present.json, [
      { op: 'remove', path: '/list' },
      { op: 'replace', path: '/n', value: 4 },
    ]);
    assert.equal((await server.send('GET', `${path}/diff?from=1&to=3`)).status, 410);
    assert.equal((await server.send('GET', `${path}/diff?from=9&to=1`)).status, 404);
    assert.equal((await server.send('GET', `${path}/diff`)).status, 400);
    assert.equal((await server.send('GET', `${path}-never/diff?from=1&to=2`)).status, 404);
  });
});

describe('restore', () => {
  test('writes the old content as a new event, which says where it is from', async () => {
    await life();
    const restored = await server.send('POST', `${path}/restore`, { body: { revision: 1 } });
    assert.deepEqual([restored.status, restored.json.revision], [200, 5]);
    assert.equal((await server.send('GET', path)).text, '{"n":1,"list":[1,2,3]}');
    const { event } = (await server.send('GET', `/v1/events/${restored.json.position}`)).json;
    assert.deepEqual([event.operation, event.restoredFrom], ['restored', 1]);
  });

  test('brings a deleted document back with 201', async () => {
    await server.send('PUT', path, { body: { n: 1 } });
    await server.send('DELETE', path);
    const restored = await server.send('POST', `${path}/restore`, { body: { revision: 1 } });
    assert.deepEqual([restored.status, restored.json.revision], [201, 3]);
  });

  test('looks at its idempotency key before the old content, and a refusal is replayed too', async () => {
    await life();
    const restore = (revision: number, key: string) =>
      server.send('POST', `${path}/restore`, { body: { revision }, headers: { 'idempotency-key': `${path}-${key}` } });
    const first = await restore(1, 'done');
    assert.equal(first.status, 200);
    const others = [await restore(99, 'done'), await restore(3, 'done'), await restore(2, 'done')];
    for (const { status, json } of others) assert.deepEqual([status, json.code], [422, 'idempotency-key-reused']);

    const early = await restore(6, 'early');
    const gone = await restore(3, 'gone');
    assert.deepEqual([early.status, early.headers['idempotency-replayed']], [404, undefined]);
    assert.deepEqual([gone.status, gone.json.revision], [410, 3]);
    await server.send('PUT', path, { body: { n: 6 } });
    const again = [await restore(6, 'early'), await restore(3, 'gone'), await restore(1, 'done')];
    assert.deepEqual(
      again.map(({ status, headers }) => [status, headers['idempotency-replayed']]),
      [
        [404, 'true'],
        [410, 'true'],
        [200, 'true'],
      ],
    );
    assert.deepEqual([again[0]?.json.code, again[1]?.json.revision, again[2]?.json], ['not-found', 3, first.json]);
    assert.equal(again[0]?.headers['loggos-position'], early.headers['loggos-position']);
    assert.equal((await restore(6, 'other')).status, 200);
  });

  test('answers the first outcome of its key although the old content is no more', async () => {
    await life();
    const request = { body: { revision: 1 }, headers: { 'idempotency-key': `${path}-erased` } };
    const first = await server.send('POST', `${path}/restore`, request);
    const { read } = server.database;
    const { asOf } = read;
    read.asOf = async (collection, documentId, at) => {
      if ('revision' in at && at.revision === 1) throw new LoggosError('history-trimmed', 'erased', { floor: 1 });
      return await asOf.call(read, collection, documentId, at);
    };
    try {
      assert.equal((await server.send('POST', `${path}/restore`, { body: { revision: 1 } })).status, 410);
      const again = await server.send('POST', `${path}/restore`, request);
      assert.deepEqual([again.status, again.json], [200, first.json]);
      assert.equal(again.headers['idempotency-replayed'], 'true');
    } finally {
      read.asOf = asOf;
    }
  });

  test('refuses deleted and unknown revisions, other bodies, and what conditions forbid', async () => {
    await life();
    const restore = (body: Record<string, unknown>, headers = {}) =>
      server.send('POST', `${path}/restore`, { body, headers });
    assert.equal((await restore({ revision: 3 })).status, 410);
    assert.equal((await restore({ revision: 99 })).status, 404);
    assert.equal((await restore({ revision: 1 }, { 'if-match': '"1"' })).status, 412);
    const shaped = await restore({ revision: '1' });
    assert.deepEqual([shaped.status, shaped.json.code, shaped.json.pointer], [400, 'malformed-request', '/revision']);
    assert.equal((await restore({ revision: 1, more: true })).json.pointer, '/more');
    assert.equal((await server.send('POST', `${path}/restore`, { body: '{"revision":1}' })).status, 415);
  });
});
