import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LogRecord } from '../../src/log/log.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import {
  accepted,
  appendChosen,
  ballot,
  chosen,
  failsWith,
  LogWorld,
  readAll,
  segmentBytes,
  settle,
  text,
} from './log-world.ts';

test('a new log is empty, promises nothing and holds nothing below its checkpoint', async () => {
  const { log, boot } = await new LogWorld().open({ checkpointInstance: 41 });
  assert.deepEqual(boot, {
    promised: { round: 0, replica: 0, incarnation: '0000000000000000' },
    promiseLost: false,
    firstInstance: 42,
    lastInstance: 41,
    chosenTo: 41,
    above: [],
    damaged: [],
    cutBytes: 0,
  });
  assert.deepEqual(await log.read(42, 10, 1000), []);
  await assert.rejects(log.read(41, 1, 1000), failsWith('history-trimmed'));
});

test('calls that wait while a write is in flight share the next write and its sync', async () => {
  const world = new LogWorld();
  const { log } = await world.open();
  await log.promise(ballot(1));
  await settle();
  const before = world.memory.syncCount;
  const first = log.append([accepted(1)]);
  await undefined;
  await undefined;
  const others = Array.from({ length: 100 }, (_, index) => log.append([accepted(index + 2)]));
  await Promise.all([first, ...others]);
  assert.equal(world.memory.syncCount - before, 2);
  assert.equal(log.lastInstance, 101);
});

test('an accept above the promise writes the promise files first', async () => {
  const world = new LogWorld();
  const { log } = await world.open();
  await log.append([accepted(1, 'a', 7)]);
  world.memory.kill();
  assert.deepEqual((await world.open()).boot.promised, ballot(7));
});

test('the deciding record is read: the highest ballot, or the one learned as chosen', async () => {
  const world = new LogWorld();
  for (const reopened of [false, true]) {
    const opened = await world.open();
    if (!reopened) {
      await opened.log.append([accepted(1, 'old', 1), accepted(2, 'old', 1), accepted(3, 'old', 1)]);
      await opened.log.append([accepted(1, 'new', 2), chosen(2, 'learned', 3), accepted(2, 'stale', 2)]);
    }
    const records = await opened.log.read(1, 10, 1000);
    assert.deepEqual(records.map(text), ['accepted 1 new', 'chosen 2 learned', 'accepted 3 old']);
    await opened.log.close();
  }
});

test('reads are bounded by count and by bytes, and give at least one record', async () => {
  for (const cacheBytes of [0, 1_000_000]) {
    const { log } = await new LogWorld().open({ cacheBytes });
    await appendChosen(log, 1, 20, 100);
    assert.equal((await log.read(1, 3, 10_000)).length, 3);
    assert.equal((await log.read(1, 100, 350)).length, 3);
    assert.equal((await log.read(1, 100, 1)).length, 1);
    assert.equal((await log.read(19, 100, 10_000)).length, 2);
    assert.deepEqual(await log.read(21, 100, 10_000), []);
  }
});

test('the log rolls into the next segment, and old ones are dropped whole, oldest first', async () => {
  const world = new LogWorld();
  const { log } = await world.open();
  await appendChosen(log, 1, 200, 1000);
  assert.equal(log.segmentCount, 4);
  assert.ok(log.bytesFrom(150) < log.bytesFrom(1));
  assert.ok(log.bytesFrom(200) >= 1000 && log.bytesFrom(200) < 3000);
  assert.equal(log.timeOf(200), world.clock.now());
  assert.equal(await log.dropBelow(1), 1);
  const removed: string[] = [];
  world.memory.plan = ({ method, path }) => {
    if (method === 'remove' || method === 'syncDirectory') removed.push(`${method} ${path}`);
    return undefined;
  };
  const first = await log.dropBelow(130);
  assert.ok(first > 1 && first <= 130);
  assert.deepEqual(removed, [
    'remove /log/0000000000000001.segment',
    'syncDirectory /log',
    'remove /log/0000000000000002.segment',
    'syncDirectory /log',
  ]);
  await assert.rejects(log.read(first - 1, 1, 1), failsWith('history-trimmed'));
  assert.equal((await readAll(log)).length, 201 - first);
  await log.close();
  const reopened = await world.open({ checkpointInstance: 190 });
  assert.equal(reopened.boot.firstInstance, first);
  assert.equal((await readAll(reopened.log)).length, 201 - first);
});

test('a reader of a segment that is dropped under it is told so, or gets what it asked for', async () => {
  const { log } = await new LogWorld().open({ cacheBytes: 0 });
  await appendChosen(log, 1, 200, 1000);
  const reads = Array.from({ length: 50 }, (_, index) => log.read(index + 1, 1, 1).catch((error) => error));
  await log.dropBelow(190);
  for (const answer of await Promise.all(reads)) {
    assert.ok(Array.isArray(answer) ? answer.length === 1 : failsWith('history-trimmed')(answer), String(answer));
  }
});

test('an idle log seals itself, once, and again when more is known to be chosen', async () => {
  const world = new LogWorld();
  const { log } = await world.open();
  await log.append([accepted(1), accepted(2)]);
  const syncs = async () => {
    const before = world.memory.syncCount;
    world.clock.pass(11);
    await settle();
    return world.memory.syncCount - before;
  };
  await settle();
  assert.equal(await syncs(), 1);
  assert.equal(await syncs(), 0);
  log.chosenTo(2);
  assert.equal(await syncs(), 1);
  assert.equal(await syncs(), 0);
  world.memory.kill();
  assert.equal((await world.open()).boot.chosenTo, 2);
});

test('boot executes what chosenTo proves, and no more', async () => {
  const world = new LogWorld();
  const { log } = await world.open();
  await appendChosen(log, 1, 5);
  await log.append([accepted(6), accepted(7)]);
  world.memory.kill();
  const { boot } = await world.open();
  assert.equal(boot.chosenTo, 5);
  assert.deepEqual(
    boot.above.map((it) => it.state === 'accepted' && text(it.record)),
    ['accepted 6 value 6', 'accepted 7 value 7'],
  );
  assert.equal(boot.cannotTellAbove, undefined);
});

test('a chosenTo counts an instance only if its record stands before it, or was learned as chosen', async () => {
  const world = new LogWorld();
  const { log } = await world.open();
  log.chosenTo(9);
  await log.append([accepted(1)]);
  await log.append([chosen(3)]);
  await log.append([chosen(2)]);
  world.memory.kill();
  assert.equal((await world.open()).boot.chosenTo, 3);
});

test('instances beyond 32 bits are kept as they are', async () => {
  const first = 2 ** 53 - 10_000;
  const world = new LogWorld();
  const { log } = await world.open({ checkpointInstance: first - 1 });
  const records = Array.from({ length: 50 }, (_, index) => accepted(first + index, undefined, 2 ** 40));
  await log.append(records);
  await log.close();
  const reopened = await world.open({ checkpointInstance: first - 1 });
  assert.deepEqual((await readAll(reopened.log)).map(text), records.map(text));
  assert.equal(reopened.boot.promised.round, 2 ** 40);
});

test('what was appended is what is read, over rolls, kills and reopening (property)', async () => {
  const value = fc.integer({ min: 0, max: 3000 });
  const step = fc.record({
    values: fc.array(value, { minLength: 1, maxLength: 20 }),
    end: fc.constantFrom('go on', 'kill', 'close'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
      const world = new LogWorld(new MemoryDisk());
      const expected: LogRecord[] = [];
      let { log } = await world.open({ cacheBytes: 4000 });
      for (const { values, end } of steps) {
        const records = values.map((bytes, index) => accepted(expected.length + index + 1, bytes));
        await Promise.all(records.map((record) => log.append([record])));
        expected.push(...records);
        assert.deepEqual((await readAll(log)).map(text), expected.map(text));
        if (end === 'go on') continue;
        if (end === 'close') await log.close();
        world.memory.kill();
        log = (await world.open({ cacheBytes: 4000 })).log;
      }
      assert.deepEqual((await readAll(log)).map(text), expected.map(text));
    }),
    { numRuns: 30 },
  );
});

test('another log in the directory is refused', async () => {
  const world = new LogWorld();
  await (await world.open()).log.close();
  await assert.rejects(world.open({ identity: 'other-cluster/main' }), failsWith('wrong-cluster'));
});

test('a log that lies wholly below the checkpoint leaves a hole, which is tolerated', async () => {
  const world = new LogWorld();
  const { log } = await world.open();
  await appendChosen(log, 1, 100, 1000);
  await log.close();
  const { log: installed, boot } = await world.open({ checkpointInstance: 5000 });
  assert.deepEqual([boot.firstInstance, boot.lastInstance, boot.chosenTo, boot.damaged.length], [5001, 5000, 5000, 0]);
  await appendChosen(installed, 5001, 5010);
  await installed.close();
  const again = await world.open({ checkpointInstance: 5005 });
  assert.deepEqual([again.boot.firstInstance, again.boot.lastInstance, again.boot.chosenTo], [5001, 5010, 5010]);
  assert.equal(await again.log.dropBelow(5005), 5001);
  assert.ok(again.log.segmentCount <= 3);
});

test('room counts what is sure to fit, less the reserve, and a record is never larger than a segment', async () => {
  const { log } = await new LogWorld().open();
  await settle();
  const full = 2 * (segmentBytes - 512) - segmentBytes / 8;
  assert.equal(log.roomBytes, full);
  await log.append([accepted(1, 896)]);
  assert.equal(log.roomBytes, full - 1000);
  await assert.rejects(log.append([accepted(2, log.valueBytesMax + 1)]), /fits a segment/);
});

test('room does not vanish for the moment in which the next segment is begun', async () => {
  const { log } = await new LogWorld().open();
  await settle();
  const payload = segmentBytes / 16;
  let least = log.roomBytes;
  for (let instance = 1; log.segmentCount === 1; instance++) {
    let isDone = false;
    const appended = log.append([accepted(instance, payload)]).finally(() => {
      isDone = true;
    });
    for (; !isDone; await undefined) least = Math.min(least, log.roomBytes);
    await appended;
  }
  assert.ok(least > segmentBytes / 2, `${least} bytes`);
});
