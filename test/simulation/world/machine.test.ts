import assert from 'node:assert/strict';
import { test } from 'node:test';
import { delay } from '../../../src/base/clock.ts';
import { MachineRoom } from '../../../src/simulation/world/machine-room.ts';
import type { Hands } from '../../../src/simulation/world/simulated-process.ts';
import { handsOf, handsOnly, testRoom } from './test-room.ts';

test('a program has begun when an event of its own has run, and runs when its start is done', async () => {
  const room = new MachineRoom<string>({ seed: 1 });
  const machine = room.addMachine('aalto');
  const process = machine.start(async ({ clock, machine: name, life }) => {
    await delay(clock, 50);
    return `${name} ${life}`;
  });
  await room.run({ untilMs: 20 });
  assert.deepEqual([process.isBooting, machine.running], [true, undefined]);
  await room.run();
  assert.deepEqual([process.isBooting, machine.running], [false, 'aalto 1']);
});

test('a process is crashed at any await, in its start too, and nothing of it goes on', async () => {
  for (let atMs = 0; atMs < 60; atMs += 7) {
    const room = new MachineRoom<string>({ seed: 1 });
    const steps: number[] = [];
    const machine = room.addMachine('aalto');
    machine.start(async ({ clock }) => {
      for (let step = 0; step < 10; step += 1) {
        steps.push(step);
        await delay(clock, 5);
      }
      return 'booted';
    });
    await room.run({ untilMs: atMs });
    const before = steps.length;
    machine.kill();
    assert.equal(await room.run(), 'idle');
    assert.deepEqual([steps.length, machine.running, machine.processes.length], [before, undefined, 0]);
  }
});

test('a process that starts again has a new life, new chance and the same disk', async () => {
  const room = await testRoom();
  const machine = room.machine('aalto');
  const first = handsOf(room, 'aalto');
  machine.kill();
  machine.restart();
  await room.run();
  const second = handsOf(room, 'aalto');
  assert.deepEqual([first.life, second.life, machine.lives], [1, 2, 2]);
  assert.notDeepEqual(first.random.bytes(8), second.random.bytes(8));
});

test('how each process ended is told once: killed, out of power, by its own wish, or failed to start', async () => {
  const room = await testRoom({ machines: ['aalto'] });
  const machine = room.machine('aalto');
  const ends: unknown[] = [];
  machine.onEnd((process, end) => ends.push([process.life, end]));
  machine.kill();
  machine.kill();
  machine.restart();
  await room.run();
  machine.powerCut();
  machine.restart();
  await room.run();
  handsOf(room, 'aalto').exit('the sync failed');
  const failure = new Error('damaged');
  machine.start(() => Promise.reject(failure));
  await room.run();
  assert.deepEqual(ends, [
    [1, { kind: 'kill' }],
    [2, { kind: 'power-cut' }],
    [3, { kind: 'exit', reason: 'the sync failed' }],
    [4, { kind: 'failed-start', reason: failure }],
  ]);
  assert.equal(machine.process, undefined);
});

test('what a listener throws at the end of a process ends the run, wherever the process ended', async () => {
  const room = await testRoom({ machines: ['aalto'] });
  room.machine('aalto').onEnd((_, { kind }) => {
    throw new Error(`checked: ${kind}`);
  });
  handsOf(room, 'aalto').exit('by itself');
  await assert.rejects(room.run(), /checked: exit/);
  room.machine('aalto').start(() => Promise.reject(new Error('damaged')));
  await assert.rejects(room.run(), /checked: failed-start/);
  assert.equal(await room.run(), 'idle');
});

test('a paused process does nothing, knows nothing of it, and goes on late', async () => {
  const room = await testRoom();
  const { clock, disk } = handsOf(room, 'aalto');
  const seen: string[] = [];
  clock.after(10, () => seen.push('timer'));
  room.machine('aalto').pause();
  void disk.stat('/').then(() => seen.push('disk'));
  await room.run({ untilMs: 5_000 });
  assert.deepEqual(seen, []);
  const before = clock.monotonic();
  room.machine('aalto').resume();
  await room.run();
  assert.deepEqual(seen, ['disk', 'timer']);
  assert.ok(before > 4_900, 'the clocks of the machine went on');
});

test('a process that is killed while paused never goes on', async () => {
  const room = await testRoom();
  handsOf(room, 'aalto').clock.after(10, () => assert.fail('it has ended'));
  room.machine('aalto').pause();
  await room.run({ untilMs: 100 });
  room.machine('aalto').kill();
  room.machine('aalto').resume();
  assert.equal(await room.run(), 'idle');
});

test('a second process may live on a machine; both see one disk, and each ends alone', async () => {
  const room = await testRoom({ machines: ['aalto'] });
  const machine = room.machine('aalto');
  const first = handsOf(room, 'aalto');
  const second = machine.start(handsOnly);
  await room.run();
  await room.settled(first.disk.makeDirectory('/made-by-first'));
  const hands = second.running as Hands;
  assert.equal((await room.settled(hands.disk.stat('/made-by-first')))?.kind, 'directory');
  assert.equal(machine.processes.length, 2);
  first.exit('alone');
  assert.deepEqual(
    machine.processes.map(({ life }) => life),
    [2],
  );
});

test('a promise that never settles is not waited for without end', async () => {
  const room = await testRoom();
  await assert.rejects(room.settled(new Promise(() => {}), 1_000), /happens in time/);
});

test('skewed and drifting clocks differ between machines', async () => {
  const room = await testRoom({ faults: { 'clock-skew': 1, 'clock-drift': 1 } });
  const [aalto, koski] = [handsOf(room, 'aalto').clock, handsOf(room, 'koski').clock];
  assert.ok(Math.abs(aalto.now() - koski.now()) > 1_000);
  const [first, second] = [aalto.monotonic(), koski.monotonic()];
  await room.run({ untilMs: 10_000 });
  const [one, other] = [aalto.monotonic() - first, koski.monotonic() - second];
  for (const ran of [one, other]) assert.ok(ran >= 5_000 && ran <= 20_000, `${ran}`);
  assert.notEqual(one, other);
});
