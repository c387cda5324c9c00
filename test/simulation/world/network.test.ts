import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Connection, NetworkError } from '../../../src/base/network.ts';
import { alone, betweenGroups, onlyNeighbours, onlyNext } from '../../../src/simulation/world/partitions.ts';
import { connected, type Peer, peerOf } from './peers.ts';
import { handsOf, handsOnly, testRoom, text } from './test-room.ts';

const isNetworkError = (kind: string) => (error: unknown) => error instanceof NetworkError && error.kind === kind;
const say = ({ connection }: Peer, ...messages: string[]) => messages.map((message) => connection.send(text(message)));

test('one send is one piece of data, in order, both ways', async () => {
  const { room, client, server } = await connected({ shapes: { 'delay-mean-ms': 20 } });
  const messages = Array.from({ length: 50 }, (_, index) => `message ${index}`);
  say(client, ...messages);
  say(server, 'back');
  await room.run();
  assert.deepEqual(server.heard, messages);
  assert.deepEqual(client.heard, ['back']);
  assert.deepEqual([client.connection.remoteAddress, server.connection.remoteAddress], ['koski', 'aalto']);
});

test('data takes a time of which the dials have the least and the mean', async () => {
  const { room, client, server } = await connected({ shapes: { 'delay-least-ms': 3, 'delay-mean-ms': 7 } });
  let sum = 0;
  for (let count = 0; count < 300; count += 1) {
    const startedMs = room.scheduler.nowMs;
    say(client, 'x');
    await room.run({ until: () => server.heard.length > count });
    const tookMs = room.scheduler.nowMs - startedMs;
    assert.ok(tookMs >= 3);
    sum += tookMs;
  }
  assert.ok(Math.abs(sum / 300 - 10) < 1.5, `mean ${sum / 300}`);
});

test('nobody is reached who does not listen, or over a cut in either direction', async () => {
  const room = await testRoom();
  const { network } = handsOf(room, 'aalto');
  await assert.rejects(room.settled(network.connect('koski')), isNetworkError('refused'));
  await assert.rejects(room.settled(network.connect('nowhere')), isNetworkError('refused'));
  await room.settled(handsOf(room, 'koski').network.listen(() => {}));
  for (const cut of [['aalto', 'koski'] as const, ['koski', 'aalto'] as const]) {
    const lift = room.network.cut([cut]);
    await assert.rejects(room.settled(network.connect('koski')), isNetworkError('unreachable'));
    lift();
  }
  handsOf(room, 'koski').network.stopListening();
  await assert.rejects(room.settled(network.connect('koski')), isNetworkError('refused'));
});

test('one process listens on a machine; the second is refused, until the first has ended', async () => {
  const room = await testRoom();
  const first = handsOf(room, 'koski');
  await room.settled(first.network.listen(() => {}));
  await assert.rejects(room.settled(first.network.listen(() => {})), isNetworkError('in-use'));
  room.machine('koski').kill();
  room.machine('koski').restart();
  await room.run();
  await room.settled(handsOf(room, 'koski').network.listen(() => {}));
});

test('what comes before anybody receives is kept, and comes piece by piece', async () => {
  const room = await testRoom();
  const accepted: Connection[] = [];
  await room.settled(handsOf(room, 'koski').network.listen((connection) => accepted.push(connection)));
  const connection = await room.settled(handsOf(room, 'aalto').network.connect('koski'));
  for (const message of ['a', 'b', 'c']) connection.send(text(message));
  connection.close();
  await room.run();
  const server = peerOf(accepted[0] as Connection);
  await room.run();
  assert.deepEqual(server.heard, ['a', 'b', 'c']);
  assert.equal(server.closed, 'ended');
});

test('a closed connection still delivers what was sent, and says nothing more to who closed it', async () => {
  const { room, client, server } = await connected();
  say(client, 'last words');
  say(server, 'too late');
  client.connection.close();
  assert.deepEqual(say(client, 'more'), [false]);
  await room.run();
  assert.deepEqual(server.heard, ['last words']);
  assert.equal(server.closed, 'ended');
  assert.deepEqual([client.heard, client.closed], [[], undefined]);
  assert.equal(room.network.connectionEndCount, 0);
});

test('a full buffer refuses, and says when there is room again; one large piece is always taken', async () => {
  const { room, client, server } = await connected({ bufferBytesMax: 10 });
  assert.deepEqual(say(client, 'more than ten bytes'), [true]);
  assert.deepEqual(say(client, 'x'), [false]);
  assert.equal(client.connection.bufferedBytes, 19);
  assert.equal(client.drains, 0);
  await room.run();
  assert.equal(client.drains, 1);
  assert.equal(client.connection.bufferedBytes, 0);
  assert.deepEqual(say(client, '12345', '67890', '1'), [true, true, false]);
  await room.run();
  assert.deepEqual(server.heard, ['more than ten bytes', '12345', '67890']);
  assert.equal(client.drains, 2);
});

test('over a cut nothing goes one way, the other way is open, and what waited comes in order when it is lifted', async () => {
  const { room, client, server } = await connected();
  const lift = room.network.cut([['aalto', 'koski']]);
  const second = room.network.cut([['aalto', 'koski']]);
  assert.equal(room.network.isCut('aalto', 'koski'), true);
  say(client, 'a', 'b');
  say(server, 'open');
  await room.run({ untilMs: room.scheduler.nowMs + 1_000 });
  assert.deepEqual([server.heard, client.heard], [[], ['open']]);
  lift();
  lift();
  await room.run({ untilMs: room.scheduler.nowMs + 1_000 });
  assert.deepEqual(server.heard, []);
  second();
  say(client, 'c');
  await room.run();
  assert.deepEqual(server.heard, ['a', 'b', 'c']);
  assert.equal(server.closed, undefined);
});

test('a connection over which nothing moves for seconds although something should breaks, on both sides', async () => {
  const { room, client, server } = await connected();
  room.network.cut([['aalto', 'koski']]);
  say(client, 'lost');
  await room.run();
  assert.deepEqual([client.closed, server.closed], ['reset', 'reset']);
  assert.deepEqual(server.heard, []);
  room.network.heal();
  await room.run();
  assert.deepEqual(server.heard, []);
});

test('an idle connection outlives a cut', async () => {
  const { room, client, server } = await connected();
  const lift = room.network.cut(alone('aalto', ['aalto', 'koski']));
  await room.run({ untilMs: room.scheduler.nowMs + 60_000 });
  lift();
  say(client, 'still here');
  await room.run();
  assert.deepEqual(server.heard, ['still here']);
});

test('a reset breaks what stands between two machines, and each side hears of it', async () => {
  const { room, client, server } = await connected();
  room.network.reset('koski', 'aalto');
  await room.run();
  assert.deepEqual([client.closed, server.closed], ['reset', 'reset']);
  assert.deepEqual(say(client, 'x'), [false]);
});

test('what a process sent before it was killed may still arrive; then the connection is reset', async () => {
  const { room, client, server } = await connected();
  say(client, 'sent');
  room.machine('aalto').kill();
  say(server, 'to nobody');
  await room.run();
  assert.equal(server.closed, 'reset');
  assert.ok(server.heard.length <= 1);
  assert.deepEqual([client.heard, client.closed], [[], undefined]);
  assert.equal(room.network.connectionEndCount, 0);
});

test('a machine that went off is silent for a while before its connections break', async () => {
  const { room, server } = await connected();
  const startedMs = room.scheduler.nowMs;
  room.machine('aalto').powerCut();
  await room.run();
  assert.equal(server.closed, 'reset');
  assert.ok(room.scheduler.nowMs - startedMs > 10);
});

test('a paused process takes nothing from its connections, which fill up, and then everything in order', async () => {
  const { room, client, server } = await connected({ bufferBytesMax: 3 });
  room.machine('koski').pause();
  say(client, 'a', 'b', 'c');
  await room.run();
  assert.deepEqual([say(client, 'd'), server.heard], [[false], []]);
  room.machine('koski').resume();
  await room.run();
  assert.deepEqual(server.heard, ['a', 'b', 'c']);
  assert.equal(client.drains, 1);
});

test('partitions are made of one-way cuts', () => {
  const names = ['a', 'b', 'c', 'd'];
  const text = (cuts: readonly (readonly [string, string])[]) =>
    cuts
      .map((cut) => cut.join(''))
      .sort()
      .join(' ');
  assert.equal(text(alone('a', names)), 'ab ac ad ba ca da');
  assert.equal(text(betweenGroups([['a', 'b'], ['c']])), 'ac bc ca cb');
  assert.equal(text(onlyNeighbours(names)), 'ac bd ca db');
  assert.equal(text(onlyNeighbours(['a', 'b', 'c'])), '');
  assert.equal(text(onlyNext(['a', 'b', 'c'])), 'ac ba cb');
});

test('the handles of a process that has ended are dead', async () => {
  const room = await testRoom();
  const old = handsOf(room, 'aalto');
  const heard: string[] = [];
  room.machine('aalto').kill();
  room.machine('aalto').start(handsOnly);
  await room.run();
  void old.network.listen(() => heard.push('connection')).then(() => heard.push('listens'));
  void old.network.connect('aalto').then(
    () => heard.push('connected'),
    () => heard.push('refused'),
  );
  void old.disk.stat('/').then(() => heard.push('disk'));
  old.clock.after(1, () => heard.push('timer'));
  old.exit('again');
  await room.run();
  assert.deepEqual(heard, []);
  assert.equal(room.machine('aalto').processes.length, 1);
});
