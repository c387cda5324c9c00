import assert from 'node:assert/strict';
import { test } from 'node:test';
import { delay } from '../../../src/base/clock.ts';
import type { FaultKind } from '../../../src/simulation/world/fault-kinds.ts';
import type { Hands } from '../../../src/simulation/world/simulated-process.ts';
import { Weather, type WeatherOptions } from '../../../src/simulation/world/weather.ts';
import { handsOf, testRoom, text } from './test-room.ts';

const names = ['aalto', 'koski', 'lakka', 'niemi'];

/** Four machines, each with a file, a minute of weather of one kind. */
async function aMinuteOf(faults: Partial<Record<FaultKind, number>>, options: WeatherOptions<Hands> = {}) {
  const room = await testRoom({ machines: names, faults, shapes: { 'restart-ms': 500 } });
  for (const name of names) {
    const { disk } = handsOf(room, name);
    const file = await room.settled(disk.open('/file', 'create'));
    await room.settled(file.writeAndSync(0, text(`${name} was here`)));
    await room.settled(disk.syncDirectory('/'));
  }
  const weather = new Weather(room, options);
  const ends: string[] = [];
  for (const machine of room.machines) machine.onEnd((_, { kind }) => ends.push(kind));
  weather.begin();
  let cuts = 0;
  let pauses = 0;
  const cutPaths = () => names.flatMap((from) => names.filter((to) => to !== from && room.network.isCut(from, to)));
  const isPaused = () => room.machines.some(({ process }) => process?.state === 'paused');
  await room.run({
    untilMs: room.scheduler.nowMs + 60_000,
    afterEvent: () => {
      cuts = Math.max(cuts, cutPaths().length);
      if (isPaused()) pauses += 1;
    },
  });
  return { room, weather, ends, cuts, pauses, cutPaths, isPaused, count: (kind: string) => room.coverage.count(kind) };
}

test('partitions come and go, and calm lifts those that last', async () => {
  const most: Partial<Record<FaultKind, number>> = {
    'one-way-cut': 1,
    isolation: 6,
    'size-partition': 8,
    'ring-partition': 8,
    clog: 1,
  };
  for (const [kind, paths] of Object.entries(most) as [FaultKind, number][]) {
    const { cuts, weather, cutPaths, count } = await aMinuteOf({ [kind]: 20 });
    assert.ok(count(kind) > 5, `${kind} ${count(kind)}`);
    assert.ok(cuts >= paths, `${kind} cuts ${cuts}`);
    weather.calm();
    assert.deepEqual(cutPaths(), []);
  }
});

test('whatever ends is started again, and lives when it is calm', async () => {
  for (const kind of ['kill', 'power-cut', 'all-power-cut'] as const) {
    const { room, weather, ends, count } = await aMinuteOf({ [kind]: 20 });
    assert.ok(count(kind) > 5);
    assert.deepEqual([...new Set(ends)], [kind === 'kill' ? 'kill' : 'power-cut']);
    weather.calm();
    await room.run({ untilMs: room.scheduler.nowMs + 50 });
    assert.equal(room.machines.filter(({ running }) => running !== undefined).length, 4);
    assert.ok(room.machines.reduce((sum, { lives }) => sum + lives, 0) > 8);
  }
});

test('pauses end, at the latest when it is calm', async () => {
  const { pauses, weather, isPaused, count } = await aMinuteOf({ pause: 30 });
  assert.ok(count('pause') > 5 && pauses > 0);
  weather.calm();
  assert.equal(isPaused(), false);
});

test('wall clocks jump and clocks stand still, on a machine at a time', async () => {
  const { room, count } = await aMinuteOf({ 'wall-jump': 20, 'clock-stall': 20 });
  assert.ok(count('wall-jump') > 5 && count('clock-stall') > 5);
  const walls = names.map((name) => handsOf(room, name).clock.now());
  assert.ok(Math.max(...walls) - Math.min(...walls) > 60_000);
});

test('disks fill up for a while, and have room when it is calm', async () => {
  const { room, weather, count } = await aMinuteOf({ 'full-disk': 30 });
  assert.ok(count('full-disk') > 5);
  weather.calm();
  for (const { disk } of room.machines) assert.equal(disk.capacityBytes, Number.POSITIVE_INFINITY);
});

test('disks rot, are lost, rolled back and cloned, always on the same minority', async () => {
  const kinds = ['rest-rot', 'disk-lost', 'disk-rolled-back', 'disk-cloned'] as const;
  const changes = new Set<string>();
  for (const kind of kinds) {
    const { room, count } = await aMinuteOf(
      { [kind]: 20 },
      {
        restart: (machine, change) => {
          changes.add(String(change));
          machine.restart();
        },
      },
    );
    assert.ok(count(kind) > 0, kind);
    const [damaged = '', ...more] = room.atlas.damaged();
    assert.deepEqual(more, []);
    for (const name of names.filter((other) => other !== damaged))
      assert.equal(new TextDecoder().decode(room.machine(name).disk.bytesOf('/file')), `${name} was here`);
  }
  assert.deepEqual([...changes].sort(), ['disk-cloned', 'disk-lost', 'disk-rolled-back']);
});

test('a process is crashed in its start, again in the next one, and sometimes started twice', async () => {
  const room = await testRoom({
    machines: ['aalto'],
    faults: { kill: 30, 'boot-crash': 0.8, 'double-start': 0.3 },
    shapes: { 'restart-ms': 100, 'sync-ms': 30 },
  });
  const machine = room.machine('aalto');
  const booted: number[] = [];
  machine.kill();
  machine.start(async (hands) => {
    await delay(hands.clock, 500);
    booted.push(hands.life);
    return hands;
  });
  new Weather(room).begin();
  let most = 0;
  const booting: boolean[] = [];
  machine.onEnd((process) => booting.push(process.isBooting || process.end === undefined));
  await room.run({
    untilMs: 60_000,
    afterEvent: () => {
      most = Math.max(most, machine.processes.length);
    },
  });
  assert.ok(room.coverage.count('crashed while booting') > 3);
  const neverBooted = new Set(Array.from({ length: machine.lives }, (_, index) => index + 1)).difference(
    new Set(booted),
  );
  assert.ok(
    [...neverBooted].some((life) => neverBooted.has(life + 1)),
    'twice in a row',
  );
  assert.equal(most, 2);
});

test('sheltered machines are left alone', async () => {
  const { room, ends } = await aMinuteOf({ kill: 20 });
  const before = ends.length;
  room.fate.shelter(names);
  await room.run({ untilMs: room.scheduler.nowMs + 60_000 });
  assert.equal(ends.length, before);
});

test('a crash is often in the middle of a write, which then is torn', async () => {
  const room = await testRoom({
    machines: ['aalto'],
    faults: { kill: 30, 'torn-write': 1 },
    shapes: { 'write-ms': 0.1 },
  });
  const machine = room.machine('aalto');
  machine.kill();
  machine.start(async (hands) => {
    const known = await hands.disk.stat('/file');
    const file = await hands.disk.open('/file', known === undefined ? 'create' : 'write');
    const writeNowAndThen = () => {
      void file.writeAndSync(0, text('written')).then(() => hands.clock.after(50, writeNowAndThen));
    };
    writeNowAndThen();
    return hands;
  });
  new Weather(room).begin();
  await room.run({ untilMs: 60_000 });
  const torn = room.coverage.count('torn-write');
  assert.ok(torn > 5 && torn < room.coverage.count('kill'), `${torn} of ${room.coverage.count('kill')}`);
});
