import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DiskError } from '../../src/base/disk.ts';
import { faultRandom } from '../support/fault-random.ts';
import type { DiskCall, DiskFault } from '../support/memory-disk.ts';
import {
  accepted,
  appendChosen,
  ballot,
  failsWith,
  LogWorld,
  readAll,
  segmentBytes,
  settle,
  text,
} from './log-world.ts';

const isSegment = ({ path }: DiskCall) => path.includes('.segment');

for (const [name, method, fault] of [
  ['a failed sync', 'sync', { lose: true }],
  ['a failed write', 'write', { fail: 'failed' }],
  ['a short write', 'write', { takes: 50 }],
  ['a write without room', 'write', { fail: 'no-room' }],
] as const) {
  test(`${name} stops the log: all who wait and all who come are refused, nothing is tried again (A8, A9)`, async () => {
    const world = new LogWorld();
    const { log } = await world.open();
    await appendChosen(log, 1, 3);
    await settle();
    let failed = 0;
    let later = 0;
    world.memory.plan = (call): DiskFault | undefined => {
      if (isSegment(call) && failed > 0) later += 1;
      if (call.method !== method || !isSegment(call) || failed > 0) return undefined;
      failed += 1;
      return fault;
    };
    const waiting = [
      log.append([accepted(4)]),
      log.append([accepted(5)]),
      settle().then(() => log.append([accepted(6)])),
    ];
    for (const one of await Promise.allSettled(waiting)) {
      assert.equal(one.status, 'rejected');
      assert.ok(failsWith('stopped')(one.reason) && one.reason.cause instanceof DiskError);
    }
    world.clock.pass(1000);
    await settle();
    await assert.rejects(log.append([accepted(7)]), failsWith('stopped'));
    await assert.rejects(log.promise(ballot(9)), failsWith('stopped'));
    await assert.rejects(log.read(1, 1, 1), failsWith('stopped'));
    await log.close();
    assert.deepEqual([failed, later, world.failures.length], [1, 0, 1]);
    assert.ok(world.reports.includes('log-failed'));
    // The next boot does not trust the cache, and loses nothing that was acknowledged.
    world.memory.plan = () => undefined;
    world.memory.kill();
    const next = await world.open();
    const booted = await readAll(next.log);
    world.memory.powerCut(faultRandom(1));
    const again = await readAll((await world.open()).log);
    assert.deepEqual(again.map(text), booted.map(text));
    assert.deepEqual(
      again.slice(0, 3).map(text),
      [1, 2, 3].map((instance) => text(accepted(instance))),
    );
  });
}

test('a promise that cannot be written stops the log', async () => {
  const world = new LogWorld();
  const { log } = await world.open();
  await log.promise(ballot(1));
  world.memory.plan = ({ method, path }) =>
    method === 'sync' && path.includes('promise') ? { lose: true } : undefined;
  await assert.rejects(log.promise(ballot(2)));
  await assert.rejects(log.append([accepted(1)]), failsWith('stopped'));
  assert.equal(world.failures.length, 1);
});

test('a full disk refuses what does not fit, harms nothing, and writes go on when there is room', async () => {
  const world = new LogWorld();
  const { log } = await world.open();
  await appendChosen(log, 1, 20, 1000);
  await settle();
  world.memory.capacityBytes = world.memory.usedBytes;
  let next = 21;
  const fill = async () => {
    for (;;) {
      await log.append([accepted(next, 1000)]);
      log.chosenTo(next);
      next += 1;
    }
  };
  await assert.rejects(fill(), failsWith('no-room'));
  assert.ok(next > 100, 'the zero-filled segment was used up');
  assert.equal(log.roomBytes, 0);
  assert.equal(world.failures.length, 0);
  // Promises, and small records within the reserve, still have room.
  await log.promise(ballot(7));
  await log.append([accepted(next, 0, 7)]);
  next += 1;
  await assert.rejects(log.append([accepted(next, 1000, 7)]), failsWith('no-room'));
  const reports = () => world.reports.filter((event) => event === 'log-segment-not-prepared').length;
  world.clock.pass(5000);
  await settle();
  assert.equal(reports(), 1);
  // Room comes back, and nobody has to do anything.
  world.memory.capacityBytes += 2 * segmentBytes;
  world.clock.pass(1001);
  await settle();
  assert.ok(log.roomBytes > segmentBytes / 2);
  await log.append([accepted(next, 1000, 7)]);
  assert.equal(world.failures.length, 0);
  await log.close();
  const { log: reopened } = await world.open();
  assert.equal((await readAll(reopened)).length, next);
});

test('a segment that is still being filled counts as room: a disk that has room is never called full', async () => {
  const world = new LogWorld();
  const { log } = await world.open();
  for (let instance = 1; log.segmentCount < 4; instance += 1) {
    await log.append([accepted(instance, 1000)]);
    log.chosenTo(instance);
    assert.ok(log.roomBytes > segmentBytes / 2, `at instance ${instance}: ${log.roomBytes}`);
  }
  await log.close();
});

test('records that do not fit a segment together are appended in several writes', async () => {
  const world = new LogWorld();
  const { log } = await world.open();
  const records = Array.from({ length: 16 }, (_, index) => accepted(index + 1, Math.floor(log.valueBytesMax / 3)));
  await log.append(records);
  await log.append([accepted(17, log.valueBytesMax)]);
  assert.equal(world.failures.length, 0);
  assert.equal(log.lastInstance, 17);
  await log.close();
  const { log: reopened } = await world.open();
  assert.equal((await readAll(reopened)).length, 17);
});

test('a segment that the disk would not remove is removed by the next call, before any newer one', async () => {
  for (const method of ['remove', 'syncDirectory']) {
    const world = new LogWorld();
    const { log } = await world.open();
    await appendChosen(log, 1, 200, 1_000);
    await settle();
    const [oldest = '', second = '', third = ''] = world.segments();
    const { segmentCount, bytes } = log;
    world.memory.plan = (call) => (call.method === method ? { fail: 'failed' } : undefined);
    await assert.rejects(log.dropBelow(130));
    world.memory.plan = () => undefined;
    assert.ok(world.segments().includes(second), 'nothing newer is gone');
    assert.equal(log.segmentCount, segmentCount, 'what is still there counts');
    assert.equal(log.bytes, bytes);
    const removed: string[] = [];
    world.memory.plan = (call) => {
      if (call.method === 'remove' && isSegment(call)) removed.push(call.path);
      return undefined;
    };
    await log.dropBelow(log.firstInstance);
    assert.deepEqual(removed, [oldest], method);
    assert.ok(!world.segments().includes(oldest));
    assert.ok(world.segments().includes(third));
    assert.equal(log.segmentCount, segmentCount - 1);
  }
});

test('a full disk is told once, however often it is tried again, and so is its end', async () => {
  const world = new LogWorld();
  const { log } = await world.open({ keepFreeBytes: 0 });
  await settle();
  world.memory.capacityBytes = world.memory.usedBytes;
  let instance = 0;
  await assert.rejects(async () => {
    for (;;) await log.append([accepted(++instance, 10_000)]);
  }, failsWith('no-room'));
  for (let tried = 0; tried < 5; tried += 1) {
    await assert.rejects(log.append([accepted(instance, 10_000)]), failsWith('no-room'));
  }
  const told = () => world.reports.filter((event) => event === 'log-is-full' || event === 'log-is-written-again');
  assert.deepEqual(told(), ['log-is-full']);
  world.memory.capacityBytes = Number.POSITIVE_INFINITY;
  world.clock.pass(1_000);
  await settle();
  await log.append([accepted(instance, 10_000)]);
  await log.append([accepted(instance + 1, 10_000)]);
  assert.deepEqual(told(), ['log-is-full', 'log-is-written-again']);
  await log.close();
});

test('dropping old log makes room at once', async () => {
  const world = new LogWorld();
  const { log } = await world.open({ keepFreeBytes: 0 });
  await appendChosen(log, 1, 100, 1000);
  await settle();
  world.memory.capacityBytes = world.memory.usedBytes;
  let last = 100;
  await assert.rejects(async () => {
    for (;;) await appendChosen(log, last + 1, ++last, 1000);
  }, failsWith('no-room'));
  last -= 1;
  await log.dropBelow(last);
  await settle();
  await appendChosen(log, last + 1, last + 30, 1000);
  assert.equal(log.lastInstance, last + 30);
});

test('on a full disk the log still opens, with what room its own zeros give', async () => {
  const world = new LogWorld();
  const options = { segmentBytes: 16 * segmentBytes };
  const { log } = await world.open(options);
  await appendChosen(log, 1, 50, 1000);
  await log.close();
  for (const path of world.memory.files()) if (path.endsWith('.new')) await world.memory.mount().remove(path);
  world.memory.capacityBytes = world.memory.usedBytes;
  const { boot, log: opened } = await world.open(options);
  assert.deepEqual([boot.chosenTo, boot.cutBytes, boot.damaged.length], [50, 0, 0]);
  await opened.append([accepted(51, 1000)]);
  await opened.close();
  assert.equal((await readAll((await world.open(options)).log)).length, 51);
});

test('a start on a full disk may end in any disk call of it, in the middle of a write too: that is no damage', async () => {
  const options = { segmentBytes: 4 * segmentBytes };
  const full = new LogWorld();
  const { log } = await full.open(options);
  await appendChosen(log, 1, 50, 1000);
  await log.close();
  for (const path of full.memory.files()) if (path.endsWith('.new')) await full.memory.mount().remove(path);
  full.memory.capacityBytes = full.memory.usedBytes;
  for (let dieAt = 1, isWhole = false; !isWhole; dieAt += 1) {
    const world = new LogWorld(full.memory.clone());
    world.memory.plan = ({ number, method, bytes }): DiskFault | undefined => {
      if (number !== dieAt) return undefined;
      return method === 'write' && bytes > 1 ? { takes: Math.floor(bytes / 2) } : 'die-before';
    };
    isWhole = await world.open(options).then(
      () => world.memory.callCount < dieAt,
      () => false,
    );
    world.memory.kill();
    world.memory.capacityBytes = Number.POSITIVE_INFINITY;
    world.memory.plan = () => undefined;
    const { boot } = await world.open(options);
    assert.deepEqual([boot.damaged, boot.lastInstance], [[], 50], `call ${dieAt}`);
  }
});

test('a disk without any room refuses to make a log', async () => {
  const world = new LogWorld();
  world.memory.capacityBytes = 10_000;
  await assert.rejects(world.open(), failsWith('no-room'));
});

test('a segment that could not be opened once is opened by the next who reads it', async () => {
  const world = new LogWorld();
  const { log } = await world.open({ cacheBytes: 0 });
  await appendChosen(log, 1, 3);
  let failed = 0;
  world.memory.plan = (call): DiskFault | undefined => {
    if (call.method !== 'open' || !isSegment(call) || failed > 0) return undefined;
    failed += 1;
    return { fail: 'failed' };
  };
  await assert.rejects(log.read(1, 3, 1 << 20), failsWith('log-damaged'));
  assert.equal(failed, 1);
  assert.deepEqual((await readAll(log)).map(text), [accepted(1), accepted(2), accepted(3)].map(text));
});
