import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PaxosWorld } from './world.ts';

type Act = readonly [kind: number, replica: number, pick: number];

const act: fc.Arbitrary<Act> = fc.tuple(fc.nat(99), fc.integer({ min: 1, max: 3 }), fc.nat(1_000_000));

/** One step of a schedule: whatever order, loss, repetition, slow disk, crash, torn tail or rot it asks for. */
function perform(world: PaxosWorld, [kind, replica, pick]: Act, mayDamage: boolean): void {
  const node = world.node(replica);
  if (kind < 55) {
    const envelope = world.messages[pick % Math.max(1, world.messages.length)];
    if (envelope === undefined) return;
    if (kind < 48 || kind >= 52) world.messages = world.messages.filter((other) => other !== envelope);
    if (kind < 52) world.receive(envelope);
  } else if (kind < 60) world.campaign(replica);
  else if (kind < 66) world.input(replica, { kind: 'tick' });
  else if (kind < 76) {
    if (world.canPropose(replica)) world.propose(replica, String(pick));
  } else if (kind < 80) node.isHeld = true;
  else if (kind < 88) {
    node.isHeld = false;
    world.sync(replica);
  } else if (kind < 92) {
    if (!node.isUp) return;
    world.crash(replica, pick % 2 === 0);
    if (mayDamage && pick % 5 === 0) world.damage(replica, node.chosenTo + 1 + (pick % 3));
    if (mayDamage && pick % 7 === 0) node.lostAbove = { instance: node.chosenTo + (pick % 3), proof: 'damaged' };
    for (const instance of node.records.keys()) {
      if (node.lostAbove !== undefined && instance > node.lostAbove.instance) world.damage(replica, instance);
    }
  } else if (kind < 97) {
    if (!node.isUp) world.restart(replica);
  } else world.teach(replica, node.core.learner.chosenTo + 1, 1 + (pick % 3));
}

/** Everybody is back and nothing is lost any more; time does the rest. @returns the leader */
function heal(world: PaxosWorld): number {
  for (const { id, isUp } of world.nodes) {
    world.node(id).isHeld = false;
    if (!isUp) world.restart(id);
    else world.sync(id);
  }
  for (let round = 0; round < 200; round++) {
    passTime(world);
    const leader = world.nodes.find(({ id }) => world.canPropose(id));
    if (leader !== undefined && isLevel(world)) return leader.id;
  }
  return assert.fail('a healed group elects a leader, and everybody catches up');
}

function passTime(world: PaxosWorld): void {
  world.deliver();
  for (const { id } of world.nodes) world.input(id, { kind: 'tick' });
  world.deliver();
}

function isLevel(world: PaxosWorld): boolean {
  return new Set(world.nodes.map((node) => node.core.learner.chosenTo)).size === 1;
}

test('one value an instance, under any schedule of three replicas with damaged logs', () => {
  fc.assert(
    fc.property(fc.array(act, { minLength: 50, maxLength: 400, size: 'max' }), (schedule) => {
      const world = new PaxosWorld(3, false);
      for (const step of schedule) perform(world, step, true);
    }),
    { numRuns: 400 },
  );
});

test('after any schedule without damage a healed group agrees on everything, and goes on', () => {
  fc.assert(
    fc.property(fc.array(act, { minLength: 50, maxLength: 300, size: 'max' }), (schedule) => {
      const world = new PaxosWorld(3, false);
      for (const step of schedule) perform(world, step, false);
      const leader = heal(world);
      world.propose(leader, 'last');
      for (let round = 0; round < 20; round++) passTime(world);
      assert(isLevel(world), 'what is chosen is learned everywhere');
      assert.equal([...world.chosen.values()].filter((text) => text === '"last"').length, 1);
    }),
    { numRuns: 200 },
  );
});
