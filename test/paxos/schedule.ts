import assert from 'node:assert/strict';
import fc from 'fast-check';
import { membershipIn } from '../../src/paxos/chosen-value.ts';
import { canRead } from '../../src/paxos/core.ts';
import type { Envelope, PaxosWorld } from './world.ts';

const nodesMax = 7;

export type Act = readonly [kind: number, replica: number, pick: number];

const act: fc.Arbitrary<Act> = fc.tuple(fc.nat(999), fc.nat(nodesMax - 1), fc.nat(1_000_000));
export const schedules = (length: number) => fc.array(act, { minLength: 50, maxLength: length, size: 'max' });

/** What a schedule may do to disks and members, beside what it does to messages and processes. */
export interface Perils {
  /** A crash may tear what was being written. */
  readonly tears: boolean;
  readonly damage: boolean;
  readonly membership: boolean;
}

let rounds = 0;

/** One step of a schedule: whatever order, loss, repetition, slow disk, crash, change or rot it asks for. */
function perform(world: PaxosWorld, [kind, which, pick]: Act, perils: Perils): void {
  const node = world.nodes[which % world.nodes.length] ?? assert.fail();
  const { id } = node;
  if (kind < 380) deliverOne(world, pick, kind < 330, kind < 360 || kind >= 370);
  else if (kind < 400) replayOne(world, pick);
  else if (kind < 470) world.pass(1 + (pick % 3));
  else if (kind < 540) world.input(id, { kind: 'tick' });
  else if (kind < 580) world.campaign(id);
  else if (kind < 690) {
    if (world.canPropose(id)) world.propose(id, String(pick));
  } else if (kind < 720) {
    if (node.isUp && canRead(node.core)) world.read(id, ++rounds);
  } else if (kind < 740) {
    if (node.isUp && node.core.leader.phase === 'leading') {
      world.input(id, { kind: 'transfer', to: 1 + (pick % world.nodes.length) });
    }
  } else if (kind < 770) node.isHeld = true;
  else if (kind < 820) {
    node.isHeld = false;
    world.sync(id);
  } else if (kind < 850) crash(world, id, pick, perils);
  else if (kind < 880) {
    if (!node.isUp) world.restart(id);
  } else if (kind < 895) world.cut(id, 1 + (pick % world.nodes.length));
  else if (kind < 920) world.mend();
  else if (kind < 930) {
    const { chosenTo } = node.core.learner;
    if (node.isUp && chosenTo > 0) world.trim(id, pick % (chosenTo + 1));
  } else if (kind < 940) installOne(world, pick);
  else if (perils.membership) changeMembers(world, kind, node, pick);
}

function deliverOne(world: PaxosWorld, pick: number, takes: boolean, delivers: boolean): void {
  const envelope = world.messages[pick % Math.max(1, world.messages.length)];
  if (envelope === undefined) return;
  if (takes || !delivers) world.messages = world.messages.filter((other) => other !== envelope);
  if (delivers) world.receive(envelope);
}

/** An old message once more. What was an answer to a process that is gone comes over that process's connection alone. */
function replayOne(world: PaxosWorld, pick: number): void {
  const envelope = world.sent[pick % Math.max(1, world.sent.length)];
  if (envelope === undefined || isBoundToProcess(envelope)) return;
  world.receive(envelope);
}

function isBoundToProcess({ message }: Envelope): boolean {
  return message.kind === 'form-answer' || message.kind === 'distrusted' || message.kind === 'outdated';
}

function crash(world: PaxosWorld, id: number, pick: number, { damage, tears }: Perils): void {
  const node = world.node(id);
  if (!node.isUp) return;
  world.crash(id, tears && pick % 2 === 0);
  const { disk } = node;
  if (damage && pick % 5 === 0) world.damage(id, disk.chosenTo + 1 + (pick % 3));
  if (damage && pick % 7 === 0) disk.lostAbove = { instance: disk.chosenTo + (pick % 3), proof: 'damaged' };
  for (const instance of disk.records.keys()) {
    if (disk.lostAbove !== undefined && instance > disk.lostAbove.instance) world.damage(id, instance);
  }
}

/** Whoever needs a snapshot gets one, of somebody who is ahead. */
function installOne(world: PaxosWorld, pick: number): void {
  for (const id of world.behind) {
    const source = world.nodes[pick % world.nodes.length] ?? assert.fail();
    if (source.id === id || source.core.learner.chosenTo <= world.node(id).core.learner.chosenTo) continue;
    if (source.isUp && !world.node(id).core.isExcluded) world.install(id, source.id);
  }
}

function changeMembers(world: PaxosWorld, kind: number, { id, disk }: PaxosWorld['nodes'][number], pick: number): void {
  if (kind < 985) {
    const of = 1 + (pick % world.nodes.length);
    const change = kind < 955 ? 'add' : kind < 975 ? 'promote' : 'remove';
    // A leader cannot know of a disk that was lost a moment ago: who removes another member then has no quorum left.
    if (change === 'remove' && !world.witness.mayLose(of, world.node(of).disk.incarnation)) return;
    world.changeMembership(id, change, of);
  } else if (kind < 992) {
    if (world.nodes.length < nodesMax) world.addNewcomer();
  } else if (world.witness.mayLose(id, disk.incarnation) && !hasMembershipOnItsWay(world)) world.wipe(id);
}

function hasMembershipOnItsWay(world: PaxosWorld): boolean {
  return world.nodes.some(({ core, disk, unsynced }) =>
    [
      ...[...core.leader.proposals.values()].map(({ value }) => value),
      ...[...disk.records.values()].filter(({ instance }) => !world.chosen.has(instance)).map(({ value }) => value),
      ...unsynced.flatMap((output) => (output.kind === 'persist' ? [output.record.value] : [])),
    ].some((value) => membershipIn(value) !== undefined),
  );
}

/** Everybody is back and nothing is lost any more; time does the rest. @returns the leader */
function heal(world: PaxosWorld): number {
  world.mend();
  for (const { id, isUp } of world.nodes) {
    world.node(id).isHeld = false;
    if (!isUp) world.restart(id);
    else world.sync(id);
  }
  for (let round = 0; round < 400; round++) {
    world.pass(1);
    installOne(world, round);
    const leader = world.nodes.find(({ id }) => world.canPropose(id));
    if (leader !== undefined && isLevel(world)) return leader.id;
  }
  return assert.fail('a healed group elects a leader, and everybody catches up');
}

/** Whether all that the newest membership names, and whose disks are not lost, know the same. */
function isLevel(world: PaxosWorld): boolean {
  const members = world.nodes.filter(({ id, disk }) => world.witness.isMember(id, disk.incarnation));
  return new Set(members.map(({ core }) => core.learner.chosenTo)).size === 1;
}

export function goOn(world: PaxosWorld): void {
  const leader = heal(world);
  world.propose(leader, 'last');
  world.pass(20);
  assert(isLevel(world), 'what is chosen is learned everywhere');
  assert.equal([...world.chosen.values()].filter((text) => text === '"last"').length, 1);
  for (const kind of world.witness.exclusions) assert.equal(kind, 'removed', 'nobody is distrusted who forgot nothing');
}

export function play(world: PaxosWorld, schedule: readonly Act[], perils: Perils): PaxosWorld {
  world.loudness = 'nothing';
  for (const step of schedule) perform(world, step, perils);
  return world;
}
