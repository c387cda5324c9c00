import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../../src/base/network.ts';
import { NetworkError } from '../../src/base/network.ts';
import { silentObserver } from '../../src/base/observer.ts';
import { TcpNetwork } from '../../src/system/tcp-network.ts';
import type { TcpSecurity } from '../../src/system/tcp-security.ts';
import { authorityOf } from '../support/certificates.ts';
import { freePort } from '../support/server-process.ts';

const plain: TcpSecurity = { kind: 'plain', isExposed: false };
const networks: TcpNetwork[] = [];
const sockets: Socket[] = [];
const connections: Connection[] = [];
afterEach(() => {
  for (const network of networks.splice(0)) network.stopListening();
  for (const connection of connections.splice(0)) connection.close();
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** One end with what it was told. */
class End {
  readonly connection: Connection;
  readonly told: string[] = [];
  bytes = Buffer.alloc(0);

  constructor(connection: Connection) {
    this.connection = connection;
    connections.push(connection);
    connection.receive({
      onData: (bytes) => {
        this.bytes = Buffer.concat([this.bytes, bytes]);
      },
      onDrain: () => this.told.push('drain'),
      onClose: (reason) => this.told.push(reason),
    });
  }

  get text(): string {
    return this.bytes.toString();
  }
}

async function listener(security: TcpSecurity, options: { readonly reports?: unknown[] } = {}) {
  const port = await freePort();
  const ends: End[] = [];
  const observer = {
    ...silentObserver,
    report: (_level: string, event: string, facts: Readonly<Record<string, unknown>> = {}) => {
      options.reports?.push(`${event}: ${facts.reason}`);
    },
  };
  const network = new TcpNetwork({ host: '127.0.0.1', port, security, observer });
  networks.push(network);
  await network.listen((connection) => ends.push(new End(connection)));
  return { address: `127.0.0.1:${port}`, port, ends, network };
}

function dialer(security: TcpSecurity, connectTimeoutMs = 3_000): TcpNetwork {
  return new TcpNetwork({ host: '127.0.0.1', port: 0, security, observer: silentObserver, connectTimeoutMs });
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let turn = 0; turn < 1_000; turn++) {
    if (condition()) return;
    await sleep(5);
  }
  assert.fail(`it did not happen in time that ${what}`);
}

const authority = authorityOf();
function certificates(names: readonly string[], from = authority, trusts = authority, days = 1): TcpSecurity {
  return { kind: 'certificates', ...from.issue(names, { days }), authority: trusts.certificate };
}

for (const [name, here, there] of [
  ['plain', plain, plain],
  ['certificates', certificates(['gaios']), certificates(['lakka'])],
  ['a shared secret', secret('open sesame, says one'), secret('open sesame, says one')],
] as const) {
  test(`${name}: bytes arrive in order both ways, and each end hears once how the other one left`, async () => {
    const { address, ends } = await listener(here);
    const near = new End(await dialer(there).connect(address));
    near.connection.send(Buffer.from('one '));
    near.connection.send(Buffer.from('two'));
    await until(() => ends[0]?.text === 'one two', 'both arrive');
    ends[0]?.connection.send(Buffer.alloc(3_000_000, 7));
    await until(() => near.bytes.length === 3_000_000, 'a large one arrives');
    near.connection.send(Buffer.from('!'));
    near.connection.close();
    near.connection.close();
    await until(() => ends[0]?.told.includes('ended') === true, 'the end is told');
    assert.equal(ends[0]?.text, 'one two!', 'what was taken before the close is sent');
    assert.equal(ends[0]?.connection.send(Buffer.from('x')), false);
    await sleep(20);
    assert.deepEqual([ends[0]?.told, near.told], [['ended'], []], 'whoever closes is told nothing');
  });
}

function secret(text: string): TcpSecurity {
  return { kind: 'secret', secret: Buffer.from(text) };
}

test('a reader that takes nothing costs the bound and no more; there is room again when it reads', async () => {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.on('connection', (socket) => sockets.push(socket));
  const { port } = server.address() as { port: number };
  const near = new End(await dialer(plain).connect(`127.0.0.1:${port}`));
  const chunk = Buffer.alloc(64 * 1024);
  let taken = 0;
  for (let turn = 0; turn < 20_000 && near.connection.send(chunk); turn++) {
    taken += chunk.length;
    if (turn % 10 === 0) await sleep(0);
  }
  assert(near.connection.bufferedBytes <= near.connection.bufferBytesMax, `${near.connection.bufferedBytes} wait`);
  assert.equal(near.connection.send(chunk), false);
  let read = 0;
  sockets[0]?.on('data', (bytes) => {
    read += bytes.length;
  });
  sockets[0]?.resume();
  await until(() => near.told.includes('drain'), 'it is told of room');
  assert.equal(near.connection.send(chunk), true);
  await until(() => read === taken + chunk.length, 'all that was taken arrives');
  assert.deepEqual(near.told, ['drain']);
  server.close();
});

test('a connection that breaks is told as reset, also where it breaks before anybody listens', async () => {
  const { address, ends, port } = await listener(plain);
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  await until(() => ends.length === 1, 'it is taken');
  socket.resetAndDestroy();
  await until(() => ends[0]?.told[0] === 'reset', 'it is told');
  const connection = await dialer(plain).connect(address);
  await until(() => ends.length === 2, 'it is taken');
  ends[1]?.connection.close();
  await sleep(50);
  const late = new End(connection);
  await until(() => late.told.length === 1, 'it is told late');
});

test('who does not answer is refused or unreachable, within the time set', async () => {
  const free = await freePort();
  await assert.rejects(dialer(plain).connect(`127.0.0.1:${free}`), kindIs('refused'));
  await assert.rejects(dialer(plain).connect('no.such.host.invalid:1'), kindIs('untrusted'));
  await assert.rejects(
    dialer({ kind: 'plain', isExposed: true }, 2_000).connect('no.such.host.invalid:1'),
    kindIs('unreachable'),
  );
  await assert.rejects(dialer(plain).connect('nonsense'), kindIs('unreachable'));
  const mute = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const { port } = mute.address() as { port: number };
  const began = performance.now();
  await assert.rejects(dialer(certificates(['lakka']), 200).connect(`127.0.0.1:${port}`), kindIs('unreachable'));
  assert(performance.now() - began < 1_500);
  mute.close();
});

test('an address that is taken is told, and one that was let go of is free at once', async () => {
  const { port, network } = await listener(plain);
  const second = new TcpNetwork({ host: '127.0.0.1', port, security: plain, observer: silentObserver });
  networks.push(second);
  await assert.rejects(
    second.listen(() => undefined),
    kindIs('in-use'),
  );
  network.stopListening();
  await second.listen(() => undefined);
});

test('without TLS nobody is dialled beyond this machine, unless that was asked for', async () => {
  await assert.rejects(dialer(plain).connect('192.0.2.1:7000'), kindIs('untrusted'));
  const exposed = dialer({ kind: 'plain', isExposed: true }, 100).connect('192.0.2.1:7000');
  await assert.rejects(exposed, (error: NetworkError) => error.kind !== 'untrusted');
});

test('a certificate proves the names that it has, and no others', async () => {
  const { address, ends } = await listener(certificates(['gaios']));
  const near = new End(await dialer(certificates(['lakka', 'paxi'])).connect(address));
  near.connection.send(Buffer.from('hello'));
  await until(() => ends[0]?.text === 'hello', 'it arrives');
  const proved = (end: End | undefined, names: readonly string[]) =>
    names.map((name) => end?.connection.hasProved?.(name));
  assert.deepEqual(proved(ends[0], ['lakka', 'paxi', 'gaios', 'lakk', 'replica']), [true, true, false, false, false]);
  assert.deepEqual(proved(near, ['gaios', 'lakka']), [true, false]);
});

const strangers: readonly (readonly [string, TcpSecurity, TcpSecurity])[] = [
  ['no TLS', certificates(['gaios']), plain],
  ['another authority of the same name', certificates(['gaios']), certificates(['lakka'], authorityOf(), authority)],
  ['an authority that it does not know', certificates(['gaios']), certificates(['lakka'], authority, authorityOf())],
  ['a certificate that has run out', certificates(['gaios']), certificates(['lakka'], authority, authority, -1)],
  ['a secret instead of a certificate', certificates(['gaios']), secret('open sesame, says one')],
  ['another secret', secret('open sesame, says one'), secret('open sesame, says two')],
  ['a certificate instead of the secret', secret('open sesame, says one'), certificates(['lakka'])],
];
for (const [name, here, there] of strangers) {
  test(`${name}: nothing of what is sent is heard, and it is told why`, async () => {
    const reports: unknown[] = [];
    const { address, ends } = await listener(here, { reports });
    try {
      const near = new End(await dialer(there, 500).connect(address));
      near.connection.send(Buffer.from('hello'));
      await until(() => near.told.length > 0, 'it is cut');
    } catch (error) {
      assert(error instanceof NetworkError, String(error));
    }
    assert.equal(ends.length, 0, 'nobody was let in');
    await until(() => reports.length > 0, 'it is told');
    assert.match(String(reports[0]), /^handshake-failed: ./);
  });
}

test('those who dawdle over the handshake do not keep others out', async () => {
  const { port, ends, address } = await listener(certificates(['gaios']));
  for (let count = 0; count < 100; count++) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    sockets.push(socket);
  }
  await sleep(50);
  const near = new End(await dialer(certificates(['lakka'])).connect(address));
  near.connection.send(Buffer.from('hello'));
  await until(() => ends[0]?.text === 'hello', 'it is heard');
  await until(() => sockets.filter(({ closed }) => closed).length >= 68, 'the oldest are cut');
});

function kindIs(kind: NetworkError['kind']) {
  return (error: unknown) => {
    assert(error instanceof NetworkError, String(error));
    assert.equal(error.kind, kind, error.message);
    return true;
  };
}
