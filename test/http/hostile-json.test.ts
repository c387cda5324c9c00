import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type Reply, RestServer } from './rest-server.ts';

/** RELIABILITY 4.4 over HTTP: what is accepted is stored and answered as an equal value; all else is refused whole. */

let server: RestServer;
let count = 0;
let path = '';

before(async () => {
  server = await RestServer.start();
});
after(() => {
  assert.equal(({} as Record<string, unknown>).x, undefined, 'no prototype was touched');
  return server.stop();
});
beforeEach(() => {
  path = `/v1/documents/hostile/${++count}`;
});

const json = { 'content-type': 'application/json' };
const jsonPatch = { 'content-type': 'application/json-patch+json' };
const mergePatch = { 'content-type': 'application/merge-patch+json' };
const put = (body: string | Uint8Array) => server.send('PUT', path, { headers: json, body });

async function isRefused(body: string | Uint8Array, status: number, code: string): Promise<Reply> {
  const reply = await put(body);
  assert.deepEqual([reply.status, reply.json.code], [status, code], String(body).slice(0, 60));
  assert.equal((await server.send('GET', path)).status, 404);
  return reply;
}

describe('bytes', () => {
  test('that are not UTF-8 are refused', async () => {
    const around = (...bytes: number[]) =>
      Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes), Buffer.from('"}')]);
    for (const bytes of [
      [0xff],
      [0xc0, 0xaf],
      [0xe0, 0x80, 0xaf],
      [0xe2, 0x82],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
    ]) {
      await isRefused(around(...bytes), 400, 'malformed-json');
    }
    await isRefused(Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d]), 400, 'malformed-json');
    await isRefused(Buffer.from('{"a":1}', 'utf16le'), 400, 'malformed-json');
  });

  test('in another charset or compressed are 415, also a bomb', async () => {
    for (const charset of ['utf-16', 'latin1', '"utf-16le"']) {
      const reply = await server.send('PUT', path, {
        headers: { 'content-type': `application/json; charset=${charset}` },
        body: '{}',
      });
      assert.deepEqual([reply.status, reply.json.code], [415, 'unsupported-media-type']);
    }
    const utf8 = { 'content-type': 'application/json; charset="UTF-8"' };
    assert.equal((await server.send('PUT', path, { headers: utf8, body: '{}' })).status, 201);
    for (const encoding of ['gzip', 'br', 'zstd', 'deflate', 'gzip, gzip']) {
      const reply = await server.send('PUT', path, { headers: { ...json, 'content-encoding': encoding }, body: 'x' });
      assert.equal(reply.status, 415, encoding);
    }
  });

  test('beyond the limit are 413 without being read, declared or not, and the connection closes', async () => {
    const reply = await server.send('PUT', path, { headers: json, body: Buffer.alloc(1_048_577, 0x20) });
    assert.deepEqual([reply.status, reply.json.code, reply.json.limit], [413, 'body-too-large', 1_048_576]);
    assert.equal(reply.headers.connection, 'close');
    const head = `PUT ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const chunk = `40000\r\n${' '.repeat(0x40000)}\r\n`;
    const chunked = await server.raw(head + chunk.repeat(5), 5_000, /body-too-large/);
    assert.match(chunked, /^HTTP\/1\.1 413 /);
    const expecting = await server.raw(
      `PUT ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n`,
    );
    assert.match(expecting, /^HTTP\/1\.1 413 /);
    assert.doesNotMatch(expecting, /100 Continue/);
  });
});

describe('values', () => {
  test('lone surrogates are refused in values, keys and ids', async () => {
    await isRefused('{"a":"\\ud800"}', 400, 'unrepresentable-value');
    await isRefused('{"\\udc00":1}', 400, 'unrepresentable-value');
    const operations = '{"operations":[{"op":"put","collection":"c","id":"\\ud800","document":{}}]}';
    const reply = await server.send('POST', '/v1/transactions', { headers: json, body: operations });
    assert.deepEqual([reply.status, reply.json.code], [400, 'unrepresentable-value']);
    const paired = await put('{"a":"\\ud83d\\ude00"}');
    assert.equal(paired.status, 201);
    assert.equal((await server.send('GET', path)).text, '{"a":"😀"}');
  });

  test('duplicate keys are refused with the pointer, nested and escaped too', async () => {
    const reply = await isRefused('{"a":{"b":1,"\\u0062":2}}', 400, 'malformed-json');
    assert.equal(reply.json.pointer, '/a/b');
    await isRefused('{"a":1,"a":1}', 400, 'malformed-json');
  });

  test('nesting is taken to 100 and not beyond, at any depth', async () => {
    const nested = (depth: number) => `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`;
    assert.equal((await put(nested(100))).status, 201);
    path += '-deeper';
    await isRefused(nested(101), 400, 'malformed-json');
    await isRefused(nested(5_000), 400, 'malformed-json');
    await isRefused('['.repeat(1_000_000), 400, 'malformed-json');
  });

  test('numbers survive or are refused', async () => {
    for (const number of [
      '9007199254740993',
      '12345678901234567890',
      '1e400',
      '-1e400',
      '1e-400',
      '9'.repeat(100_000),
    ]) {
      await isRefused(`{"n":${number}}`, 400, 'unrepresentable-value');
    }
    for (const number of ['01', '+1', '1.', '.5', 'NaN', 'Infinity', '0x1', '1e']) {
      await isRefused(`{"n":${number}}`, 400, 'malformed-json');
    }
    const kept: [string, string][] = [
      ['-0', '0'],
      ['1.0', '1'],
      ['1e20', '100000000000000000000'],
      ['9007199254740992', '9007199254740992'],
      ['0.1', '0.1'],
      ['5e-324', '5e-324'],
    ];
    for (const [number, stored] of kept) {
      assert.ok((await put(`{"n":${number}}`)).status < 300, number);
      assert.equal((await server.send('GET', path)).text, `{"n":${stored}}`);
    }
  });

  test('NUL is data in values and refused in ids', async () => {
    assert.equal((await put('{"a":"x\\u0000y"}')).status, 201);
    assert.deepEqual((await server.send('GET', path)).json, { a: 'x\0y' });
    const reply = await server.send('PUT', '/v1/documents/hostile/a%00b', { body: {} });
    assert.deepEqual([reply.status, reply.json.code], [400, 'invalid-parameter']);
  });

  test('integer-like keys come first, the others as they were sent', async () => {
    await put('{"z":1,"10":2,"a":3,"2":4}');
    assert.equal((await server.send('GET', path)).text, '{"2":4,"10":2,"z":1,"a":3}');
  });

  test('too many keys are refused, and hostile bodies do not hold up others', async () => {
    const keys = Array.from({ length: 10_001 }, (_, index) => `"k${index}":0`).join(',');
    await isRefused(`{${keys}}`, 422, 'document-too-large');
    const long = `{"a":[${'1,'.repeat(400_000)}1]}`;
    const started = performance.now();
    await Promise.all([put(long), server.send('GET', '/livez')]);
    assert.ok(performance.now() - started < 3_000);
  });

  test('the top level is an object', async () => {
    for (const body of ['[]', '"a"', '1', 'null', 'true']) await isRefused(body, 422, 'not-an-object');
    for (const body of ['', ' ', '{', '{}{}', "{'a':1}", '{"a":1,}']) await isRefused(body, 400, 'malformed-json');
  });
});

describe('prototypes', () => {
  test('__proto__ is refused anywhere; constructor and prototype are data', async () => {
    await isRefused('{"__proto__":{"x":1}}', 422, 'key-not-allowed');
    await isRefused('{"a":[{"\\u005f_proto__":1}]}', 422, 'key-not-allowed');
    assert.equal((await put('{"constructor":{"prototype":{"x":1}},"prototype":1}')).status, 201);
    assert.equal((await server.send('GET', path)).text, '{"constructor":{"prototype":{"x":1}},"prototype":1}');
    const merged = await server.send('PATCH', path, { headers: mergePatch, body: '{"__proto__":{"x":1}}' });
    assert.deepEqual([merged.status, merged.json.code], [422, 'key-not-allowed']);
  });

  test('patches walk own properties only, and never make more than they may', async () => {
    await put('{"list":[1,2],"a":{}}');
    const attacks: [string, number][] = [
      ['[{"op":"add","path":"/__proto__/x","value":1}]', 422],
      ['[{"op":"add","path":"/constructor/prototype/x","value":1}]', 422],
      ['[{"op":"add","path":"/a/toString/x","value":1}]', 422],
      ['[{"op":"add","path":"/list/length","value":4294967295}]', 422],
      ['[{"op":"add","path":"/list/4294967295","value":1}]', 422],
      ['[{"op":"add","path":"/list/01","value":1}]', 422],
      ['[{"op":"copy","from":"/__proto__","path":"/p"}]', 422],
      ['[{"op":"remove","path":"/list/-"}]', 422],
    ];
    for (const [body, status] of attacks) {
      const reply = await server.send('PATCH', path, { headers: jsonPatch, body });
      assert.equal(reply.status, status, body);
    }
    const doubling = Array.from({ length: 30 }, () => ({ op: 'copy', from: '/list', path: '/list/-' }));
    const bomb = await server.send('PATCH', path, { headers: jsonPatch, body: JSON.stringify(doubling) });
    assert.deepEqual([bomb.status, bomb.json.code], [422, 'document-too-large']);
    const many = JSON.stringify(Array.from({ length: 1_001 }, () => ({ op: 'test', path: '/a', value: {} })));
    const toMany = await server.send('PATCH', path, { headers: jsonPatch, body: many });
    assert.deepEqual([toMany.status, toMany.json.code], [400, 'malformed-patch']);
    assert.equal((await server.send('GET', path)).text, '{"list":[1,2],"a":{}}');
  });

  test('query parameters and idempotency keys by such names are names', async () => {
    const reply = await server.send('GET', `${path}?__proto__=1`);
    assert.deepEqual([reply.status, reply.json.parameter], [400, '__proto__']);
    assert.equal((await server.send('GET', `${path}?__proto__[a]=1`)).status, 400);
    const headers = { 'idempotency-key': '__proto__' };
    const first = await server.send('PUT', path, { body: {}, headers });
    assert.deepEqual([first.status, (await server.send('PUT', path, { body: {}, headers })).json], [201, first.json]);
  });
});

describe('ids and collections', () => {
  test('ids are opaque: traversal, control characters and any script are names of documents', async () => {
    for (const id of [
      'a/../b',
      '..',
      '.',
      '%',
      'a\nb',
      '\u001b[31m',
      '🦀',
      "'; DROP TABLE documents; --",
      '<script>',
      'a b?c#d',
    ]) {
      const target = `/v1/documents/ids/${encodeURIComponent(id)}`.replace(
        /\/(\.+)$/,
        (_, dots: string) => `/${dots.replaceAll('.', '%2E')}`,
      );
      const written = await server.raw(
        `PUT ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}`,
      );
      assert.match(written, /^HTTP\/1\.1 201 /, id);
      assert.equal(server.database.row('ids', id)?.revision, 1, id);
    }
    const [first] = (await server.send('GET', '/v1/documents/ids?limit=1')).json.items;
    assert.equal(typeof first.id, 'string');
  });

  test('an id has up to 512 bytes, a collection 64 plain characters', async () => {
    assert.equal((await server.send('PUT', `/v1/documents/ids/${'x'.repeat(512)}`, { body: {} })).status, 201);
    assert.equal((await server.send('PUT', `/v1/documents/ids/${'x'.repeat(513)}`, { body: {} })).status, 400);
    const greek = encodeURIComponent('ζ'.repeat(257));
    assert.equal((await server.send('PUT', `/v1/documents/ids/${greek}`, { body: {} })).status, 400);
    for (const name of ['a%2fb', 'a%20b', 'x'.repeat(65), '%2e%2e', '%c3%a9', 'a%00']) {
      const reply = await server.raw(
        `PUT /v1/documents/${name}/x HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}`,
      );
      assert.match(reply, /^HTTP\/1\.1 400 [\s\S]*invalid-parameter/, name);
    }
  });
});

test('whatever is refused is refused without a path, a stack or an internal name', async () => {
  const leaks = /\/work\/|node_modules|\.ts\b|\.js\b|\n\s+at |Error:|sqlite/i;
  const requests: [string, string, Record<string, string>, string][] = [
    ['PUT', '/v1/documents/c/%E0%A4%A', json, '{}'],
    ['GET', '/v1/documents/c/%', {}, ''],
    ['GET', '/v1/documents/c/a?limit=%E0%A4%A', {}, ''],
    ['GET', '/nothing/%ff', {}, ''],
    ['PUT', path, json, '{"a":'],
    ['POST', '/v1/transactions', json, '{"operations":{}}'],
    ['PATCH', path, jsonPatch, '[{"op":"add"}]'],
    ['GET', `${path}?revision=x`, {}, ''],
    ['GET', '/v1/snapshots/..%2f..%2fetc%2fpasswd.tar', {}, ''],
    ['GET', '/v1/databases/other/documents/c/a', {}, ''],
    ['BREW', '/v1/documents/c/a', {}, ''],
  ];
  for (const [method, target, headers, body] of requests.filter(([method]) => method !== 'BREW')) {
    const reply = await server.send(method, target, { headers, ...(body === '' ? {} : { body }) });
    assert.ok(reply.status >= 400 && reply.status < 500, `${method} ${target} ${reply.status}`);
    assert.equal(reply.headers['content-type'], 'application/problem+json', target);
    assert.doesNotMatch(reply.text, leaks);
    assert.deepEqual(Object.keys(reply.json).slice(0, 6), ['type', 'title', 'status', 'detail', 'code', 'instance']);
    assert.equal(reply.json.status, reply.status);
    assert.ok(
      server.reports.some(({ facts }) => facts.errorId === reply.json.instance),
      'the error id is in the log',
    );
  }
});

test('a defect is a plain 500 with an error id, and its stack is in the log alone', async () => {
  server.database.writeFault = () => {
    throw new TypeError('cannot read /work/secret/file.ts');
  };
  const reply = await put('{}');
  server.database.writeFault = () => undefined;
  assert.deepEqual([reply.status, reply.json.code], [500, 'internal']);
  assert.doesNotMatch(reply.text, /secret|TypeError/);
  const report = server.reports.find(({ facts }) => facts.errorId === reply.json.instance);
  assert.equal(report?.level, 'error');
  assert.match(String(report?.facts.error), /secret/);
});
