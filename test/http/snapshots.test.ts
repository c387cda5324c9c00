import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { patternByte } from './in-memory-database.ts';
import { RestServer } from './rest-server.ts';

let server: RestServer;
let path = '';
let instance = 0;

before(async () => {
  server = await RestServer.start();
  await server.send('PUT', '/v1/documents/c/a', { body: {} });
  const made = await server.send('POST', '/v1/snapshots');
  assert.equal(made.status, 201);
  instance = made.json.instance;
  assert.equal(made.headers.location, `/v1/snapshots/${instance}`);
  path = `/v1/snapshots/${instance}.tar`;
});
after(() => server.stop());

function assertPattern(bytes: Buffer, first: number, count: number): void {
  assert.equal(bytes.length, count);
  assert.ok(bytes.every((byte, index) => byte === patternByte(first + index)));
}

describe('snapshots', () => {
  test('are listed and shown, made again only of a newer state', async () => {
    const again = await server.send('POST', '/v1/snapshots');
    assert.equal(again.json.instance, instance);
    const list = await server.send('GET', '/v1/snapshots');
    assert.deepEqual(list.json, { items: [again.json] });
    assert.deepEqual((await server.send('GET', `/v1/snapshots/${instance}`)).json, again.json);
    assert.equal((await server.send('GET', '/v1/snapshots/999')).status, 404);
    assert.equal((await server.send('GET', '/v1/snapshots/x')).status, 400);
  });

  test('are not made by a web page of another origin, nor by a form', async () => {
    const origin = await server.send('POST', '/v1/snapshots', { headers: { origin: 'http://evil.example' } });
    assert.equal(origin.status, 415);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    assert.equal((await server.send('POST', '/v1/snapshots', { headers: form })).status, 415);
    const own = await server.send('POST', '/v1/snapshots', { headers: { origin: server.url } });
    assert.equal(own.status, 201);
    assert.equal((await server.send('POST', '/v1/snapshots', { body: {} })).status, 201);
  });

  test('are dropped unless someone reads', async () => {
    await server.send('PUT', '/v1/documents/c/b', { body: {} });
    const made = (await server.send('POST', '/v1/snapshots')).json.instance;
    server.database.snapshots.locks = 1;
    const refused = await server.send('DELETE', `/v1/snapshots/${made}`);
    server.database.snapshots.locks = 0;
    assert.deepEqual([refused.status, refused.json.code], [409, 'in-use']);
    assert.equal((await server.send('DELETE', `/v1/snapshots/${made}`)).status, 204);
    assert.equal((await server.send('DELETE', `/v1/snapshots/${made}`)).status, 404);
  });
});

describe('a snapshot as a tar', () => {
  test('has a length, a strong tag, a name to save it by, and is released when it was read', async () => {
    const tar = await server.send('GET', path);
    assert.equal(tar.status, 200);
    assertPattern(tar.bytes, 0, 100_000);
    assert.equal(tar.headers['content-type'], 'application/x-tar');
    assert.equal(tar.headers['content-length'], '100000');
    assert.equal(tar.headers['accept-ranges'], 'bytes');
    assert.equal(tar.headers.etag, `"seal-of-${instance}"`);
    assert.equal(tar.headers['content-disposition'], `attachment; filename="loggos-main-${instance}.tar"`);
    const head = await server.send('HEAD', path);
    assert.deepEqual([head.status, head.headers['content-length'], head.bytes.length], [200, '100000', 0]);
    assert.equal(server.database.snapshots.locks, 0);
    assert.equal((await server.send('GET', '/v1/snapshots/999.tar')).status, 404);
  });

  test('is resumed at any byte', async () => {
    const cases: [string, number, number][] = [
      ['bytes=0-', 0, 100_000],
      ['bytes=70000-', 70_000, 30_000],
      ['bytes=10-19', 10, 10],
      ['bytes=99999-200000', 99_999, 1],
      ['bytes=-5', 99_995, 5],
    ];
    for (const [range, first, count] of cases) {
      const part = await server.send('GET', path, { headers: { range } });
      assert.equal(part.status, 206, range);
      assert.equal(part.headers['content-range'], `bytes ${first}-${first + count - 1}/100000`);
      assertPattern(part.bytes, first, count);
    }
    const beyond = await server.send('GET', path, { headers: { range: 'bytes=100000-' } });
    assert.deepEqual([beyond.status, beyond.headers['content-range']], [416, 'bytes */100000']);
    assert.equal(beyond.json.code, 'range-not-satisfiable');
    for (const range of ['bytes=1-2,5-6', 'lines=1-2', 'bytes=9-3', 'bytes=-', 'bytes=a-b']) {
      assert.equal((await server.send('GET', path, { headers: { range } })).status, 200, range);
    }
    assert.equal(server.database.snapshots.locks, 0);
  });

  test('goes on only with the file that was begun', async () => {
    const range = { range: 'bytes=5-9' };
    const same = await server.send('GET', path, { headers: { ...range, 'if-range': `"seal-of-${instance}"` } });
    assert.equal(same.status, 206);
    const other = await server.send('GET', path, { headers: { ...range, 'if-range': '"another"' } });
    assert.deepEqual([other.status, other.bytes.length], [200, 100_000]);
    const known = await server.send('GET', path, { headers: { 'if-none-match': `"seal-of-${instance}"` } });
    assert.equal(known.status, 304);
    const wrong = await server.send('GET', path, { headers: { 'if-match': '"another"' } });
    assert.deepEqual([wrong.status, wrong.json.code], [412, 'precondition-failed']);
    assert.equal(server.database.snapshots.locks, 0);
  });

  test('latest.tar seals the newest state, is whole, and says its numbered address; HEAD seals nothing', async () => {
    await server.send('PUT', '/v1/documents/c/c', { body: {} });
    const count = (await server.database.snapshots.list()).length;
    const head = await server.send('HEAD', '/v1/snapshots/latest.tar');
    assert.deepEqual([head.status, head.headers['accept-ranges']], [200, 'none']);
    assert.equal(head.headers['content-length'], undefined);
    assert.equal((await server.database.snapshots.list()).length, count);
    const tar = await server.send('GET', '/v1/snapshots/latest.tar', { headers: { range: 'bytes=5-9' } });
    assert.equal(tar.status, 200);
    assertPattern(tar.bytes, 0, 100_000);
    assert.equal(tar.headers['content-location'], `/v1/snapshots/${server.database.state.instance}.tar`);
    const known = await server.send('HEAD', '/v1/snapshots/latest.tar');
    assert.equal(known.headers['content-length'], '100000');
    assert.equal(server.database.snapshots.locks, 0);
  });

  test('a reader that hangs up releases it', async () => {
    server.database.snapshots.bytes = 50_000_000;
    await server.send('PUT', '/v1/documents/c/d', { body: {} });
    const made = (await server.send('POST', '/v1/snapshots')).json.instance;
    server.database.snapshots.bytes = 100_000;
    const text = await server.raw(
      `GET /v1/snapshots/${made}.tar HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`,
      5_000,
      /Content-Length/,
    );
    assert.match(text, /^HTTP\/1\.1 200 OK/);
    const end = performance.now() + 3_000;
    while (server.database.snapshots.locks > 0 && performance.now() < end)
      await new Promise((go) => setTimeout(go, 10));
    assert.equal(server.database.snapshots.locks, 0);
  });
});
