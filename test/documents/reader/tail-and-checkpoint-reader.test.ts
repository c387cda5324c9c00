import assert from 'node:assert/strict';
import test from 'node:test';
import { LoggosError } from '../../../src/base/errors.ts';
import type { AsOf } from '../../../src/documents/document-reader.ts';
import { chainPrefix } from '../../../src/documents/machine/event-line.ts';
import { randomOf } from '../history/event-source.ts';
import { put, write } from '../machine/given.ts';
import { collections, documentIds, ReadWorld, type RememberedEvent } from './read-world.ts';

/** Worlds whose checkpoint is at the beginning, in the middle, at the end, and one that moves under every read. */
async function* worlds(instanceCount = 150): AsyncGenerator<readonly [string, ReadWorld]> {
  for (const [name, replayed] of [
    ['all in the tail', 0],
    ['half in the tail', instanceCount / 2],
    ['nothing in the tail', instanceCount],
  ] as const) {
    const world = new ReadWorld();
    world.applyMany(42, instanceCount);
    if (replayed > 0) await world.replay(replayed);
    yield [name, world];
  }
  const world = new ReadWorld();
  world.applyMany(42, instanceCount);
  const random = randomOf(6);
  world.meanwhile = async () => {
    if (random() < 0.5) world.applyMany(Math.floor(random() * 1_000), 1);
    if (random() < 0.5) await world.replay(Math.floor(random() * 6));
  };
  await world.replay(30);
  yield ['the tail pruned and grown during each read', world];
}

const documents = collections.flatMap((collection) => documentIds.map((id) => [collection, id] as const));

function content(event: RememberedEvent | undefined) {
  if (event === undefined) return undefined;
  const { collection, documentId, revision, position, time, deleted, body } = event;
  return { collection, documentId, revision, position, time, deleted, body };
}

async function asOf(world: ReadWorld, collection: string, id: string, at: AsOf) {
  try {
    return await world.reader.asOf(collection, id, at);
  } catch (error) {
    if (error instanceof LoggosError && error.code === 'not-found') return undefined;
    throw error;
  }
}

test('a document as of any revision, position or time is what the list of events says', async () => {
  for await (const [name, world] of worlds(100)) {
    const { events } = world;
    const known = events.length;
    const times = [...new Set(events.map(({ time }) => time))].flatMap((time) => [time - 1, time, time + 1]);
    for (const [collection, id] of documents) {
      const own = world.eventsOf(collection, id).filter(({ position }) => position <= known);
      for (const event of own.filter(({ revision }) => revision < 40 || revision % 5 === 0)) {
        assert.deepEqual(await asOf(world, collection, id, { revision: event.revision }), content(event), name);
      }
      for (let position = 0; position <= known; position += 7) {
        const meant = events[position - 1]?.asOfPosition ?? 0;
        const expected = own.findLast((event) => event.position <= meant);
        assert.deepEqual(await asOf(world, collection, id, { position }), content(expected), `${name}, ${position}`);
      }
      for (const time of times.slice(0, -1).filter((_, index) => index % 11 === 0)) {
        const expected = own.findLast((event) => event.time <= time);
        assert.deepEqual(await asOf(world, collection, id, { time }), content(expected), name);
      }
    }
  }
});

test('a revision or position beyond what is here, and what is no moment, is an invalid parameter', async () => {
  const world = new ReadWorld();
  world.apply(1_000, write(put('argo')));
  const wrong: AsOf[] = [
    { revision: 2 },
    { revision: 0 },
    { revision: 1.5 },
    { position: 2 },
    { position: -1 },
    { time: Number.NaN },
  ];
  for (const at of wrong) {
    await assert.rejects(
      world.reader.asOf('ports', 'argo', at),
      (error) => error instanceof LoggosError && error.code === 'invalid-parameter',
    );
  }
  await assert.rejects(
    world.reader.asOf('ports', 'none', { revision: 1 }),
    (error) => error instanceof LoggosError && error.code === 'not-found',
  );
  assert.equal((await world.reader.asOf('ports', 'argo', { time: 9e15 })).revision, 1);
});

test('as of a position inside a transaction means its last, for each of its documents', async () => {
  const world = new ReadWorld();
  world.apply(1_000, write(put('argo', { n: 1 })), write(put('lakka', { n: 1 })));
  world.apply(2_000, write([put('argo', { n: 2 }), put('gaios', { n: 2 }), put('lakka', { n: 2 })]));
  world.apply(3_000, write(put('argo', { n: 3 })), write(put('lakka', { n: 3 })));
  for (let replayed = 0; replayed <= 3; replayed++) {
    for (const position of [3, 4, 5]) {
      for (const id of ['argo', 'gaios', 'lakka']) {
        assert.equal((await world.reader.asOf('ports', id, { position })).body, '{"n":2}');
      }
    }
    assert.equal((await world.reader.asOf('ports', 'lakka', { position: 2 })).body, '{"n":1}');
    await world.replay(1);
  }
});

test('the history of a document comes whole and in order, in pages of any size, both ways', async () => {
  for await (const [name, world] of worlds(80)) {
    const known = world.events.length;
    for (const [collection, id] of documents) {
      const own = world.eventsOf(collection, id).filter(({ position }) => position <= known);
      for (const limit of [1, 4, 1_000]) {
        const up: number[] = [];
        for (let after = 0; ; ) {
          const page = await world.reader.history(collection, id, { after, before: known + 1, order: 'asc', limit });
          if (page === undefined || page.length === 0) break;
          assert.ok(page.length <= limit);
          for (const { position, line } of page) assert.equal(line, world.events[position - 1]?.line, name);
          up.push(...page.map(({ position }) => position));
          after = page.at(-1)?.position ?? 0;
        }
        assert.deepEqual(
          up,
          own.map(({ position }) => position),
          name,
        );
        const down: number[] = [];
        for (let before = known + 1; ; ) {
          const page = await world.reader.history(collection, id, { before, order: 'desc', limit });
          if (page === undefined || page.length === 0) break;
          down.push(...page.map(({ position }) => position));
          before = page.at(-1)?.position ?? 0;
        }
        assert.deepEqual(down, up.toReversed(), name);
      }
      const middle = own[Math.floor(own.length / 2)]?.position ?? 0;
      const between = await world.reader.history(collection, id, {
        after: middle,
        before: middle + 40,
        order: 'asc',
        limit: 3,
      });
      const expected = own.filter(({ position }) => position > middle && position < middle + 40).slice(0, 3);
      assert.deepEqual(
        between?.map(({ position }) => position),
        expected.map(({ position }) => position),
        name,
      );
    }
    assert.equal(await world.reader.history('ports', 'never', { order: 'asc', limit: 5 }), undefined);
  }
});

test('the oldest events come first also where their lines are too long for one walk', async () => {
  const world = new ReadWorld();
  const text = 'x'.repeat(900_000);
  for (let n = 0; n < 40; n++) world.apply(1_000 + n, write(put('argo', { n, text })));
  for (const replayed of [0, 15, 25]) {
    await world.replay(replayed);
    let after = 0;
    while (after < 40) {
      const page = await world.reader.history('ports', 'argo', { after, order: 'asc', limit: 100 });
      assert.ok(page !== undefined && page.length > 0);
      assert.deepEqual(
        page.map(({ position }) => position),
        page.map((_, index) => after + 1 + index),
      );
      after = page.at(-1)?.position ?? 0;
    }
    const down = await world.reader.history('ports', 'argo', { order: 'desc', limit: 100 });
    assert.ok(down !== undefined && down.length > 0 && down.length < 40 && down[0]?.position === 40);
  }
});

test('events come once each, in order, from the checkpoint into the tail, filtered or not', async () => {
  for await (const [name, world] of worlds(100)) {
    for (const filter of [undefined, { collection: 'ships' }, { documentId: 'Ω', operation: 'merged' }, {}]) {
      for (const limits of [
        { countMax: 7, bytesMax: 1e6, scanMax: 1_000 },
        { countMax: 100, bytesMax: 3_000, scanMax: 40 },
      ]) {
        const found: number[] = [];
        let after = 0;
        while (after < world.reader.position) {
          const applied = world.reader.position;
          const page = await world.reader.events({ after, ...(filter && { filter }), ...limits });
          assert.ok(page.scannedTo > after && page.scannedTo <= applied, name);
          for (const { position, line } of page.lines) {
            assert.ok(position > after && position <= page.scannedTo, name);
            assert.equal(line, world.events[position - 1]?.line);
            found.push(position);
            after = position;
          }
          after = page.scannedTo;
          if (after > 400) break;
        }
        const expected = world.events.filter(
          (event) =>
            event.position <= after &&
            (filter?.collection === undefined || event.collection === filter.collection) &&
            (filter?.documentId === undefined ||
              (event.documentId === filter.documentId && event.line.includes('"merged"'))),
        );
        assert.deepEqual(
          found,
          expected.map(({ position }) => position),
          name,
        );
      }
    }
    const beyond = await world.reader.events({ after: 1e9, countMax: 5, bytesMax: 1e6, scanMax: 10 });
    assert.deepEqual(beyond, { lines: [], scannedTo: 1e9 });
  }
});

test('lines, chains, prefixes and times at every position are those of the list', async () => {
  for await (const [name, world] of worlds()) {
    const { events, reader } = world;
    const known = events.length;
    for (let position = known; position > 0; position -= 2) {
      const event = events[position - 1];
      assert.ok(event !== undefined);
      assert.equal(await reader.event(position), event.line, name);
      const chain = await reader.chainAt(position);
      assert.ok(chain !== undefined && chain.length === 32, name);
      assert.equal(chainPrefix(chain), event.chain, name);
      assert.equal(await reader.chainPrefixAt(position), event.chain, name);
      const last = events.findLast(({ time }) => time <= event.time)?.position ?? 0;
      if (event.time !== events[known - 1]?.time) assert.equal(await reader.positionAtTime(event.time), last, name);
    }
    assert.deepEqual(await reader.chainAt(0), new Uint8Array(32));
    assert.equal(await reader.chainPrefixAt(0), 'AAAAAAAA');
    assert.equal(await reader.positionAtTime(1), 0);
    for (const beyond of [-1, 1e9]) {
      assert.equal(await reader.event(beyond), undefined);
      assert.equal(await reader.chainAt(beyond), undefined);
    }
  }
});

test('the chain in a long tail is hashed from marks that were made while it grew', async () => {
  const world = new ReadWorld();
  for (let instance = 0; instance < 60; instance++) {
    world.apply(1_000 + instance, ...Array.from({ length: 50 }, (_, n) => write(put(`d${n}`, { n, instance }))));
  }
  for (const replayed of [0, 20, 20]) {
    await world.replay(replayed);
    for (const position of [2_999, 2_500, 2_001, 1_234, 600, 1]) {
      const chain = await world.reader.chainAt(position);
      assert.equal(chain && chainPrefix(chain), world.events[position - 1]?.chain);
    }
  }
});

test('pages pinned to a position are the collection as it was then, each document once', async () => {
  const world = new ReadWorld();
  world.applyMany(8, 60);
  for (let n = 0; n < 30; n++) world.apply(world.state.time + 1, write(put(`many-${n}`, { n })));
  const pinned = world.state.position;
  const expected = [...new Set(world.events.map(({ documentId }) => documentId))]
    .map((id) => world.eventsOf('ports', id).findLast(({ position }) => position <= pinned))
    .filter((event) => event?.deleted === false)
    .sort((one, other) => Buffer.compare(Buffer.from(one?.documentId ?? ''), Buffer.from(other?.documentId ?? '')))
    .map(content);
  await world.replay(world.unstoredCount);
  let round = 0;
  // Everything changes, is deleted and made anew between and during the pages.
  world.meanwhile = async () => {
    for (let n = 0; n < 4; n++)
      world.apply(
        world.state.time + 1,
        write({ kind: n % 2 === 0 ? 'delete' : 'put', id: `many-${(round * 7 + n) % 30}`, content: { round } }),
      );
    world.apply(world.state.time + 1, write(put(`new-${round++}`)));
    await world.replay(round % 3);
  };
  for (const limit of [1, 4, 1_000]) {
    const items = [];
    let afterId: string | undefined;
    do {
      const page = await world.reader.page('ports', { limit, pinned, ...(afterId !== undefined && { afterId }) });
      assert.ok(page.items.length <= limit);
      items.push(...page.items);
      afterId = page.nextAfterId;
    } while (afterId !== undefined);
    assert.deepEqual(items, expected);
  }
});

test('the last page of a quiet collection says that it is the last', async () => {
  const world = new ReadWorld();
  for (let n = 0; n < 6; n++) world.apply(1_000, write(put(`d${n}`)));
  await world.replay(6);
  const pinned = world.state.position;
  assert.equal((await world.reader.page('ports', { limit: 3, pinned, afterId: 'd2' })).nextAfterId, undefined);
  assert.equal((await world.reader.page('ports', { limit: 3, pinned })).nextAfterId, 'd2');
  assert.deepEqual(await world.reader.page('none', { limit: 3, pinned }), { items: [] });
});

test('what the tail holds is answered without asking the checkpoint', async () => {
  const world = new ReadWorld();
  world.applyMany(3, 50);
  const { reader } = world;
  await reader.events({ after: 0, countMax: 100, bytesMax: 1e6, scanMax: 1_000 });
  await reader.event(5);
  await reader.chainAt(5);
  for (const [collection, id] of documents) await reader.history(collection, id, { order: 'asc', limit: 10 });
  assert.equal(world.checkpointCalls, 0);
});
