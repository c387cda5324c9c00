import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { RestServer } from './rest-server.ts';

/** RELIABILITY 4.5 as raw bytes on sockets. */

let server: RestServer;

before(async () => {
  server = await RestServer.start(
    {},
    { headersTimeoutMs: 1_000, requestTimeoutMs: 1_500, silentMs: 1_500, silentMax: 50 },
  );
});
after(() => server.stop());

const host = 'Host: 127.0.0.1\r\n';
const close = `${host}Connection: close\r\n`;

describe('what is not HTTP', () => {
  const cases: [string, string, RegExp][] = [
    ['is 400', 'what is this\r\n\r\n', /^HTTP\/1\.1 400 [\s\S]*"code":"malformed-request"/],
    [
      'two lengths are 400',
      `PUT /v1/documents/c/a HTTP/1.1\r\n${host}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
      /^HTTP\/1\.1 400 /,
    ],
    [
      'chunked with a length is 400',
      `PUT /v1/documents/c/a HTTP/1.1\r\n${host}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      /^HTTP\/1\.1 400 /,
    ],
    ['a header line without a colon is 400', `GET /livez HTTP/1.1\r\n${host}nonsense\r\n\r\n`, /^HTTP\/1\.1 400 /],
    ['no Host is 400', 'GET /livez HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 [\s\S]*problem\+json[\s\S]*Host/],
    ['two Hosts are 400', `GET /livez HTTP/1.1\r\n${host}hOst: a\r\n\r\n`, /^HTTP\/1\.1 400 [\s\S]*problem\+json/],
    [
      'two types of one body are 400',
      `PUT /v1/documents/c/a HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}`,
      /^HTTP\/1\.1 400 [\s\S]*problem\+json/,
    ],
    [
      'two idempotency keys are 400',
      `PUT /v1/documents/c/a HTTP/1.1\r\n${close}Idempotency-Key: a\r\nIdempotency-Key: b\r\nContent-Length: 2\r\n\r\n{}`,
      /^HTTP\/1\.1 400 [\s\S]*more than once/,
    ],
    [
      'more than 8 KiB of headers are 431',
      `GET /livez HTTP/1.1\r\n${host}X: ${'x'.repeat(8_200)}\r\n\r\n`,
      /^HTTP\/1\.1 431 [\s\S]*problem\+json/,
    ],
    [
      'an unknown expectation is 417',
      `GET /livez HTTP/1.1\r\n${host}Expect: miracles\r\n\r\n`,
      /^HTTP\/1\.1 417 [\s\S]*problem\+json/,
    ],
  ];
  for (const [name, bytes, expected] of cases) {
    test(name, async () => {
      const text = await server.raw(bytes);
      assert.match(text, expected);
      assert.doesNotMatch(text, /\/work\/|\n\s+at /);
    });
  }

  test('an upgrade that is not offered is answered as plain HTTP', async () => {
    const text = await server.raw(
      `GET /livez HTTP/1.1\r\n${host}Connection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n`,
      2_000,
      /ok\n/,
    );
    assert.match(text, /^HTTP\/1\.1 200 /);
  });
});

describe('slow and silent connections', () => {
  test('headers that trickle are ended with 408', async () => {
    const socket = connect(server.port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    socket.on('error', () => {});
    socket.write(`GET /livez HTTP/1.1\r\n`);
    const timer = setInterval(() => socket.write('x: y\r\n'), 100);
    await once(socket, 'close');
    clearInterval(timer);
    assert.match(text, /^HTTP\/1\.1 408 [\s\S]*"code":"malformed-request"/);
  });

  test('a body that trickles is ended, and nothing is written', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    socket.write(`PUT /v1/documents/slow/a HTTP/1.1\r\n${host}Content-Length: 1000\r\n\r\n{`);
    const timer = setInterval(() => socket.write(' '), 100);
    await once(socket, 'close');
    clearInterval(timer);
    assert.equal(server.database.row('slow', 'a'), undefined);
  });

  test('a client that hangs up in its body is forgotten', async () => {
    const { length } = server.reports;
    const socket = connect(server.port, '127.0.0.1');
    socket.write(`PUT /v1/documents/slow/b HTTP/1.1\r\n${host}Content-Length: 1000\r\n\r\n{`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(server.database.row('slow', 'b'), undefined);
    assert.deepEqual(
      server.reports.slice(length).filter(({ level }) => level === 'error'),
      [],
    );
  });

  test('a connection that says nothing is closed; one that spoke and waits is kept', async () => {
    const silent = connect(server.port, '127.0.0.1');
    const spoken = connect(server.port, '127.0.0.1');
    spoken.write(`GET /livez HTTP/1.1\r\n${host}\r\n`);
    await once(spoken, 'data');
    silent.resume();
    const started = performance.now();
    await once(silent, 'close');
    assert.ok(performance.now() - started >= 1_000);
    spoken.write(`GET /livez HTTP/1.1\r\n${host}\r\n`);
    assert.match(String((await once(spoken, 'data'))[0]), /^HTTP\/1\.1 200 /);
    spoken.destroy();
  });

  test('thousands of silent connections leave room: the oldest go, and probes are answered meanwhile', async () => {
    const silentCount = 4_000;
    const sockets: Socket[] = [];
    let closed = 0;
    for (let n = 0; n < silentCount; n++) {
      const socket = connect(server.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.on('close', () => closed++);
      socket.resume();
      sockets.push(socket);
      if (n % 500 === 0) assert.equal((await server.send('GET', '/livez')).status, 200);
    }
    assert.equal((await server.send('GET', '/livez')).status, 200);
    const writing = await server.send('PUT', '/v1/documents/silent/a', { body: {} });
    assert.equal(writing.status, 201);
    while (closed < silentCount - 50) await new Promise((resolve) => setTimeout(resolve, 20));
    for (const socket of sockets) socket.destroy();
  });

  test('7 KiB of headers are taken', async () => {
    const text = await server.raw(`GET /livez HTTP/1.1\r\n${close}X: ${'x'.repeat(7_000)}\r\n\r\n`);
    assert.match(text, /^HTTP\/1\.1 200 /);
  });
});

describe('the Host', () => {
  test('is an address or a configured name, or the request is misdirected', async () => {
    for (const name of ['127.0.0.1', '127.0.0.1:8080', '[::1]:8080', 'localhost', 'LOCALHOST:1']) {
      const text = await server.raw(`GET /livez HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`);
      assert.match(text, /^HTTP\/1\.1 200 /, name);
    }
    for (const name of [
      'evil.example',
      'evil.example:8080',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '[evil]',
    ]) {
      const text = await server.raw(`GET /v1/documents/c/a HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`);
      assert.match(text, /^HTTP\/1\.1 421 [\s\S]*"code":"wrong-cluster"/, name);
    }
  });

  test('of a target in absolute form is its authority', async () => {
    const get = (target: string, name: string) =>
      server.raw(`GET ${target} HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`);
    assert.match(await get('http://localhost:1/livez', 'evil.example'), /^HTTP\/1\.1 200 /);
    assert.match(await get('http://localhost/v1/events?limit=1', '127.0.0.1'), /^HTTP\/1\.1 200 /);
    assert.match(await get('http://evil.example/livez', '127.0.0.1'), /^HTTP\/1\.1 421 /);
    assert.match(await get('http://127.0.0.1@evil.example/livez', '127.0.0.1'), /^HTTP\/1\.1 421 /);
    const old = await server.raw('GET /livez HTTP/1.0\r\n\r\n');
    assert.match(old, /^HTTP\/1\.1 200 /);
  });

  test('may be any name where that is configured', async () => {
    const open = await RestServer.start({ checkHost: false });
    const named = await RestServer.start({ hosts: ['loggos.example'] });
    try {
      assert.match(
        await open.raw('GET /livez HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n'),
        /^HTTP\/1\.1 200 /,
      );
      const request = 'GET /livez HTTP/1.1\r\nHost: loggos.example:1\r\nConnection: close\r\n\r\n';
      assert.match(await named.raw(request), /^HTTP\/1\.1 200 /);
    } finally {
      await open.stop();
      await named.stop();
    }
  });
});

test('routes are exact: no trailing slash, no other case, no other version', async () => {
  for (const path of [
    '/v1',
    '/v1/',
    '/V1/cluster',
    '/v1/cluster/',
    '/v2/cluster',
    '/v1/documents/c/a/',
    '/favicon.ico',
    '/v1/documents',
  ]) {
    const reply = await server.send('GET', path);
    assert.deepEqual([reply.status, reply.json.code], [404, 'no-such-route'], path);
  }
  const root = await server.send('GET', '/');
  assert.deepEqual([root.status, root.json.description, root.json.ready], [200, '/openapi.json', '/readyz']);
  assert.equal((await server.send('GET', '/v1/databases/main/cluster')).status, 200);
  const other = await server.send('GET', '/v1/databases/other/cluster');
  assert.deepEqual([other.status, other.json.code], [404, 'not-found']);
});

test('many requests on one connection, pipelined too, are answered in order', async () => {
  const puts = Array.from({ length: 20 }, (_, n) => {
    const body = `{"n":${n}}`;
    return `PUT /v1/documents/pipe/a HTTP/1.1\r\n${n === 19 ? close : host}Content-Length: ${body.length}\r\n\r\n${body}`;
  });
  const text = await server.raw(puts.join(''));
  const revisions = [...text.matchAll(/"revision":(\d+)/g)].map(([, revision]) => Number(revision));
  assert.deepEqual(
    revisions,
    Array.from({ length: 20 }, (_, index) => index + 1),
  );
});

test('an abandoned request does not keep the next one on another connection waiting', async () => {
  const text = await server.raw(
    `GET /v1/events?after=${server.database.state.position}&wait=60s HTTP/1.1\r\n${close}\r\n`,
    100,
  );
  assert.equal(text, '');
  assert.equal((await server.send('GET', '/livez')).status, 200);
  const end = performance.now() + 2_000;
  while (server.app.openStreams > 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(server.app.openStreams, 0);
});
