import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { RestServer } from './rest-server.ts';

let server: RestServer;
let count = 0;
/** A document of this test alone. */
let path = '';

before(async () => {
  server = await RestServer.start();
});
after(() => server.stop());
beforeEach(() => {
  path = `/v1/documents/cities/city-${++count}`;
});

const mergePatch = { 'content-type': 'application/merge-patch+json' };
const jsonPatch = { 'content-type': 'application/json-patch+json' };

describe('PUT', () => {
  test('creates with 201, replaces with 200, and answers id, revision, position and time', async () => {
    const created = await server.send('PUT', path, { body: { name: 'Gaios' } });
    assert.equal(created.status, 201);
    assert.deepEqual(Object.keys(created.json), ['id', 'revision', 'position', 'time']);
    assert.equal(created.json.id, `city-${count}`);
    assert.equal(created.json.revision, 1);
    assert.match(created.json.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.equal(created.headers.etag, '"1"');
    assert.equal(created.headers['loggos-position'], String(created.json.position));
    assert.equal(created.headers['loggos-instance'], String(server.database.state.instance));
    assert.equal(created.headers['loggos-history'], 'first-history-of-tests');
    assert.equal(created.headers['content-type'], 'application/json');
    assert.equal(created.headers['x-content-type-options'], 'nosniff');
    assert.equal(created.headers['x-powered-by'], undefined);
    const replaced = await server.send('PUT', path, { body: { name: 'Gaios' } });
    assert.equal(replaced.status, 200);
    assert.equal(replaced.json.revision, 2);
    assert.equal(replaced.headers.etag, '"2"');
  });

  test('takes a body without a type as JSON, and stores what was sent', async () => {
    const created = await server.send('PUT', path, { body: '{"b": 1.0, "a": "\\u00e9", "1": -0}' });
    assert.equal(created.status, 201);
    const read = await server.send('GET', path);
    assert.equal(read.text, '{"1":0,"b":1,"a":"é"}');
  });

  test('answers the representation or nothing where that is preferred', async () => {
    const minimal = await server.send('PUT', path, { body: { a: 1 }, headers: { prefer: 'return=minimal' } });
    assert.deepEqual(
      [minimal.status, minimal.text, minimal.headers['preference-applied']],
      [201, '', 'return=minimal'],
    );
    const again = await server.send('PUT', path, { body: { a: 1 }, headers: { prefer: 'return=minimal' } });
    assert.deepEqual([again.status, again.text], [204, '']);
    const whole = await server.send('PUT', path, {
      body: { a: 2 },
      headers: { prefer: 'respond-async, return="representation"' },
    });
    assert.deepEqual([whole.status, whole.text], [200, '{"a":2}']);
  });

  test('writes only where the conditions hold', async () => {
    const create = { body: { a: 1 }, headers: { 'if-none-match': '*' } };
    assert.equal((await server.send('PUT', path, { body: {}, headers: { 'if-match': '*' } })).status, 412);
    assert.equal((await server.send('PUT', path, create)).status, 201);
    const exists = await server.send('PUT', path, create);
    assert.equal(exists.status, 412);
    assert.equal(exists.json.code, 'already-exists');
    const wrong = await server.send('PUT', path, { body: {}, headers: { 'if-match': '"7"' } });
    assert.equal(wrong.status, 412);
    assert.equal(wrong.json.code, 'revision-conflict');
    assert.equal(wrong.json.currentRevision, 1);
    assert.ok(Number(wrong.headers['loggos-position']) > 0);
    assert.equal((await server.send('PUT', path, { body: {}, headers: { 'if-match': 'W/"1"' } })).status, 200);
    assert.equal((await server.send('PUT', path, { body: {}, headers: { 'if-match': '"9", "2"' } })).status, 200);
    assert.equal((await server.send('PUT', path, { body: {}, headers: { 'if-none-match': '"3"' } })).status, 412);
    assert.equal((await server.send('PUT', path, { body: {}, headers: { 'if-match': '3' } })).status, 400);
    const both = { 'if-match': '"3"', 'if-none-match': '"9"' };
    assert.equal((await server.send('PUT', path, { body: {}, headers: both })).status, 400);
  });

  test('creates again on a deleted document, and revisions carry on', async () => {
    await server.send('PUT', path, { body: { a: 1 } });
    await server.send('DELETE', path);
    const again = await server.send('PUT', path, { body: { a: 2 }, headers: { 'if-none-match': '*' } });
    assert.equal(again.status, 201);
    assert.equal(again.json.revision, 3);
  });
});

describe('POST', () => {
  test('creates with an id made here and says where', async () => {
    const created = await server.send('POST', '/v1/documents/cities', { body: { name: 'Lakka' } });
    assert.equal(created.status, 201);
    assert.equal(created.headers.location, `/v1/documents/cities/${created.json.id}`);
    assert.equal((await server.send('GET', String(created.headers.location))).text, '{"name":"Lakka"}');
    const elsewhere = await server.send('POST', '/v1/databases/main/documents/cities', { body: {} });
    assert.equal(elsewhere.headers.location, `/v1/databases/main/documents/cities/${elsewhere.json.id}`);
  });

  test('takes the one condition that is true of a new id, and refuses those that it cannot honour', async () => {
    const send = (headers: Record<string, string>) =>
      server.send('POST', '/v1/documents/cities', { body: {}, headers });
    assert.equal((await send({ 'if-none-match': '*' })).status, 201);
    for (const [name, headers] of [
      ['If-Match', { 'if-match': '"1"' }],
      ['If-Match', { 'if-match': '*' }],
      ['If-None-Match', { 'if-none-match': '"1"' }],
    ] as const) {
      const refused = await send(headers);
      assert.deepEqual([refused.status, refused.json.parameter], [400, name]);
      assert.match(refused.json.detail, /cannot be honoured here/);
    }
  });

  test('needs a JSON type, so that no web page writes by a form', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      const refused = await server.send('POST', '/v1/documents/cities', {
        body: '{}',
        headers: { 'content-type': type },
      });
      assert.equal(refused.status, 415, type);
      assert.equal(refused.headers['accept-post'], 'application/json');
    }
    assert.equal((await server.send('POST', '/v1/documents/cities', { body: '{}' })).status, 415);
  });
});

describe('GET and HEAD', () => {
  test('answer the stored bytes with tag, position, history and no-cache', async () => {
    await server.send('PUT', path, { body: { name: 'Gaios', n: [1, 2] } });
    const read = await server.send('GET', path);
    assert.equal(read.status, 200);
    assert.equal(read.text, '{"name":"Gaios","n":[1,2]}');
    assert.equal(read.headers.etag, '"1"');
    assert.equal(read.headers['cache-control'], 'no-cache');
    assert.equal(read.headers['loggos-position'], String(server.database.state.position));
    const head = await server.send('HEAD', path);
    assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', String(read.text.length)]);
    assert.equal(head.headers.etag, '"1"');
  });

  test('answer 304 for a tag that is known, weakened or not, and 412 for one that must match', async () => {
    await server.send('PUT', path, { body: {} });
    for (const tag of ['"1"', 'W/"1"', '*', '"5", "1"']) {
      const read = await server.send('GET', path, { headers: { 'if-none-match': tag } });
      assert.deepEqual([read.status, read.text, read.headers.etag], [304, '', '"1"'], tag);
    }
    assert.equal((await server.send('GET', path, { headers: { 'if-none-match': '"2"' } })).status, 200);
    assert.equal((await server.send('GET', path, { headers: { 'if-match': '"2"' } })).status, 412);
  });

  test('tell what never was from what is deleted, with the position and without caching', async () => {
    const absent = await server.send('GET', path);
    assert.deepEqual([absent.status, absent.json.code], [404, 'not-found']);
    assert.equal(absent.headers['cache-control'], 'no-cache');
    assert.ok(absent.headers['loggos-position'] !== undefined);
    await server.send('PUT', path, { body: {} });
    const removed = await server.send('DELETE', path);
    assert.equal(removed.status, 204);
    const gone = await server.send('GET', path);
    assert.deepEqual([gone.status, gone.json.code, gone.json.revision], [410, 'deleted', 2]);
    assert.equal(gone.json.position, Number(removed.headers['loggos-position']));
    assert.equal(gone.headers['cache-control'], 'no-cache');
    assert.equal((await server.send('HEAD', path)).status, 410);
  });

  test('wait for the position that is asked for, until the deadline', async () => {
    await server.send('PUT', path, { body: {} });
    const { position } = server.database.state;
    const late = server.send('GET', path, { headers: { 'loggos-min-position': String(position + 1) } });
    await server.send('PUT', `${path}-other`, { body: {} });
    assert.equal((await late).status, 200);
    const headers = { 'loggos-min-position': String(position + 100), 'loggos-deadline': '30ms' };
    const never = await server.send('GET', path, { headers });
    assert.deepEqual([never.status, never.json.code], [503, 'position-not-reached']);
    assert.equal(never.headers['retry-after'], '1');
  });

  test('without a leader only local reads are answered', async () => {
    await server.send('PUT', path, { body: {} });
    server.database.hasLeader = false;
    try {
      const refused = await server.send('GET', path);
      assert.deepEqual([refused.status, refused.json.code], [503, 'no-leader']);
      assert.equal((await server.send('GET', `${path}?consistency=local&maxStaleness=5s`)).status, 200);
      assert.equal((await server.send('GET', `${path}?consistency=lease`)).status, 503);
    } finally {
      server.database.hasLeader = true;
    }
  });

  test('negotiate: JSON or 406', async () => {
    await server.send('PUT', path, { body: {} });
    const html = await server.send('GET', path, { headers: { accept: 'text/html' } });
    assert.deepEqual([html.status, html.json.code], [406, 'not-acceptable']);
    const browser = 'text/html,application/xhtml+xml,*/*;q=0.8';
    assert.equal((await server.send('GET', path, { headers: { accept: browser } })).status, 200);
  });
});

describe('PATCH', () => {
  test('merges, patches and answers like a PUT', async () => {
    await server.send('PUT', path, { body: { a: 1, b: { c: 2 } } });
    const merged = await server.send('PATCH', path, { headers: mergePatch, body: '{"a":null,"b":{"d":3}}' });
    assert.deepEqual([merged.status, merged.json.revision], [200, 2]);
    const patched = await server.send('PATCH', path, {
      headers: { ...jsonPatch, prefer: 'return=representation' },
      body: '[{"op":"test","path":"/b/c","value":2},{"op":"add","path":"/e","value":[1]}]',
    });
    assert.deepEqual([patched.status, patched.text], [200, '{"b":{"c":2,"d":3},"e":[1]}']);
    assert.equal(patched.headers.etag, '"3"');
  });

  test('never creates: 404 and 410', async () => {
    const absent = await server.send('PATCH', path, { headers: mergePatch, body: '{}' });
    assert.deepEqual([absent.status, absent.json.code], [404, 'not-found']);
    await server.send('PUT', path, { body: {} });
    await server.send('DELETE', path);
    const gone = await server.send('PATCH', path, { headers: mergePatch, body: '{}' });
    assert.deepEqual([gone.status, gone.json.code], [410, 'deleted']);
  });

  test('says what is wrong with a patch, each by its own code', async () => {
    await server.send('PUT', path, { body: { a: 1 } });
    const cases: [Record<string, string>, string, number, string][] = [
      [jsonPatch, '{"op":"add"}', 400, 'malformed-patch'],
      [jsonPatch, '[{"op":"jump","path":""}]', 400, 'malformed-patch'],
      [jsonPatch, '[{"op":"test","path":"/a","value":2}]', 409, 'patch-test-failed'],
      [jsonPatch, '[{"op":"remove","path":"/zzz"}]', 422, 'patch-not-applicable'],
      [jsonPatch, '[{"op":"replace","path":"","value":1}]', 422, 'not-an-object'],
      [jsonPatch, '[{"op":"remove","path":""}]', 422, 'patch-not-applicable'],
      [jsonPatch, '[{"op":"add","path":"/__proto__/x","value":1}]', 422, 'key-not-allowed'],
      [mergePatch, '[1]', 422, 'not-an-object'],
      [mergePatch, '{', 400, 'malformed-json'],
    ];
    for (const [headers, body, status, code] of cases) {
      const refused = await server.send('PATCH', path, { headers, body });
      assert.deepEqual([refused.status, refused.json.code], [status, code], body);
    }
    const anew = '[{"op":"remove","path":""},{"op":"add","path":"","value":{"b":1}}]';
    assert.equal((await server.send('PATCH', path, { headers: jsonPatch, body: anew })).status, 200);
    const typed = await server.send('PATCH', path, { headers: { 'content-type': 'application/json' }, body: '{}' });
    assert.equal(typed.status, 415);
    assert.equal(typed.headers['accept-patch'], 'application/merge-patch+json, application/json-patch+json');
    assert.equal((await server.send('PATCH', path, { body: '{}' })).status, 415);
  });
});

describe('DELETE', () => {
  test('keeps the history; what never was is 404 and what is deleted 410', async () => {
    assert.equal((await server.send('DELETE', path)).status, 404);
    await server.send('PUT', path, { body: { a: 1 } });
    assert.equal((await server.send('DELETE', path, { headers: { 'if-match': '"9"' } })).status, 412);
    const removed = await server.send('DELETE', path, { headers: { prefer: 'return=representation' } });
    assert.deepEqual([removed.status, removed.text, removed.headers.etag], [200, '{"a":1}', '"2"']);
    assert.equal((await server.send('DELETE', path)).status, 410);
  });
});

describe('an idempotency key', () => {
  test('replays the first outcome, bare or quoted, for writes, creations and rejections', async () => {
    const request = { body: { a: 1 }, headers: { 'idempotency-key': `key-${count}` } };
    const first = await server.send('PUT', path, request);
    const second = await server.send('PUT', path, {
      ...request,
      headers: { 'idempotency-key': `"key-${count}"`, 'loggos-event-type': 'another.type' },
    });
    assert.equal(first.headers['idempotency-replayed'], undefined);
    assert.equal(second.headers['idempotency-replayed'], 'true');
    assert.deepEqual([second.status, second.json], [201, first.json]);
    assert.equal(second.headers['loggos-position'], first.headers['loggos-position']);

    const creation = { body: { b: 1 }, headers: { 'idempotency-key': `made-${count}` } };
    const made = await server.send('POST', '/v1/documents/cities', creation);
    const remade = await server.send('POST', '/v1/documents/cities', creation);
    assert.equal(remade.headers.location, made.headers.location);
    assert.equal(remade.headers['idempotency-replayed'], 'true');

    const condition = { 'idempotency-key': `no-${count}`, 'if-match': '"9"' };
    const refused = await server.send('PUT', path, { body: {}, headers: condition });
    await server.send('PUT', path, { body: {} });
    const again = await server.send('PUT', path, { body: {}, headers: condition });
    assert.deepEqual([again.status, again.json.currentRevision], [412, refused.json.currentRevision]);
    assert.equal(again.headers['idempotency-replayed'], 'true');
  });

  test('is refused for another request', async () => {
    const headers = { 'idempotency-key': `one-${count}` };
    await server.send('PUT', path, { body: { a: 1 }, headers });
    const others = [
      server.send('PUT', path, { body: { a: 2 }, headers }),
      server.send('PUT', `${path}-2`, { body: { a: 1 }, headers }),
      server.send('PUT', path, { body: { a: 1 }, headers: { ...headers, 'if-match': '"1"' } }),
      server.send('DELETE', path, { headers }),
    ];
    for (const reply of await Promise.all(others)) {
      assert.deepEqual([reply.status, reply.json.code], [422, 'idempotency-key-reused']);
    }
    assert.equal(
      (await server.send('PUT', `/v1/databases/main${path.slice(3)}`, { body: { a: 1 }, headers })).status,
      201,
    );
  });

  test('has 1 to 128 printable ASCII characters', async () => {
    for (const key of ['', 'x'.repeat(129), 'caf\u00e9', '""']) {
      const reply = await server.send('PUT', path, { body: {}, headers: { 'idempotency-key': key } });
      assert.deepEqual([reply.status, reply.json.code], [400, 'invalid-parameter'], key);
    }
    for (const key of ['"open', 'open"', '"', '"a"b"', '"a\\"']) {
      const reply = await server.send('PUT', path, { body: {}, headers: { 'idempotency-key': key } });
      assert.deepEqual([reply.status, reply.json.code], [400, 'invalid-parameter'], key);
    }
    const longest = await server.send('PUT', path, { body: {}, headers: { 'idempotency-key': 'x'.repeat(128) } });
    assert.equal(longest.status, 201);
  });
});

describe('what is said about an event', () => {
  test('type, metadata and traceparent are kept with it', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const metadata = Buffer.from('{"correlationId":"c-1","who":"Ζωή"}').toString('latin1');
    const headers = { 'loggos-event-type': 'city.founded', 'loggos-metadata': metadata, traceparent };
    const { json } = await server.send('PUT', path, { body: {}, headers });
    const { event } = (await server.send('GET', `/v1/events/${json.position}`)).json;
    assert.equal(event.type, 'city.founded');
    assert.deepEqual(event.metadata, { correlationId: 'c-1', who: 'Ζωή', traceparent });
    assert.equal(event.actor, 'anonymous');
  });

  test('metadata that is no JSON object is refused', async () => {
    for (const metadata of ['[]', '1', '{', '{"a":1,"a":2}', '{"n":1e999}']) {
      const reply = await server.send('PUT', path, { body: {}, headers: { 'loggos-metadata': metadata } });
      assert.deepEqual([reply.status, reply.json.parameter], [400, 'Loggos-Metadata'], metadata);
    }
    const reply = await server.send('PUT', path, { body: {}, headers: { 'loggos-event-type': 'two words' } });
    assert.equal(reply.status, 400);
  });
});

test('a write whose fate is unknown says the id of its event and where to look', async () => {
  const { LoggosError } = await import('../../src/base/errors.ts');
  let asked = '';
  server.database.writeFault = ({ id }) => {
    asked = id;
    return new LoggosError('outcome-unknown', 'the leader changed');
  };
  try {
    const { position } = server.database.state;
    const reply = await server.send('PUT', path, { body: {} });
    assert.deepEqual([reply.status, reply.json.code], [503, 'outcome-unknown']);
    assert.deepEqual([reply.json.eventId, reply.json.after], [asked, position]);
  } finally {
    server.database.writeFault = () => undefined;
  }
});
