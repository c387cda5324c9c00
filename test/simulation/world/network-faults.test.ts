import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NetworkError } from '../../../src/base/network.ts';
import type { FaultKind } from '../../../src/simulation/world/fault-kinds.ts';
import { connected } from './peers.ts';
import { handsOf, testRoom, text } from './test-room.ts';

const messages = Array.from({ length: 100 }, (_, index) => `message ${index}`);
const number = (message: string) => Number(message.slice('message '.length));

/** A hundred messages over one connection, one a millisecond, with one kind of fault. */
async function sent(kind: FaultKind, rate: number) {
  const world = await connected({ faults: { [kind]: rate } });
  for (const [place, message] of messages.entries()) {
    world.room.scheduler.after({ name: 'test', state: 'running' }, place, 'send', place, () => {
      world.client.connection.send(text(message));
    });
  }
  await world.room.run();
  const { coverage } = world.room;
  assert.deepEqual(
    Object.keys(coverage.counts()).filter((name) => name !== kind),
    [],
    'no other fault strikes',
  );
  return { ...world, heard: world.server.heard, strikes: coverage.count(kind) };
}

test('a dropped frame is missing, and the connection stands', async () => {
  const { heard, strikes, server } = await sent('frame-drop', 0.3);
  assert.ok(strikes > 10);
  assert.equal(heard.length, 100 - strikes);
  assert.deepEqual(
    heard,
    [...new Set(heard)].sort((a, b) => number(a) - number(b)),
  );
  assert.equal(server.closed, undefined);
});

test('a duplicated frame comes twice; the first ones come in order', async () => {
  const { heard, strikes } = await sent('frame-duplicate', 0.3);
  assert.equal(heard.length, 100 + strikes);
  assert.deepEqual(
    [...new Set(heard)].sort((a, b) => number(a) - number(b)),
    messages,
  );
});

test('a reordered frame comes once, and others before it', async () => {
  const { heard, strikes } = await sent('frame-reorder', 0.3);
  assert.ok(strikes > 10);
  assert.notDeepEqual(heard, messages);
  assert.deepEqual(
    heard.toSorted((a, b) => number(a) - number(b)),
    messages,
  );
});

test('a replayed frame is one that was sent before on this connection', async () => {
  const { heard, strikes } = await sent('frame-replay', 0.3);
  assert.equal(heard.length, 100 + strikes);
  assert.deepEqual(
    [...new Set(heard)].sort((a, b) => number(a) - number(b)),
    messages,
  );
});

test('chunks of an older connection come on a newer one', async () => {
  const { room, client, connect } = await connected({ faults: { 'old-chunk-replay': 1 } });
  client.connection.send(text('old'));
  await room.run();
  client.connection.close();
  await room.run();
  const newer = await connect();
  newer.client.connection.send(text('new'));
  await room.run();
  assert.deepEqual(newer.server.heard.toSorted(), ['new', 'old']);
});

test('a corrupted chunk differs in one bit', async () => {
  const { heard, strikes } = await sent('chunk-corrupt', 0.3);
  assert.equal(heard.length, 100);
  const wrong = heard.filter((message, place) => message !== messages[place]);
  assert.equal(wrong.length, strikes);
});

test('a chunk that is split or joined loses no byte and no order', async () => {
  const split = await sent('chunk-split', 0.3);
  assert.equal(split.heard.length, 100 + split.strikes);
  assert.equal(split.heard.join(''), messages.join(''));
  const joined = await sent('chunk-join', 0.3);
  assert.ok(joined.heard.length < 100);
  assert.equal(joined.heard.join(''), messages.join(''));
});

test('a connection that is cut in a chunk has delivered a prefix of the bytes, and both sides hear a reset', async () => {
  for (const kind of ['chunk-cut', 'connection-reset'] as const) {
    const { heard, strikes, client, server } = await sent(kind, 0.05);
    assert.ok(strikes > 0);
    assert.ok(messages.join('').startsWith(heard.join('')));
    assert.ok(heard.length < 100);
    assert.deepEqual([client.closed, server.closed], ['reset', 'reset']);
  }
});

test('a slow chunk holds up what is behind it, in order', async () => {
  const { heard, room } = await sent('slow-chunk', 0.05);
  assert.deepEqual(heard, messages);
  assert.ok(room.scheduler.nowMs > 200);
});

test('a connection may be refused although somebody listens', async () => {
  const room = await testRoom({ faults: { 'connect-refused': 1 } });
  await room.settled(handsOf(room, 'koski').network.listen(() => {}));
  const refused = (error: unknown) => error instanceof NetworkError && error.kind === 'refused';
  await assert.rejects(room.settled(handsOf(room, 'aalto').network.connect('koski')), refused);
});

test('a sheltered pair of machines is struck by nothing', async () => {
  const { room, client, server } = await connected({ faults: { 'frame-drop': 1 } });
  room.fate.shelter(['aalto', 'koski']);
  client.connection.send(text('through'));
  await room.run();
  assert.deepEqual(server.heard, ['through']);
  room.fate.shelter(['aalto']);
  client.connection.send(text('lost'));
  await room.run();
  assert.deepEqual(server.heard, ['through']);
});
