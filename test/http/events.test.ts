import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { RestServer } from './rest-server.ts';

let server: RestServer;

before(async () => {
  server = await RestServer.start();
  for (let n = 1; n <= 30; n++) {
    const collection = n % 2 === 0 ? 'even' : 'odd';
    const headers = { 'loggos-event-type': `type.${n % 3}`, 'loggos-metadata': `{"correlationId":"c-${n}"}` };
    await server.send('PUT', `/v1/documents/${collection}/id-${n % 5}`, { body: { n }, headers });
  }
});
after(() => server.stop());

const positionsOf = (items: readonly { position: number }[]) => items.map(({ position }) => position);
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

describe('pages of events', () => {
  test('give every event once, in order, as the very lines of history', async () => {
    const all = await server.send('GET', '/v1/events');
    assert.equal(all.status, 200);
    assert.deepEqual(positionsOf(all.json.items), upTo(30));
    assert.ok(all.text.includes(String(server.database.tail.line(17))));
    assert.equal(all.headers.link, undefined);
    assert.equal(all.headers['loggos-position'], '30');
    assert.equal(all.headers.vary, 'Accept');
    const seen: number[] = [];
    let next: string | undefined = '/v1/events?limit=7';
    while (next !== undefined) {
      const page = await server.send('GET', next);
      seen.push(...positionsOf(page.json.items));
      next = /<(.*)>; rel="next"/.exec(String(page.headers.link))?.[1];
    }
    assert.deepEqual(seen, upTo(30));
  });

  test('go on after a number or a cursor; the end has a cursor too', async () => {
    const { cursor } = (await server.send('GET', '/v1/events?after=29')).json;
    assert.match(cursor, /^30\.first-hi\.[\w-]{8}$/);
    assert.deepEqual((await server.send('GET', `/v1/events?after=${cursor}`)).json, { items: [], cursor });
    const beyond = await server.send('GET', '/v1/events?after=31');
    assert.deepEqual([beyond.status, beyond.json.code], [503, 'position-not-reached']);
    assert.equal((await server.send('GET', '/v1/events?after=x')).status, 400);
    const forged = await server.send('GET', `/v1/events?after=${cursor.slice(0, -8)}AbCdEfGh`);
    assert.deepEqual([forged.status, forged.json.code], [400, 'invalid-parameter']);
    assert.match(forged.json.detail, /not a cursor of this database/);
  });

  test('are filtered by all that is asked, and the cursor passes what was left out', async () => {
    const cases: [string, (n: number) => boolean][] = [
      ['collection=even', (n) => n % 2 === 0],
      ['collection=even&id=id-2', (n) => n % 10 === 2],
      ['idPrefix=id-1', (n) => n % 5 === 1],
      ['type=type.1', (n) => n % 3 === 1],
      ['operation=created', (n) => n <= 10],
      ['operation=replaced&collection=odd', (n) => n > 10 && n % 2 === 1],
      ['correlationId=c-12', (n) => n === 12],
      ['actor=anonymous', () => true],
      ['actor=nobody', () => false],
      ['since=2001-01-01T00:00:00Z&until=2002-01-01T00:00:00Z', () => false],
    ];
    for (const [query, isExpected] of cases) {
      const page = await server.send('GET', `/v1/events?${query}`);
      assert.deepEqual(positionsOf(page.json.items), upTo(30).filter(isExpected), query);
      assert.match(page.json.cursor, /^30\./);
    }
    const lone = await server.send('GET', '/v1/events?id=id-2');
    assert.deepEqual([lone.status, lone.json.parameter], [400, 'id']);
    assert.equal((await server.send('GET', '/v1/events?operation=exploded')).status, 400);
  });

  test('are CloudEvents where that is accepted', async () => {
    const accept = 'application/cloudevents-batch+json';
    const batch = await server.send('GET', '/v1/events?limit=2', { headers: { accept } });
    assert.equal(batch.headers['content-type'], accept);
    const [first] = batch.json;
    assert.deepEqual(
      [first.specversion, first.type, first.source, first.subject, first.documentid, first.sequence, first.data],
      ['1.0', 'type.1', '/v1/databases/main', 'odd/id-1', 'id-1', '1', { n: 1 }],
    );
    assert.equal(first.correlationid, 'c-1');
    for (const name of Object.keys(first)) assert.match(name, /^[a-z0-9]+$/);
    const one = await server.send('GET', '/v1/events/1', { headers: { accept: 'application/cloudevents+json' } });
    assert.deepEqual(one.json, first);
    assert.equal((await server.send('GET', '/v1/events', { headers: { accept: 'text/html' } })).status, 406);
  });
});

test('an event comes with what proves it, from nothing but the answer', async () => {
  const sha256 = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
  let chain = Buffer.alloc(32);
  for (const position of upTo(30)) {
    const { json, text } = await server.send('GET', `/v1/events/${position}`);
    const { proof, event, cursor } = json;
    assert.equal(proof.chainBefore, chain.toString('base64url'));
    assert.ok(text.includes(`{${proof.header},"chain":`));
    const payload = text.slice(text.indexOf(',"id":') + 1, text.indexOf('},"cursor":'));
    const commitment = sha256(Buffer.from(event.salt, 'base64url'), Buffer.from(payload));
    assert.equal(proof.commitment, commitment.toString('base64url'));
    chain = sha256(chain, Buffer.from(proof.header), commitment);
    assert.equal(proof.chain, chain.toString('base64url'));
    assert.equal(event.chain, proof.chain.slice(0, 8));
    assert.equal(cursor, `${position}.first-hi.${event.chain}`);
  }
  assert.deepEqual((await server.send('GET', '/v1/events/31')).json.code, 'not-found');
  assert.equal((await server.send('GET', '/v1/events/0')).status, 404);
  assert.equal((await server.send('GET', '/v1/events/x')).status, 400);
  const kept = await server.send('GET', '/v1/events/3?history=first-history-of-tests');
  assert.equal(kept.headers['cache-control'], 'private, max-age=31536000, immutable');
});

describe('after a restore', () => {
  let restored: RestServer;
  const old = 'first-history-of-tests';

  before(async () => {
    restored = await RestServer.start();
    for (let n = 1; n <= 5; n++) await restored.send('PUT', '/v1/documents/c/a', { body: { n } });
  });
  after(() => restored.stop());

  test('tags, cursors and positions from before it are told the truth', async () => {
    // The old server went on to 6 and 7; the backup was of 5.
    const { cursor } = (await restored.send('GET', '/v1/events?after=3&limit=1')).json;
    restored.database.fork('second-history-of-tests');
    const lostCursor = '7.first-hi.AbCdEfGh';
    const written = await restored.send('PUT', '/v1/documents/c/a', {
      body: { n: 60 },
      headers: { 'if-match': '"5"' },
    });
    assert.equal(written.status, 200);
    assert.equal(written.headers.etag, '"6-second"');
    assert.equal(written.headers['loggos-history'], 'second-history-of-tests');

    const stale = await restored.send('PUT', '/v1/documents/c/a', { body: {}, headers: { 'if-match': '"6"' } });
    assert.deepEqual([stale.status, stale.json.code], [412, 'revision-conflict']);
    assert.equal(
      (await restored.send('GET', '/v1/documents/c/a', { headers: { 'if-none-match': '"6"' } })).status,
      200,
    );
    const known = await restored.send('GET', '/v1/documents/c/a', { headers: { 'if-none-match': '"6-second"' } });
    assert.equal(known.status, 304);

    assert.deepEqual(positionsOf((await restored.send('GET', `/v1/events?after=${cursor}`)).json.items), [5, 6]);
    assert.match((await restored.send('GET', '/v1/events')).json.cursor, /^6\.second-h\./);
    for (const after of [lostCursor, '6.first-hi.AbCdEfGh']) {
      const lost = await restored.send('GET', `/v1/events?after=${after}`);
      assert.deepEqual([lost.status, lost.json.code, lost.json.lastCommonPosition], [409, 'history-diverged', 5]);
    }
    const stream = await restored.send('GET', '/v1/events', {
      headers: { accept: 'text/event-stream', 'last-event-id': lostCursor },
    });
    assert.equal(stream.status, 409);
    assert.equal((await restored.send('GET', '/v1/events?after=6.unknown.AbCdEfGh')).json.lastCommonPosition, 0);

    const from = (history: string, minimum: number) =>
      restored.send('GET', '/v1/documents/c/a', {
        headers: { 'loggos-history': history, 'loggos-min-position': String(minimum), 'loggos-deadline': '50ms' },
      });
    assert.equal((await from(old, 5)).status, 200);
    assert.deepEqual([(await from(old, 6)).status, (await from(old, 6)).json.lastCommonPosition], [409, 5]);
    assert.equal((await from('second-history-of-tests', 6)).status, 200);
    const asOf = await restored.send('GET', `/v1/documents/c/a?revision=6&history=${old}`);
    assert.deepEqual([asOf.status, asOf.json.code], [409, 'history-diverged']);
    assert.equal((await restored.send('GET', `/v1/documents/c/a?revision=5&history=${old}`)).json.n, 5);
  });
});
