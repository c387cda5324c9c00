import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { silentObserver } from '../../src/base/observer.ts';
import { OpenConnections } from '../../src/http/open-connections.ts';
import { systemClock } from '../../src/system/clock.ts';
import { RestServer } from './rest-server.ts';

const slowReaderMs = 500;
const large = 'x'.repeat(900_000);

/** An answer of about 8 MiB is there to be read. */
async function serverWithMuch(limitMs = slowReaderMs): Promise<RestServer> {
  const server = await RestServer.start({ slowReaderMs: limitMs });
  for (let n = 0; n < 9; n++) {
    assert.equal((await server.send('PUT', `/v1/documents/much/d${n}`, { body: { large } })).status, 201);
  }
  return server;
}

function asking(server: RestServer): Socket {
  const socket = connect(server.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.pause();
  socket.write('GET /v1/events?limit=100 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
  return socket;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 10_000; !(await holds()); ) {
    assert.ok(performance.now() < end, what);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('who never reads a plain answer is cut off, and what it held is free', async () => {
  const server = await serverWithMuch();
  const socket = asking(server);
  try {
    await until('the answer waits', async () => (await server.connectionCount()) === 1);
    await until('it is cut off', async () => (await server.connectionCount()) === 0);
    assert.equal(server.counters.get('http_slow_readers_total'), 1);
  } finally {
    socket.destroy();
    await server.stop();
  }
});

test('who reads slowly gets all of it, and is still served on the same connection after a pause', async () => {
  const server = await serverWithMuch();
  const socket = connect(server.port, '127.0.0.1');
  try {
    socket.write('GET /v1/events?limit=100 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      socket.pause();
      setTimeout(() => socket.resume(), text.length < 2_000_000 ? 25 : 0);
    });
    const startedAt = performance.now();
    await until('all of it is there', async () => {
      const length = /Content-Length: (\d+)/i.exec(text.slice(0, 2_000))?.[1];
      const head = text.indexOf('\r\n\r\n') + 4;
      return length !== undefined && text.length === head + Number(length);
    });
    assert.ok(performance.now() - startedAt > 2 * slowReaderMs, 'longer than the limit');
    await new Promise((resolve) => setTimeout(resolve, 3 * slowReaderMs));
    text = '';
    socket.write('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
    await once(socket, 'close');
    assert.match(text, /^HTTP\/1\.1 200 /);
    assert.equal(server.counters.get('http_slow_readers_total'), undefined);
  } finally {
    socket.destroy();
    await server.stop();
  }
});

test('who has read slowly may wait as long as it asked for with the next request', async () => {
  const limitMs = 1_500;
  const server = await serverWithMuch(limitMs);
  const socket = connect(server.port, '127.0.0.1');
  try {
    const poll = `GET /v1/events?after=${server.database.state.position}&wait=4s HTTP/1.1\r\nHost: 127.0.0.1\r\n`;
    socket.write(`GET /v1/events?limit=100 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n${poll}Connection: close\r\n\r\n`);
    let text = '';
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    socket.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString('latin1')).slice(-2_000);
    });
    await once(socket, 'close');
    assert.match(text, /HTTP\/1\.1 200 [\s\S]*"items":\[\]/, 'the long poll was answered');
  } finally {
    socket.destroy();
    await server.stop();
  }
});

class FakeSocket extends EventEmitter {
  readonly remoteAddress: string;
  readonly writableLength = 0;
  isDestroyed = false;
  constructor(remoteAddress: string) {
    super();
    this.remoteAddress = remoteAddress;
  }
  destroy(): void {
    this.isDestroyed = true;
    this.emit('close');
  }
}

function connectionsWith(perAddressMax: number) {
  const open = new OpenConnections({ clock: systemClock, observer: silentObserver, perAddressMax, slowReaderMs });
  const connected = (address: string): FakeSocket => {
    const socket = new FakeSocket(address);
    open.connected(socket as unknown as Socket);
    return socket;
  };
  return { open, connected };
}

test('an address has so many connections at once and no more; others, and loopback, are not held back by it', () => {
  const { open, connected } = connectionsWith(2);
  const first = connected('10.0.0.1');
  connected('::ffff:10.0.0.1');
  assert.ok(connected('10.0.0.1').isDestroyed);
  assert.ok(!connected('10.0.0.2').isDestroyed);
  first.destroy();
  assert.ok(!connected('10.0.0.1').isDestroyed, 'its place is free again');
  for (const address of ['2001:db8::1', '2001:db8:0:0:a:b:c:d']) assert.ok(!connected(address).isDestroyed);
  assert.ok(connected('2001:db8:0:0::7').isDestroyed, 'all of a /64 is one');
  assert.ok(!connected('2001:db8:0:1::7').isDestroyed);
  for (const address of ['127.0.0.1', '127.0.0.1', '::1', '::ffff:127.0.0.1']) {
    assert.ok(!connected(address).isDestroyed);
  }
  open.close();
});

test('at 0 an address may have any number', () => {
  const { open, connected } = connectionsWith(0);
  for (let n = 0; n < 100; n++) assert.ok(!connected('10.0.0.1').isDestroyed);
  open.close();
});
