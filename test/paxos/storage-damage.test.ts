import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copyDisk, type Disk } from './disk.ts';
import { PaxosWorld } from './world.ts';

/** The instances whose records may rot, on each of three replicas: 4,096 patterns (N7). */
const instances = [3, 4, 5, 6];
const replicas = [1, 2, 3];
const patterns = 2 ** (instances.length * replicas.length);
/** Long enough for every replica to have asked for an election twice. */
const ticksMax = 45;

type IsDamaged = (replica: number, instance: number) => boolean;

function patternOf(number: number): IsDamaged {
  return (replica, instance) => {
    const bit = (replica - 1) * instances.length + (instance - (instances[0] ?? 0));
    return Math.floor(number / 2 ** bit) % 2 === 1;
  };
}

/** Three disks with the same four votes, of which the log proves nothing to be chosen, as after a crash of all. */
function disksWithVotes(): { readonly disks: readonly Disk[]; readonly chosen: ReadonlyMap<number, string> } {
  const world = new PaxosWorld(3);
  world.campaign(1);
  world.deliver();
  for (const instance of instances) world.propose(1, `value ${instance}`);
  world.deliver();
  const disks = world.nodes.map(({ disk }) => ({ ...copyDisk(disk), chosenTo: 2 }));
  return { disks, chosen: new Map(world.chosen) };
}

const { disks, chosen } = disksWithVotes();

/** All three start on such disks. */
function start(isDamaged: IsDamaged, kind: 'accepted' | 'chosen', raisesPromise: boolean): PaxosWorld {
  const world = new PaxosWorld(3);
  world.loudness = 'nothing';
  for (const [instance, text] of chosen) world.witness.expect(instance, text);
  for (const replica of replicas) {
    world.crash(replica);
    const disk = copyDisk(disks[replica - 1] ?? assert.fail());
    for (const instance of instances) {
      disk.executed.delete(instance);
      const record = disk.records.get(instance) ?? assert.fail();
      disk.records.set(instance, { ...record, kind });
    }
    if (raisesPromise && replica === 3) disk.promised = { ...disk.promised, round: disk.promised.round + 1 };
    world.node(replica).disk = disk;
    for (const instance of instances) if (isDamaged(replica, instance)) world.damage(replica, instance);
    world.restart(replica);
  }
  return world;
}

/** Whether a leader came, with everybody level, within the time. */
function recovers(world: PaxosWorld): boolean {
  for (let tick = 0; tick < ticksMax; tick++) {
    world.pass(1);
    const isLevel = world.nodes.every(({ core }) => core.learner.chosenTo > (instances.at(-1) ?? 0));
    if (isLevel && world.nodes.some(({ id }) => world.canPropose(id))) return true;
  }
  return false;
}

function everyInstanceHasAGoodCopy(isDamaged: IsDamaged): boolean {
  return instances.every((instance) => replicas.some((replica) => !isDamaged(replica, instance)));
}

for (const kind of ['accepted', 'chosen'] as const) {
  test(`4 instances on 3 replicas, every pattern of damage to records that are ${kind}: right with one good copy each, else a stop`, () => {
    let right = 0;
    for (let number = 0; number < patterns; number++) {
      const isDamaged = patternOf(number);
      const world = start(isDamaged, kind, false);
      // The witness fails at once where any other value than the chosen one is executed, or voted for by a quorum.
      const didRecover = recovers(world);
      assert.equal(didRecover, everyInstanceHasAGoodCopy(isDamaged), `pattern ${number}`);
      if (didRecover) right++;
      else assert(!replicas.some((id) => world.canPropose(id)), 'nothing is proposed beside what may be lost');
    }
    assert.equal(right, 2401);
  });
}

test('where a newer vote may have been lost, one good copy is not enough, and nothing wrong comes of it', () => {
  for (let number = 0; number < patterns; number += 3) {
    const isDamaged = patternOf(number);
    const didRecover = recovers(start(isDamaged, 'accepted', true));
    const hasTwoCopies = instances.every(
      (instance) => replicas.filter((replica) => !isDamaged(replica, instance)).length >= 2,
    );
    if (hasTwoCopies) assert(didRecover, `pattern ${number}`);
    if (didRecover) assert(everyInstanceHasAGoodCopy(isDamaged), `pattern ${number}`);
  }
});
