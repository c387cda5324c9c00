import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentObserver } from '../../src/base/observer.ts';
import { ballotZero } from '../../src/paxos/ballot.ts';
import type { PaxosMessage } from '../../src/paxos/messages.ts';
import type { Peer } from '../../src/paxos/peer.ts';
import { systemClock } from '../../src/system/clock.ts';
import { systemHashes } from '../../src/system/hashes.ts';
import { systemRandom } from '../../src/system/random.ts';
import { sealFrame, sealOf } from '../../src/transport/frame.ts';
import { encodeHello } from '../../src/transport/hello.ts';
import { Links, type LinksOptions } from '../../src/transport/links.ts';
import { encodeMessage } from '../../src/transport/message-codec.ts';
import { ManualClock } from '../replica/manual-clock.ts';
import { MemoryNetworks } from './memory-network.ts';

interface End {
  readonly links: Links;
  readonly received: { readonly from: Peer; readonly message: PaxosMessage }[];
  readonly counts: Record<string, number>;
  readonly reasons: unknown[];
}

const started: Links[] = [];
afterEach(() => {
  for (const links of started.splice(0)) links.stop();
});

async function begin(networks: MemoryNetworks, replica: number, options: Partial<LinksOptions> = {}): Promise<End> {
  const received: End['received'] = [];
  const counts: Record<string, number> = {};
  const reasons: unknown[] = [];
  const links = new Links({
    database: 'main',
    self: peer(replica),
    network: networks.at(`r${replica}`),
    clock: systemClock,
    random: systemRandom,
    hashes: systemHashes,
    observer: {
      ...silentObserver,
      count: (name, amount = 1) => {
        counts[name] = (counts[name] ?? 0) + amount;
      },
      report: (_level, event, facts) => {
        if (event === 'connection-refused') reasons.push(facts?.reason);
      },
    },
    messageBytesMax: 1024 * 1024,
    onMessage: (from, message) => received.push({ from, message }),
    ...options,
  });
  started.push(links);
  await links.start();
  return { links, received, counts, reasons };
}

function peer(replica: number, clusterId = 'c'): Peer {
  const incarnation = `00000000000000a${replica}`;
  return { replica, incarnation, session: 's', clusterId, promised: ballotZero, lastInstance: 0, isDoubtful: false };
}

const members = (...ids: number[]) => ids.map((id) => ({ id, name: `r${id}`, address: `r${id}` }));
const fetchFrom = (firstInstance: number): PaxosMessage => ({ kind: 'fetch', firstInstance });
const instances = ({ received }: End) =>
  received.map(({ message }) => (message.kind === 'fetch' ? message.firstInstance : -1));

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 400; turn++) {
    if (condition()) return;
    await sleep(5);
  }
  assert.fail('it did not happen in time');
}

test('members speak each on the connection that it opened; what is sent while it opens arrives, in order', async () => {
  const networks = new MemoryNetworks();
  networks.chunkBytes = 7;
  const [one, two] = [await begin(networks, 1), await begin(networks, 2)];
  one.links.know('c', members(1, 2));
  two.links.know('c', members(1, 2));
  for (const instance of [1, 2, 3]) one.links.send(2, fetchFrom(instance));
  two.links.send(1, fetchFrom(9));
  await until(() => two.received.length === 3 && one.received.length === 1);
  assert.deepEqual(instances(two), [1, 2, 3]);
  assert.deepEqual(two.received[0]?.from, peer(1));
  const [near] = networks.connections;
  assert.equal(near?.sentCount, 1, 'the hello and the messages of one turn share a write');
});

test('whoever has no known address is answered on the connection on which it spoke', async () => {
  const networks = new MemoryNetworks();
  const [member, stranger] = [await begin(networks, 1), await begin(networks, 7)];
  stranger.links.know(undefined, members(1));
  stranger.links.send(1, fetchFrom(1));
  await until(() => member.received.length === 1);
  member.links.send(7, fetchFrom(2));
  await until(() => stranger.received.length === 1);
  assert.deepEqual(instances(stranger), [2]);
  member.links.send(8, fetchFrom(3));
  assert.equal(member.counts.transport_messages_dropped_total, 1, 'nobody knows where 8 is');
});

test('a connection that breaks is opened again, less and less often while nobody listens', async () => {
  const networks = new MemoryNetworks();
  const [one, two] = [await begin(networks, 1), await begin(networks, 2)];
  one.links.know('c', members(2));
  one.links.send(2, fetchFrom(1));
  await until(() => two.received.length === 1);
  two.links.stop();
  const { dialCount } = networks;
  await sleep(400);
  assert(networks.dialCount - dialCount <= 5, 'it backs off');
  const again = await begin(networks, 2);
  await until(() => {
    one.links.send(2, fetchFrom(2));
    return again.received.length > 0;
  });
});

test('another cluster, another database, one’s own number and another replica than was dialled are refused and told', async () => {
  const networks = new MemoryNetworks();
  const one = await begin(networks, 1);
  const foreign = await begin(networks, 2, { self: peer(2, 'other') });
  const elsewhere = await begin(networks, 3, { database: 'orders' });
  const twin = await begin(networks, 4, { self: peer(1) });
  for (const { links } of [foreign, elsewhere]) links.know(undefined, members(1));
  twin.links.know('c', [{ id: 9, name: 'r9', address: 'r1' }]);
  await until(() => new Set(one.reasons).size >= 3);
  assert.deepEqual(new Set(one.reasons), new Set(['another-cluster', 'another-database', 'own-identity']));
  assert.equal(one.received.length, 0);
});

test('bytes that are no frames, a bad checksum and an oversized message end the connection and nothing else', async () => {
  const networks = new MemoryNetworks();
  const one = await begin(networks, 1, { messageBytesMax: 2_000 });
  const two = await begin(networks, 2, { messageBytesMax: 1e6 });
  two.links.know('c', members(1));
  two.links.send(1, fetchFrom(1));
  await until(() => one.received.length === 1);
  const ballot = { round: 1, replica: 2, incarnation: '00000000000000a2' };
  two.links.send(1, { kind: 'accept', ballot, instance: 1, value: new Uint8Array(3_000) });
  await until(() => one.reasons.includes('oversize'));
  await until(() => {
    two.links.send(1, fetchFrom(2));
    return instances(one).includes(2);
  });
  const open = networks.connections.findLast(({ isOpen, localAddress }) => isOpen && localAddress === 'r1');
  open?.deliver(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  await until(() => one.reasons.includes('not-a-frame'));
  const visitor = await networks.at('r8').connect('r1');
  visitor.receive({ onData() {}, onDrain() {}, onClose() {} });
  await sleep(5);
  visitor.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  await until(() => one.reasons.filter((reason) => reason === 'not-a-frame').length === 2);
});

test('a peer that takes nothing costs no more than the bound; then messages are dropped, and later ones arrive', async () => {
  const networks = new MemoryNetworks();
  networks.bufferBytesMax = 100;
  const one = await begin(networks, 1, { queueBytesMax: 10_000 });
  const two = await begin(networks, 2);
  one.links.know('c', members(2));
  one.links.send(2, fetchFrom(1));
  await until(() => two.received.length === 1);
  const near = networks.connections.find(({ localAddress }) => localAddress === 'r1');
  assert(near !== undefined);
  near.isClogged = true;
  const ballot = { round: 1, replica: 2, incarnation: '00000000000000a2' };
  for (let instance = 1; instance <= 100; instance++) {
    one.links.send(2, { kind: 'accept', ballot, instance, value: new Uint8Array(1_000) });
    if (instance % 3 === 0) await sleep(0);
  }
  const dropped = one.counts.transport_messages_dropped_total ?? 0;
  assert(dropped >= 50 && dropped < 100, `${dropped} dropped`);
  near.unclog();
  await until(() => two.received.length === 101 - dropped);
  one.links.send(2, fetchFrom(2));
  await until(() => instances(two).at(-1) === 2);
});

test('connections whose other end went without a word do not keep others out for ever', async () => {
  const networks = new MemoryNetworks();
  const [one, two] = [await begin(networks, 1), await begin(networks, 2)];
  two.links.know('c', members(1));
  two.links.send(1, fetchFrom(1));
  await until(() => one.received.length === 1);
  for (let power = 0; power < 70; power++) {
    const gone = await networks.at('r3').connect('r1');
    gone.receive({ onData() {}, onDrain() {}, onClose() {} });
    const hello = encodeHello({ database: 'main', peer: peer(3) });
    sealFrame(hello, systemHashes, 0);
    await sleep(1);
    gone.send(hello);
    two.links.send(1, fetchFrom(2));
  }
  const [dropped, dialled] = [two.counts.transport_messages_dropped_total, networks.dialCount];
  const three = await begin(networks, 3);
  three.links.know('c', members(1));
  three.links.send(1, fetchFrom(3));
  await until(() => instances(one).includes(3));
  two.links.send(1, fetchFrom(4));
  await until(() => instances(one).includes(4));
  assert.deepEqual([dropped, dialled], [undefined, 71], 'whoever speaks keeps its connection');
});

test('a connection that hears nothing any more is cut at both ends within seconds and dialled again; a quiet one stays', async () => {
  const networks = new MemoryNetworks();
  const clock = new ManualClock();
  const [one, two] = [await begin(networks, 1, { clock }), await begin(networks, 2, { clock })];
  one.links.know('c', members(2));
  one.links.send(2, fetchFrom(1));
  await clock.pass(20_000);
  assert.equal(networks.dialCount, 1, 'each side says that it is there');
  assert(Number(one.links.heardAtMs(2)) >= clock.monotonic() - 1_100);
  for (const connection of networks.connections) connection.isClogged = true;
  const heardAtMs = one.links.heardAtMs(2);
  await clock.pass(8_000);
  assert.deepEqual([one.reasons, two.reasons], [['silent'], ['silent']]);
  assert.equal(networks.dialCount, 2);
  assert(Number(one.links.heardAtMs(2)) > Number(heardAtMs));
});

test('whoever proves a name speaks for the member of that name alone, also where the members become known later', async () => {
  const networks = new MemoryNetworks();
  networks.proves = (address) => (name) => name === address.replace('forged-', '');
  const one = await begin(networks, 1);
  const two = await begin(networks, 2);
  const three = await begin(networks, 3, { self: peer(2) });
  const stranger = await begin(networks, 7);
  for (const { links } of [two, three, stranger]) links.know('c', members(1));
  for (const { links } of [two, three, stranger]) links.send(1, fetchFrom(1));
  await until(() => one.received.length === 3);
  assert.deepEqual(one.reasons, [], 'nobody is a member yet');
  one.links.know('c', members(1, 2, 3));
  await until(() => one.reasons.length > 0);
  assert.deepEqual(new Set(one.reasons), new Set(['another-name']));
  two.links.send(1, fetchFrom(2));
  stranger.links.send(1, fetchFrom(2));
  await until(() => one.received.length === 5);
  three.links.send(1, fetchFrom(3));
  await sleep(300);
  assert(!instances(one).includes(3), 'one that proves 3 does not speak for 2');
  const claimant = await begin(networks, 2, { network: networks.at('r3b'), self: peer(9) });
  networks.proves = () => (name) => name === 'r3';
  claimant.links.know('c', members(1));
  claimant.links.send(1, fetchFrom(4));
  await sleep(100);
  assert(!instances(one).includes(4), 'one that proves a member’s name has that member’s number');
});

test('whoever does not say who it is makes room before those that did', async () => {
  const networks = new MemoryNetworks();
  const [one, two] = [await begin(networks, 1), await begin(networks, 2)];
  two.links.know('c', members(1));
  two.links.send(1, fetchFrom(1));
  await until(() => one.received.length === 1);
  for (let visitor = 0; visitor < 200; visitor++) {
    const connection = await networks.at('r9').connect('r1');
    connection.receive({ onData() {}, onDrain() {}, onClose() {} });
  }
  await sleep(20);
  two.links.send(1, fetchFrom(2));
  await until(() => one.received.length === 2);
  assert.equal(networks.dialCount, 201, 'it was not cut');
  assert.equal(networks.connections.filter(({ isOpen, localAddress }) => isOpen && localAddress === 'r1').length, 64);
});

test('words of an earlier process of a replica, which come late, are not taken for those of the present one', async () => {
  const networks = new MemoryNetworks();
  const one = await begin(networks, 1);
  const present = await networks.at('r2').connect('r1');
  present.receive({ onData() {}, onDrain() {}, onClose() {} });
  const hello = encodeHello({ database: 'main', peer: { ...peer(2), session: 'present' } });
  sealFrame(hello, systemHashes, 0);
  const [said, late] = [encodeMessage(fetchFrom(7)), encodeMessage(fetchFrom(6))];
  sealFrame(said, systemHashes, sealOf('present', systemHashes));
  sealFrame(late, systemHashes, sealOf('past', systemHashes));
  for (const frame of [hello, said, late]) present.send(frame);
  await until(() => one.counts.transport_connections_refused_total === 1);
  assert.deepEqual(instances(one), [7]);
  assert.deepEqual(one.reasons, ['bad-checksum']);
});

test('after the stop nothing is taken, sent or dialled', async () => {
  const networks = new MemoryNetworks();
  const [one, two] = [await begin(networks, 1), await begin(networks, 2)];
  one.links.know('c', members(2));
  two.links.know('c', members(1));
  two.links.send(1, fetchFrom(1));
  one.links.stop();
  const { dialCount } = networks;
  one.links.know('c', members(2));
  one.links.send(2, fetchFrom(2));
  await sleep(20);
  assert.deepEqual([one.received.length, two.received.length], [0, 0]);
  assert(networks.dialCount - dialCount <= 1, 'the other one may try');
});
