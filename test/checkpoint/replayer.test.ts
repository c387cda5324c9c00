import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DiskError } from '../../src/base/disk.ts';
import { LoggosError } from '../../src/base/errors.ts';
import { settle } from './support/manual-clock.ts';
import { farDeadline, level, openWorld, writeSome } from './support/world.ts';

const code = (expected: string) => (error: unknown) => error instanceof LoggosError && error.code === expected;

test('the checkpoint follows what is applied, and never passes it', async () => {
  const world = await openWorld();
  writeSome(world, 25);
  await level(world);
  assert.equal(world.manager.checkpointInstance, 26);
  assert.equal(world.log.checkpointedTo, 26);
  assert.equal(world.machines[0]?.lines, 25);
  assert.equal(world.manager.checkpointInstance, world.log.appliedInstance);
  await world.manager.stop();
});

test('what is written at once shares one commit; a commit ends at every multiple of 1,000', async () => {
  const world = await openWorld();
  writeSome(world, 2_500);
  await level(world);
  const [machine] = world.machines;
  assert.equal(machine?.checkpointInstance(), 2_501);
  assert.equal(machine?.commitCount, 3);
  await world.manager.stop();
});

test('a transaction is bounded in events, more of them when behind', async () => {
  const world = await openWorld();
  await world.manager.configure({ replayer: { state: 'paused' } });
  await settle();
  for (let index = 0; index < 20; index += 1) world.log.write(Array.from({ length: 400 }, (_, n) => `${index}.${n}`));
  const commits = world.machines[0]?.commitCount ?? 0;
  await world.manager.configure({ replayer: { state: 'running' } });
  await level(world);
  // 8,000 events: 1,000, rounded up to whole instances, while it is not known to be behind; then the rest.
  const count = (world.machines[0]?.commitCount ?? 0) - commits;
  assert.equal(count, 2);
  await world.manager.stop();
});

test('a full disk under the Replayer is told without paths; the whole of it is reported', async () => {
  const world = await openWorld();
  const [machine] = world.machines;
  assert.ok(machine !== undefined);
  machine.onReplay = () => {
    throw new DiskError('no-room', '/secret/place', 'ENOSPC: /secret/place');
  };
  writeSome(world, 5);
  await assert.rejects(
    world.manager.createSnapshot(),
    (error: Error) =>
      code('busy')(error) && /disk failed: no room/.test(error.message) && !/secret/.test(error.message),
  );
  assert.equal(world.manager.status().replayer.reason, "the checkpoint's disk failed: no room");
  assert.ok(world.observer.reports.some(({ facts }) => /secret/.test(String(facts?.error))));
  await world.manager.stop();
});

test('two machines: the checkpoint is their minimum, and the one ahead skips what it covers', async () => {
  const first = await openWorld({ machineIds: [1, 2] });
  writeSome(first, 30);
  await level(first);
  await first.manager.stop();
  // Machine 2 lost its files: it begins again at 0.
  await first.disk.removeTree('/data/databases/main/checkpoints/1/machine-2');
  const world = await openWorld({ memory: first.memory, machineIds: [1, 2], begin: false });
  assert.equal(world.manager.checkpointInstance, 0);
  world.log.begin();
  writeSome(world, 40);
  const [ahead, behind] = world.machines;
  await level(world);
  assert.equal(ahead?.replayed[0], 32);
  assert.equal(behind?.replayed[0], 1);
  assert.equal(ahead?.checkpointInstance(), 41);
  assert.equal(behind?.checkpointInstance(), 41);
  await world.manager.stop();
});

test('a membership is in group.json before the commit that covers it', async () => {
  const world = await openWorld();
  await level(world);
  assert.deepEqual(
    world.current.group.group?.memberships.map(({ instance }) => instance),
    [1],
  );
  const group = Buffer.from(world.memory.bytesOf('/data/databases/main/checkpoints/1/group.json')).toString('utf8');
  assert.match(group, /"clusterId":"c0ffee".*"seal":"/);
  await world.manager.stop();
});

test('a failed instance is tried again, in order, with longer and longer pauses', async () => {
  const world = await openWorld();
  const [machine] = world.machines;
  assert.ok(machine !== undefined);
  let failures = 5;
  machine.onReplay = (instance) => {
    if (instance === 7 && failures > 0) {
      failures -= 1;
      throw new DiskError('failed', '', 'planned');
    }
  };
  writeSome(world, 20);
  const reached = world.manager.reached(21, farDeadline);
  await settle();
  assert.equal(failures, 4);
  world.clock.advance(99);
  await settle();
  assert.equal(failures, 4);
  for (const pauseMs of [1, 200, 400]) {
    world.clock.advance(pauseMs);
    await settle();
  }
  assert.equal(failures, 1);
  assert.equal(world.manager.status().replayer.state, 'failed');
  assert.equal(world.manager.status().replayer.reason, "the checkpoint's disk failed: reading or writing failed");
  assert.equal(world.manager.checkpointInstance, 0);
  for (const pauseMs of [800, 1_600]) {
    world.clock.advance(pauseMs);
    await settle();
  }
  await reached;
  assert.equal(world.manager.status().replayer.state, 'running');
  assert.deepEqual(
    machine.replayed.slice(-21),
    Array.from({ length: 21 }, (_, index) => index + 1),
  );
  assert.equal(machine.lines, 20);
  await world.manager.stop();
});

test('a log that does not give an instance stops the Replayer there, and nothing is skipped', async () => {
  const world = await openWorld();
  writeSome(world, 5);
  await level(world);
  let broken = true;
  world.log.onRead = () => {
    if (broken) throw new LoggosError('log-damaged', 'planned');
  };
  writeSome(world, 5);
  const reached = world.manager.reached(11, farDeadline);
  await settle();
  assert.equal(world.manager.checkpointInstance, 6);
  broken = false;
  world.clock.advance(100);
  await reached;
  assert.equal(world.machines[0]?.lines, 10);
  await world.manager.stop();
});

test('a log that cannot be read however often it is tried: the replica is told, once, and the checkpoint goes on if it can', async () => {
  const told: LoggosError[] = [];
  const world = await openWorld({ onLogRot: (error) => told.push(error) });
  writeSome(world, 5);
  await level(world);
  let failures = 2;
  world.log.onRead = () => {
    if (failures === 0) return;
    failures -= 1;
    throw new LoggosError('log-damaged', 'planned');
  };
  const fail = async (): Promise<void> => {
    await settle();
    for (let attempt = 0; attempt < 12; attempt += 1) {
      world.clock.advance(10_000);
      await settle();
    }
  };
  writeSome(world, 5);
  await fail();
  assert.equal(failures, 0);
  assert.equal(told.length, 0, 'two wrong reads are none that last');
  failures = 5;
  writeSome(world, 5);
  await fail();
  assert.equal(failures, 0);
  assert.deepEqual(
    told.map((error) => error.code),
    ['log-damaged'],
  );
  assert.equal(world.manager.checkpointInstance, world.log.appliedInstance);
  await world.manager.stop();
});

test('a checkpoint that executes otherwise than the live state is never committed, and nothing is cleaned', async () => {
  const broken: Error[] = [];
  const world = await openWorld({ onBroken: (error) => broken.push(error) });
  writeSome(world, 10);
  await level(world);
  const [machine] = world.machines;
  assert.ok(machine !== undefined);
  const { instance } = await world.manager.createSnapshot();
  machine.divergesAt = 15;
  await world.manager.configure({ holdCount: 0 });
  writeSome(world, 10);
  await assert.rejects(Promise.race([world.manager.reached(21, farDeadline), expire(world.clock)]));
  assert.equal(world.manager.status().replayer.state, 'failed');
  assert.equal(world.manager.checkpointInstance, 11);
  assert.equal(broken.length, 1);
  assert.ok(world.observer.has('replay-broken'));
  assert.ok(world.log.minChosenInstance <= 12);
  // It stays so, whatever is asked.
  world.manager.replayer.resume();
  world.clock.advance(1_000_000);
  await settle();
  assert.equal(world.manager.checkpointInstance, 11);
  // It is no source of snapshots, of older ones neither, which may be dropped (E5).
  await assert.rejects(world.manager.createSnapshot(), code('diverged'));
  await assert.rejects(world.manager.openSnapshot(instance), code('diverged'));
  assert.equal((await world.manager.listSnapshots()).length, 1);
  await world.manager.removeSnapshot(instance);
  await world.manager.stop();
});

test('a value of a machine that is not registered stops the checkpoint before it', async () => {
  const world = await openWorld();
  writeSome(world, 3);
  world.log.write(['foreign'], 9);
  writeSome(world, 3);
  void world.manager.reached(8, farDeadline).catch(() => undefined);
  for (let round = 0; round < 5; round += 1) {
    await settle();
    world.clock.advance(10_000);
  }
  await settle();
  assert.equal(world.manager.status().replayer.state, 'failed');
  assert.match(world.manager.status().replayer.reason ?? '', /machine 9, which is not registered/);
  assert.equal(world.manager.checkpointInstance, 0);
  await world.manager.stop();
});

test('paused, the checkpoint stands still while writes go on; resumed, it catches up; both are kept over a restart', async () => {
  const world = await openWorld();
  writeSome(world, 5);
  await level(world);
  await world.manager.configure({ replayer: { state: 'paused' } });
  writeSome(world, 50);
  await settle();
  world.clock.advance(60_000);
  await settle();
  assert.equal(world.manager.checkpointInstance, 6);
  assert.deepEqual(world.manager.status().replayer, { state: 'paused', lag: 50 });
  await assert.rejects(world.manager.createSnapshot(), code('busy'));
  await world.manager.stop();

  const again = await openWorld({ memory: world.memory });
  assert.equal(again.manager.status().replayer.state, 'paused');
  writeSome(again, 50);
  await again.manager.configure({ replayer: { state: 'running' } });
  await level(again);
  assert.equal(again.manager.checkpointInstance, 56);
  await again.manager.stop();
});

test('who waits for an instance is told when it is reached, or that the time is up, or that the replica stops', async () => {
  const world = await openWorld();
  await world.manager.configure({ replayer: { state: 'paused' } });
  writeSome(world, 5);
  const late = world.manager.reached(6, world.clock.monotonic() + 5_000);
  const stopped = world.manager.reached(6, farDeadline);
  world.clock.advance(5_001);
  await assert.rejects(late, code('position-not-reached'));
  await world.manager.stop();
  await assert.rejects(stopped, code('stopped'));
  await assert.rejects(world.manager.reached(6, farDeadline), code('stopped'));
  assert.equal(world.clock.timerCount, 0);
});

test('nobody waiting, writes wait half a second for company; a waiter ends that at once, and shortens what follows', async () => {
  const world = await openWorld();
  await level(world);
  world.clock.advance(10_000);
  const commits = world.machines[0]?.commitCount;
  world.log.write(['a']);
  await settle();
  world.log.write(['b']);
  await settle();
  world.clock.advance(499);
  await settle();
  assert.equal(world.machines[0]?.commitCount, commits);
  world.clock.advance(1);
  await settle();
  assert.equal(world.machines[0]?.commitCount, (commits ?? 0) + 1);
  assert.equal(world.machines[0]?.lines, 2);
  world.log.write(['c']);
  await settle();
  await level(world);
  assert.equal(world.machines[0]?.lines, 3);
  world.log.write(['d']);
  await settle();
  assert.equal(world.machines[0]?.lines, 3);
  world.clock.advance(50);
  await settle();
  assert.equal(world.machines[0]?.lines, 4);
  await world.manager.stop();
});

test('caught up, the Replayer does nothing until something is applied', async () => {
  const world = await openWorld();
  writeSome(world, 5);
  await level(world);
  await settle();
  const { readCount } = world.log;
  world.clock.advance(3_000);
  await settle();
  assert.equal(world.log.readCount, readCount);
  await world.manager.stop();
});

async function expire(clock: { advance(durationMs: number): void }): Promise<never> {
  await settle(200);
  clock.advance(1_000);
  await settle();
  throw new Error('not reached');
}
