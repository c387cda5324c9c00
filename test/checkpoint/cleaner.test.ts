import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DiskError } from '../../src/base/disk.ts';
import { settle } from './support/manual-clock.ts';
import { level, openWorld, type World, writeSome } from './support/world.ts';

/** Lets the Cleaner take every step that it wants to. */
async function clean(world: World): Promise<void> {
  for (let step = 0; step < 5; step += 1) {
    await settle(10);
    world.clock.advance(10);
  }
  await settle(10);
}

test('log that the durable checkpoint covers goes, whole segments of it; the hold stays', async () => {
  const world = await openWorld();
  await world.manager.configure({ holdCount: 30 });
  writeSome(world, 100);
  await level(world);
  await clean(world);
  // 101 - 30: everything below 72 may go, segments of ten instances do.
  assert.equal(world.log.minChosenInstance, 71);
  await world.manager.configure({ holdCount: 0 });
  await clean(world);
  assert.equal(world.log.minChosenInstance, 101);
  await world.manager.stop();
});

test('nothing above the durable checkpoint goes while the Replayer is paused', async () => {
  const world = await openWorld();
  writeSome(world, 50);
  await level(world);
  await world.manager.configure({ holdCount: 0, replayer: { state: 'paused' } });
  writeSome(world, 500);
  world.clock.advance(10_000_000);
  await clean(world);
  assert.equal(world.log.minChosenInstance, 51);
  await world.manager.stop();
});

test('a pause takes effect at once, in the midst of a backlog; resumed, the rest goes', async () => {
  const world = await openWorld();
  writeSome(world, 300);
  await level(world);
  // Steps are of 64 MiB.
  world.log.instanceBytes = 1024 * 1024;
  world.log.onDrop = () => {
    if (world.log.drops.length === 1) void world.manager.configure({ cleaner: { state: 'paused' } });
  };
  await world.manager.configure({ holdCount: 0 });
  await clean(world);
  assert.equal(world.log.drops.length, 2);
  assert.equal(world.log.minChosenInstance, 121);
  assert.deepEqual(world.manager.status().cleaner, { state: 'paused' });
  await world.manager.configure({ cleaner: { state: 'running' } });
  await clean(world);
  assert.equal(world.log.minChosenInstance, 301);
  await world.manager.stop();
});

test('log that somebody reads stays until it is released, or the reader is silent for the time of the hold', async () => {
  const world = await openWorld();
  writeSome(world, 100);
  await level(world);
  const reader = world.manager.hold(41);
  const dead = world.manager.hold(21);
  await world.manager.configure({ holdCount: 0 });
  await clean(world);
  assert.equal(world.log.minChosenInstance, 21);
  dead.release();
  await clean(world);
  assert.equal(world.log.minChosenInstance, 41);
  reader.renew(61);
  world.manager.cleaner.notify();
  await clean(world);
  assert.equal(world.log.minChosenInstance, 61);
  for (let tenMinutes = 0; tenMinutes < 7; tenMinutes += 1) {
    world.clock.advance(600_000);
    await clean(world);
  }
  assert.equal(world.log.minChosenInstance, 101);
  await world.manager.stop();
});

test('log becomes too old while nothing else happens', async () => {
  const world = await openWorld();
  writeSome(world, 100);
  await level(world);
  await clean(world);
  assert.equal(world.log.minChosenInstance, 1);
  world.clock.advance(3_590_000);
  await clean(world);
  assert.equal(world.log.minChosenInstance, 1);
  world.clock.advance(20_000);
  await clean(world);
  assert.equal(world.log.minChosenInstance, 101);
  await world.manager.stop();
});

test('a failure to drop is reported and tried again, with pauses', async () => {
  const world = await openWorld();
  writeSome(world, 100);
  await level(world);
  let failures = 2;
  world.log.onDrop = () => {
    if (failures > 0) {
      failures -= 1;
      throw new DiskError('failed', '', 'planned');
    }
  };
  await world.manager.configure({ holdCount: 0 });
  await settle();
  assert.equal(failures, 1);
  assert.ok(world.observer.has('clean-failed'));
  for (let second = 0; second < 10; second += 1) {
    world.clock.advance(1_000);
    await settle(10);
  }
  assert.equal(world.log.minChosenInstance, 101);
  await world.manager.stop();
});

test('what an operator set is kept over a restart; a damaged file is reported and the defaults rule', async () => {
  const world = await openWorld();
  await world.manager.configure({ holdCount: 7, holdSeconds: 60, cleaner: { state: 'paused' } });
  await assert.rejects(world.manager.configure({ holdBytes: -1 }), { code: 'invalid-parameter' });
  await world.manager.stop();
  const again = await openWorld({ memory: world.memory });
  const status = again.manager.status();
  assert.deepEqual(
    [status.holdCount, status.holdBytes, status.holdSeconds, status.cleaner.state],
    [7, 256 * 1024 * 1024, 60, 'paused'],
  );
  await again.manager.stop();
  again.memory.flipBit('/data/databases/main/checkpoint.json', 100);
  const third = await openWorld({ memory: world.memory });
  assert.equal(third.manager.status().holdCount, 10_000);
  assert.ok(third.observer.has('checkpoint-configuration-damaged'));
  await third.manager.stop();
});

test('a step that failed half way is gone on with, though nothing more may go', async () => {
  const world = await openWorld();
  writeSome(world, 100);
  await level(world);
  const drop = world.log.dropBelow.bind(world.log);
  const asked: number[] = [];
  world.log.dropBelow = async (instance) => {
    asked.push(instance);
    const first = await drop(instance);
    if (asked.length === 1) throw new DiskError('failed', '/log', 'planned');
    return first;
  };
  await world.manager.configure({ holdCount: 0 });
  await clean(world);
  assert.equal(world.log.minChosenInstance, 101);
  assert.deepEqual(asked, [102]);
  world.clock.advance(2_000);
  await clean(world);
  assert.equal(asked[1], 101, 'what it has given up already is asked for again');
  await world.manager.stop();
});

test('a log that begins above the checkpoint, because the rest of it was damaged, is left as it is', async () => {
  const world = await openWorld();
  await world.manager.configure({ holdCount: 0, replayer: { state: 'paused' } });
  writeSome(world, 50);
  world.log.minChosenInstance = 20;
  world.manager.cleaner.notify();
  await clean(world);
  assert.equal(world.log.minChosenInstance, 20);
  assert.equal(world.observer.has('clean-failed'), false);
  await world.manager.stop();
});
