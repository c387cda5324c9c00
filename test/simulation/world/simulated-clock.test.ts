import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Owner, Scheduler } from '../../../src/simulation/world/scheduler.ts';
import { MachineTime, SimulatedClock } from '../../../src/simulation/world/simulated-clock.ts';

function clockWith(options: ConstructorParameters<typeof MachineTime>[1] = {}) {
  const scheduler = new Scheduler();
  const time = new MachineTime(scheduler, options);
  const owner: { name: string; state: Owner['state'] } = { name: 'aalto', state: 'running' };
  return { scheduler, time, owner, clock: new SimulatedClock(scheduler, time, owner) };
}

test('both times go on with the world, from an uptime and a skew', async () => {
  const { scheduler, clock } = clockWith({ uptimeMs: 5_000, skewMs: -60_000 });
  const wall = clock.now();
  assert.equal(clock.monotonic(), 5_000);
  await scheduler.run({ untilMs: 250 });
  assert.equal(clock.monotonic(), 5_250);
  assert.equal(clock.now() - wall, 250);
  assert.equal(wall - clockWith().clock.now(), -60_000);
});

test('a fast quartz fires early by true time, never by its own', async () => {
  const { scheduler, time, clock } = clockWith({ rate: 2 });
  const fired: number[][] = [];
  clock.after(100, () => fired.push([scheduler.nowMs, clock.monotonic()]));
  await scheduler.run();
  assert.deepEqual(fired, [[50, 100]]);
  time.setRate(0.5);
  clock.after(100, () => fired.push([scheduler.nowMs, clock.monotonic()]));
  await scheduler.run();
  assert.deepEqual(fired[1], [250, 200]);
});

test('a timer waits longer when its clock slows down or stands still meanwhile', async () => {
  const { scheduler, time, clock } = clockWith();
  const fired: number[] = [];
  clock.after(100, () => fired.push(scheduler.nowMs));
  await scheduler.run({ untilMs: 40 });
  time.stall(30);
  await scheduler.run({ untilMs: 60 });
  assert.equal(clock.monotonic(), 40);
  await scheduler.run({ untilMs: 80 });
  assert.equal(clock.monotonic(), 50);
  time.setRate(0.5);
  await scheduler.run();
  assert.deepEqual(fired, [180]);
  assert.ok(clock.monotonic() >= 100);
});

test('the wall clock jumps both ways; the monotonic one does not see it', async () => {
  const { scheduler, time, clock } = clockWith();
  const wall = clock.now();
  await scheduler.run({ untilMs: 10 });
  time.jumpWall(-3_600_000);
  assert.equal(clock.now() - wall, 10 - 3_600_000);
  assert.equal(clock.monotonic(), 10);
  time.jumpWall(7_200_000);
  assert.equal(clock.now() - wall, 10 + 3_600_000);
});

test('no timer is shorter than a millisecond, so that code that waits for a time always reaches it', async () => {
  const { scheduler, clock } = clockWith({ rate: 1.7 });
  const deadline = clock.monotonic() + 10;
  let looks = 0;
  const look = () => {
    looks += 1;
    if (clock.monotonic() < deadline) clock.after(deadline - clock.monotonic() - 0.9, look);
  };
  look();
  assert.equal(await scheduler.run({ eventsMax: 100 }), 'idle');
  assert.ok(looks > 1 && looks < 20);
});

test('a cancelled timer is silent, and so are all timers of a process that has ended', async () => {
  const { scheduler, owner, clock } = clockWith();
  const cancel = clock.after(5, () => assert.fail('it was cancelled'));
  cancel();
  await scheduler.run();
  clock.after(5, () => assert.fail('the process has ended'));
  owner.state = 'ended';
  clock.after(1, () => assert.fail('the process has ended'));
  await scheduler.run();
});
