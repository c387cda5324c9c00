import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentObserver } from '../../src/base/observer.ts';
import { ballotZero } from '../../src/paxos/ballot.ts';
import type { PaxosMessage } from '../../src/paxos/messages.ts';
import type { Peer } from '../../src/paxos/peer.ts';
import { systemClock } from '../../src/system/clock.ts';
import { systemHashes } from '../../src/system/hashes.ts';
import { systemRandom } from '../../src/system/random.ts';
import { TcpNetwork } from '../../src/system/tcp-network.ts';
import type { TcpSecurity } from '../../src/system/tcp-security.ts';
import { sealFrame, sealOf } from '../../src/transport/frame.ts';
import { encodeHello, helloBytesMax } from '../../src/transport/hello.ts';
import { Links, type LinksOptions } from '../../src/transport/links.ts';
import { encodeMessage } from '../../src/transport/message-codec.ts';
import { authorityOf } from '../support/certificates.ts';
import { freePort } from '../support/server-process.ts';

const names = ['nobody', 'gaios', 'lakka', 'loggos'];
const plain: TcpSecurity = { kind: 'plain', isExposed: false };

interface End {
  readonly links: Links;
  readonly address: string;
  readonly port: number;
  readonly received: PaxosMessage[];
  readonly reasons: string[];
  dropped: number;
}

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function begin(replica: number, options: Partial<LinksOptions> & { security?: TcpSecurity; port?: number } = {}) {
  const { security = plain, port = await freePort(), ...rest } = options;
  const received: PaxosMessage[] = [];
  const reasons: string[] = [];
  const end = { address: `127.0.0.1:${port}`, port, received, reasons, dropped: 0 };
  const observer = {
    ...silentObserver,
    count: (counter: string) => {
      if (counter === 'transport_messages_dropped_total') end.dropped++;
    },
    report: (_level: string, event: string, facts: Readonly<Record<string, unknown>> = {}) => {
      if (['connection-refused', 'handshake-failed', 'peer-unreachable'].includes(event)) {
        reasons.push(String(facts.reason));
      }
    },
  };
  const links = new Links({
    ...{ database: 'main', self: peer(replica), observer, messageBytesMax: 1024 * 1024 },
    network: new TcpNetwork({ host: '127.0.0.1', port, security, observer }),
    ...{ clock: systemClock, random: systemRandom, hashes: systemHashes },
    onMessage: (_from, message) => received.push(message),
    ...rest,
  });
  closers.push(() => links.stop());
  await links.start();
  return Object.assign(end, { links });
}

function peer(replica: number, clusterId = 'c'): Peer {
  const incarnation = `00000000000000a${replica}`;
  return { replica, incarnation, session: 's', clusterId, promised: ballotZero, lastInstance: 0, isDoubtful: false };
}

const member = (id: number, { address }: Pick<End, 'address'>) => ({ id, name: names[id] ?? '', address });
const fetchFrom = (firstInstance: number): PaxosMessage => ({ kind: 'fetch', firstInstance });
const instances = ({ received }: End) =>
  received.map((message) => (message.kind === 'fetch' ? message.firstInstance : -1));
const large = (instance: number, bytes: number): PaxosMessage => {
  const ballot = { round: 1, replica: 2, incarnation: '00000000000000a2' };
  return { kind: 'accept', ballot, instance, value: new Uint8Array(bytes) };
};

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end; await sleep(5)) if (condition()) return;
  assert.fail(`it did not happen in time that ${what}`);
}

function sealed(frame: Buffer, seal: number): Buffer {
  sealFrame(frame, systemHashes, seal);
  return frame;
}

/** A visitor that speaks bytes of its own. */
async function visitor({ port }: End): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  closers.push(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

const helloOf = (self: Peer) => sealed(encodeHello({ database: 'main', peer: self }), 0);
const messageOf = (message: PaxosMessage) => sealed(encodeMessage(message), sealOf('s', systemHashes));

test('over real sockets members speak each on the connection that it opened, large messages too', async () => {
  const [one, two] = [await begin(1), await begin(2)];
  for (const end of [one, two]) end.links.know('c', [member(1, one), member(2, two)]);
  for (const instance of [1, 2, 3]) one.links.send(2, fetchFrom(instance));
  two.links.send(1, large(9, 1_000_000));
  await until(() => two.received.length === 3 && one.received.length === 1, 'all arrive');
  assert.deepEqual(instances(two), [1, 2, 3]);
  assert.deepEqual(one.received[0], large(9, 1_000_000));
});

test('a frame that is cut in the middle is nothing; what is sent next comes over a new connection', async () => {
  const [one, two] = [await begin(1), await begin(2)];
  const cutting = await visitor(one);
  const frame = messageOf(fetchFrom(7));
  cutting.write(Buffer.concat([helloOf(peer(2)), messageOf(fetchFrom(6)), frame.subarray(0, frame.length - 1)]));
  await until(() => one.received.length === 1, 'the whole one arrives');
  cutting.destroy();
  two.links.know('c', [member(1, one)]);
  two.links.send(1, fetchFrom(8));
  await until(() => one.received.length === 2, 'the next one arrives');
  assert.deepEqual(instances(one), [6, 8]);
});

const changed = (bytes: Buffer, at: number) => {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};
const bad: readonly (readonly [string, string, () => Buffer])[] = [
  ['no frames', 'not-a-frame', () => Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
  ['a hello that says nothing', 'bad-hello', () => sealed(Buffer.alloc(40), 0)],
  ['a message before the hello', 'bad-hello', () => sealed(encodeMessage(fetchFrom(1)), 0)],
  ['more before the hello than any takes', 'oversize', () => sealed(Buffer.alloc(helloBytesMax + 17), 0)],
  ['a changed byte in the hello', 'bad-checksum', () => changed(helloOf(peer(2)), 30)],
  [
    'a changed byte in a message',
    'bad-checksum',
    () => Buffer.concat([helloOf(peer(2)), changed(messageOf(fetchFrom(1)), 20)]),
  ],
  ['a message larger than allowed', 'oversize', () => Buffer.concat([helloOf(peer(2)), messageOf(large(1, 1 << 21))])],
  [
    'what is no message',
    'bad-message',
    () => {
      const nonsense = sealed(Buffer.alloc(40, 0xff), sealOf('s', systemHashes));
      return Buffer.concat([helloOf(peer(2)), nonsense]);
    },
  ],
  ['another cluster', 'another-cluster', () => helloOf(peer(2, 'other'))],
  ['another database', 'another-database', () => sealed(encodeHello({ database: 'orders', peer: peer(2) }), 0)],
  ['its own number', 'own-identity', () => helloOf(peer(1))],
];
for (const [name, reason, bytes] of bad) {
  test(`${name}: the connection ends, nothing is taken, and it is told why`, async () => {
    const one = await begin(1);
    one.links.know('c', []);
    const socket = await visitor(one);
    socket.resume();
    const closed = once(socket, 'close');
    socket.write(bytes());
    await closed;
    assert.deepEqual([one.reasons, one.received], [[reason], []]);
  });
}

test('a head that promises much makes nobody keep it: it is cut by the head alone', async () => {
  const one = await begin(1);
  const socket = await visitor(one);
  socket.resume();
  const closed = once(socket, 'close');
  const huge = sealed(Buffer.alloc(16), 0);
  huge.writeUInt32BE(0xffff_fff0, 4);
  huge.writeUInt32BE(systemHashes.crc32(huge.subarray(0, 8)), 8);
  socket.write(huge);
  await closed;
  assert.deepEqual(one.reasons, ['oversize']);
});

test('random bytes in any pieces never throw, never are heard, and never keep a member out', async () => {
  const [one, two] = [await begin(1), await begin(2)];
  for (let round = 0; round < 40; round++) {
    const socket = await visitor(one);
    if (round % 2 === 0) socket.write(helloOf(peer(3)));
    socket.write(Buffer.from(systemRandom.bytes(1 + ((round * 37) % 900))));
  }
  two.links.know('c', [member(1, one)]);
  two.links.send(1, fetchFrom(8));
  await until(() => one.received.length === 1, 'the member is heard');
  assert.deepEqual(instances(one), [8]);
});

test('a reader that takes nothing costs the queue and no more, and is cut; others are not held up', async () => {
  const mute = createServer({ pauseOnConnect: true }, (socket) => closers.push(() => socket.destroy()));
  const port = await listening(mute);
  const [one, two] = [await begin(1, { queueBytesMax: 4_000_000 }), await begin(2)];
  one.links.know('c', [member(2, two), { id: 3, name: 'loggos', address: `127.0.0.1:${port}` }]);
  for (let instance = 1; instance <= 300; instance++) {
    one.links.send(3, large(instance, 500_000));
    if (instance % 10 === 0) await sleep(1);
  }
  // Of 300: what the queue takes (8), what this process gives the kernel (2), and what the kernel keeps of a connection.
  assert(one.dropped >= 250, `${one.dropped} were dropped`);
  one.links.send(2, fetchFrom(1));
  await until(() => two.received.length === 1, 'another one is reached');
  await until(() => one.reasons.some((reason) => reason === 'stalled' || reason === 'no-hello'), 'it is cut');
});

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return (server.address() as { port: number }).port;
}

test('one that restarts is reached again at the same address', async () => {
  const [one, two] = [await begin(1), await begin(2)];
  one.links.know('c', [member(2, two)]);
  one.links.send(2, fetchFrom(1));
  await until(() => two.received.length === 1, 'it is reached');
  two.links.stop();
  await until(() => one.reasons.some((reason) => reason.includes('ECONNREFUSED')), 'it is missed');
  const again = await begin(2, { port: two.port });
  await until(() => {
    one.links.send(2, fetchFrom(2));
    return again.received.length > 0;
  }, 'it is reached again');
});

const authority = authorityOf();
const certified = (name: string): TcpSecurity => {
  return { kind: 'certificates', ...authority.issue([name]), authority: authority.certificate };
};

test('with certificates a replica speaks for the number of its own name alone', async () => {
  const one = await begin(1, { security: certified('gaios') });
  const two = await begin(2, { security: certified('lakka') });
  const impostor = await begin(2, { security: certified('loggos') });
  const members = [member(1, one), member(2, two), { id: 3, name: 'loggos', address: '' }];
  for (const { links } of [one, two, impostor]) links.know('c', members);
  two.links.send(1, fetchFrom(1));
  one.links.send(2, fetchFrom(2));
  await until(() => one.received.length === 1 && two.received.length === 1, 'members hear each other');
  impostor.links.send(1, fetchFrom(3));
  await until(() => one.reasons.includes('another-name'), 'the impostor is refused');
  one.links.know(
    'c',
    [members[0], { ...member(2, impostor) }, members[2]].filter((known) => known !== undefined),
  );
  await until(
    () => one.reasons.filter((reason) => reason === 'another-name').length > 1,
    'it is refused where it is dialled',
  );
  assert.deepEqual(instances(one), [1]);
  assert.equal(impostor.received.length, 0);
});

test('with a shared secret only those that have it are heard', async () => {
  const secret = (text: string): TcpSecurity => ({ kind: 'secret', secret: Buffer.from(text) });
  const one = await begin(1, { security: secret('open sesame, says one') });
  const two = await begin(2, { security: secret('open sesame, says one') });
  const wrong = await begin(3, { security: secret('open sesame, says two') });
  for (const end of [two, wrong]) end.links.know('c', [member(1, one)]);
  two.links.send(1, fetchFrom(1));
  await until(() => one.received.length === 1, 'it is heard');
  await until(() => wrong.reasons.length > 0 && one.reasons.length > 0, 'both are told');
  wrong.links.send(1, fetchFrom(2));
  await sleep(100);
  assert.deepEqual(instances(one), [1]);
});
