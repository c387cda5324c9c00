import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EventHeap } from '../../../src/simulation/world/event-heap.ts';
import { type Owner, Scheduler, world } from '../../../src/simulation/world/scheduler.ts';

const owner = (name: string): { name: string; state: Owner['state'] } => ({ name, state: 'running' });

test('events happen by time, and those of one time in the order in which they were asked for', async () => {
  const scheduler = new Scheduler();
  const seen: string[] = [];
  const add = (delayMs: number, name: string) => scheduler.after(world, delayMs, name, '', () => seen.push(name));
  add(5, 'c');
  add(1, 'a');
  add(5, 'd');
  add(1, 'b');
  assert.equal(await scheduler.run(), 'idle');
  assert.deepEqual(seen, ['a', 'b', 'c', 'd']);
  assert.equal(scheduler.nowMs, 5);
  assert.equal(scheduler.eventCount, 4);
});

test('the heap gives what a sorted list would', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), (times) => {
      const heap = new EventHeap<{ timeUs: number; sequence: number }>();
      const items = times.map((timeUs, sequence) => ({ timeUs, sequence }));
      for (const item of items) heap.push(item);
      const sorted = [...items].sort((a, b) => a.timeUs - b.timeUs || a.sequence - b.sequence);
      assert.deepEqual(
        items.map(() => heap.pop()),
        sorted,
      );
      assert.equal(heap.pop(), undefined);
    }),
  );
});

test('however long a chain of promises is, it has run dry before the next event', async () => {
  const scheduler = new Scheduler();
  let steps = 0;
  const deep = async (depth: number): Promise<void> => {
    steps += 1;
    if (depth > 0) await deep(depth - 1);
    await Promise.all([Promise.resolve(), new Promise<void>((resolve) => queueMicrotask(resolve))]);
    steps += 1;
  };
  const seen: number[] = [];
  for (let count = 0; count < 5; count += 1) {
    scheduler.after(world, 0, 'deep', count, () => void deep(200));
    scheduler.after(world, 0, 'look', count, () => seen.push(steps));
  }
  const between: number[] = [];
  await scheduler.run({ afterEvent: () => between.push(steps) });
  assert.deepEqual(seen, [402, 804, 1206, 1608, 2010]);
  assert.deepEqual(between, [402, 402, 804, 804, 1206, 1206, 1608, 1608, 2010, 2010]);
});

test('code that waits for a turn of the real loop is let through before a run is idle', async () => {
  const scheduler = new Scheduler();
  let isDone = false;
  scheduler.after(world, 0, 'begin', '', async () => {
    await new Promise(setImmediate);
    scheduler.after(world, 10, 'end', '', () => {
      isDone = true;
    });
  });
  assert.equal(await scheduler.run(), 'idle');
  assert.equal(isDone, true);
});

test('a run ends at a time, after some events, or when it is asked to, and goes on from there', async () => {
  const scheduler = new Scheduler();
  let count = 0;
  const again = () => {
    count += 1;
    scheduler.after(world, 10, 'again', count, again);
  };
  scheduler.after(world, 10, 'again', 0, again);
  assert.equal(await scheduler.run({ untilMs: 35 }), 'time');
  assert.deepEqual([count, scheduler.nowMs], [3, 35]);
  assert.equal(await scheduler.run({ eventsMax: 2 }), 'events');
  assert.deepEqual([count, scheduler.nowMs], [5, 50]);
  assert.equal(await scheduler.run({ until: () => count === 8 }), 'condition');
  assert.equal(scheduler.nowMs, 80);
});

test('what an event or a check throws ends the run, and the world can go on', async () => {
  const scheduler = new Scheduler();
  const failing = () => {
    throw new Error('an event');
  };
  scheduler.after(world, 1, 'bad', '', failing);
  scheduler.after(world, 2, 'good', '', () => {});
  await assert.rejects(scheduler.run(), /an event/);
  await assert.rejects(
    scheduler.run({
      afterEvent: () => {
        throw new Error('a check');
      },
    }),
    /a check/,
  );
  assert.equal(await scheduler.run(), 'idle');
});

test('the events of who has ended vanish; those of who is paused come late, in order', async () => {
  const scheduler = new Scheduler();
  const [dead, paused] = [owner('dead'), owner('paused')];
  const seen: string[] = [];
  const add = (who: Owner, delayMs: number, name: string) =>
    scheduler.after(who, delayMs, name, '', () => seen.push(`${name}@${scheduler.nowMs}`));
  add(dead, 1, 'never');
  add(paused, 1, 'first');
  add(paused, 2, 'second');
  add(paused, 9, 'third');
  add(world, 3, 'world');
  dead.state = 'ended';
  paused.state = 'paused';
  await scheduler.run({ untilMs: 5 });
  assert.deepEqual(seen, ['world@3']);
  paused.state = 'running';
  scheduler.release(paused);
  await scheduler.run();
  assert.deepEqual(seen, ['world@3', 'first@5', 'second@5', 'third@9']);
});

test('a cancelled event does not happen, not even after a pause', async () => {
  const scheduler = new Scheduler();
  const who = owner('a');
  const event = scheduler.after(who, 1, 'never', '', () => assert.fail('it was cancelled'));
  who.state = 'paused';
  await scheduler.run({ untilMs: 2 });
  scheduler.cancel(event);
  who.state = 'running';
  scheduler.release(who);
  assert.equal(await scheduler.run(), 'idle');
  assert.equal(scheduler.eventCount, 0);
});

test('the hash changes with a time, an owner, a kind, a detail or the order, and with nothing else', async () => {
  const hashOf = async (events: readonly (readonly [number, string, string, string | number])[]) => {
    const scheduler = new Scheduler({ traceLines: 3 });
    for (const [delayMs, name, kind, detail] of events) scheduler.after(owner(name), delayMs, kind, detail, () => {});
    await scheduler.run();
    return scheduler.traceHash;
  };
  const base = await hashOf([
    [1, 'a', 'send', 7],
    [1, 'b', 'send', 'x'],
  ]);
  const same = await hashOf([
    [1, 'a', 'send', 7],
    [1, 'b', 'send', 'x'],
  ]);
  assert.equal(base, same);
  const others = await Promise.all([
    hashOf([
      [1, 'b', 'send', 'x'],
      [1, 'a', 'send', 7],
    ]),
    hashOf([
      [1, 'a', 'send', 7.5],
      [1, 'b', 'send', 'x'],
    ]),
    hashOf([
      [1, 'a', 'send', 7],
      [1.001, 'b', 'send', 'x'],
    ]),
    hashOf([
      [1, 'a', 'sent', 7],
      [1, 'b', 'send', 'x'],
    ]),
    hashOf([
      [1, 'a', 'send', 7],
      [1, 'b', 'send', 'y'],
    ]),
  ]);
  assert.equal(new Set([base, ...others]).size, 6);
});

test('the trace has the last lines, oldest first', async () => {
  const scheduler = new Scheduler({ traceLines: 2 });
  for (const detail of [1, 2, 3]) scheduler.after(world, detail, 'step', detail, () => {});
  await scheduler.run();
  assert.deepEqual(
    scheduler.traceLines().map((line) => line.trim()),
    ['2.000  world      step 2', '3.000  world      step 3'],
  );
});
