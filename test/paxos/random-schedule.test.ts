import { test } from 'node:test';
import fc from 'fast-check';
import { goOn, play, schedules } from './schedule.ts';
import { PaxosWorld } from './world.ts';

/** How many runs each; by default a few seconds' worth. `PAXOS_RUNS=10000` for a night's. */
const runs = Number(process.env.PAXOS_RUNS ?? 0);

test('one value an instance, under any schedule with damaged logs', () => {
  fc.assert(
    fc.property(fc.constantFrom(3, 3, 5), schedules(400), (count, schedule) => {
      play(new PaxosWorld(count, 'known'), schedule, { tears: true, damage: true, membership: false });
    }),
    { numRuns: runs || 250 },
  );
});

test('one value an instance, under any schedule with damaged logs, changing members and lost disks', () => {
  fc.assert(
    fc.property(fc.constantFrom(1, 3, 4, 5), schedules(400), (count, schedule) => {
      play(new PaxosWorld(count), schedule, { tears: true, damage: true, membership: true });
    }),
    { numRuns: runs || 250 },
  );
});

test('after any schedule without damage a healed group agrees on everything, and goes on', () => {
  fc.assert(
    fc.property(fc.constantFrom(3, 3, 5), schedules(300), (count, schedule) => {
      goOn(play(new PaxosWorld(count, 'known'), schedule, { tears: true, damage: false, membership: false }));
    }),
    { numRuns: runs || 150 },
  );
});

test('after any schedule of changing members and lost disks a healed group goes on', () => {
  fc.assert(
    fc.property(fc.constantFrom(1, 3, 4, 5), schedules(400), (count, schedule) => {
      goOn(play(new PaxosWorld(count), schedule, { tears: false, damage: false, membership: true }));
    }),
    { numRuns: runs || 150 },
  );
});

test('a new group forms under any schedule, once everybody is there', () => {
  fc.assert(
    fc.property(fc.constantFrom(1, 3, 5), schedules(100), (count, schedule) => {
      goOn(play(new PaxosWorld(count, 'forming'), schedule, { tears: true, damage: false, membership: false }));
    }),
    { numRuns: runs || 100 },
  );
});
