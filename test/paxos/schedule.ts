import assert from 'node:assert/strict';
import fc from 'fast-check';
import { membershipIn } from '../../src/paxos/chosen-value.ts';
import { canRead } from '../../src/paxos/core.ts';
import type { Envelope, PaxosWorld } from './world.ts';

const nodesMax = 7;

type Act = readonly [kind: number, replica: number, pick: number];

const act: fc.Arbitrary<Act> = fc.tuple(fc.nat(999), fc.nat(nodesMax - 1), fc.nat(1_000_000));

export interface Schedule {
  /** For each happening: 0 never, 1 and 2 as usual, 3 often. */
  readonly swarm: readonly number[];
  readonly acts: readonly Act[];
}

export function schedules(length: number): fc.Arbitrary<Schedule> {
  const acts = fc.array(act, { minLength: 50, maxLength: length, size: 'max' });
  return fc.record({
    swarm: fc.array(fc.nat(3), { minLength: happenings.length, maxLength: happenings.length, size: 'max' }),
    acts,
  });
}

/** What a schedule may do to disks and members, beside what it does to messages and processes. */
export interface Perils {
  /** A crash may tear what was being written. */
  readonly tears: boolean;
  readonly damage: boolean;
  readonly membership: boolean;
}

let rounds = 0;

interface Step {
  readonly world: PaxosWorld;
  readonly node: PaxosWorld['nodes'][number];
  readonly pick: number;
  readonly perils: Perils;
}

/** What may happen, and how often; a run of its own draws which of them happen at all, and which often. */
const happenings: readonly (readonly [weight: number, happens: (step: Step) => void])[] = [
  [330, ({ world, pick }) => deliverOne(world, pick, true, true)],
  [30, ({ world, pick }) => deliverOne(world, pick, false, true)],
  [20, ({ world, pick }) => deliverOne(world, pick, true, false)],
  [20, ({ world, pick }) => replayOne(world, pick)],
  [70, ({ world, pick }) => world.pass(1 + (pick % 3))],
  [12, calm],
  [70, ({ world, node }) => world.input(node.id, { kind: 'tick' })],
  [40, ({ world, node }) => world.campaign(node.id)],
  [110, proposeOne],
  [30, readOne],
  [20, transferOne],
  [30, holdOne],
  [50, syncOne],
  [30, ({ world, node, pick, perils }) => crash(world, node.id, pick, perils)],
  [40, ({ world, node }) => (node.isUp ? undefined : world.restart(node.id))],
  [15, ({ world, node, pick }) => world.cut(node.id, 1 + (pick % world.nodes.length))],
  [25, ({ world }) => world.mend()],
  [10, trimOne],
  [10, ({ world, pick }) => installOne(world, pick)],
  [60, ({ world, node, pick, perils }) => (perils.membership ? changeMembers(world, node, pick) : undefined)],
];

/** All is well for a while, so that there is something to lose afterwards. */
function calm({ world, pick }: Step): void {
  repair(world);
  world.pass(5 + (pick % 20));
}

/** Of each happening its weight in one run: none, the usual, or five times as much. Messages always arrive. */
function weightsOf(swarm: readonly number[]): readonly number[] {
  return happenings.map(([weight], index) => {
    const often = swarm[index];
    if (index === 0) return weight;
    return weight * (often === 0 ? 0 : often === 3 ? 5 : 1);
  });
}

/** One step of a schedule: whatever order, loss, repetition, slow disk, crash, change or rot it asks for. */
function perform(world: PaxosWorld, weights: readonly number[], [kind, which, pick]: Act, perils: Perils): void {
  const node = world.nodes[which % world.nodes.length] ?? assert.fail();
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let rest = (kind / 1000) * total;
  const index = weights.findIndex((weight) => {
    rest -= weight;
    return rest < 0;
  });
  happenings[index]?.[1]({ world, node, pick, perils });
}

function proposeOne({ world, node, pick }: Step): void {
  const { id } = leaderOr(world, node);
  if (world.canPropose(id)) world.propose(id, String(pick));
}

/** One that leads, or believes so; there may be several. */
function leaderOr(world: PaxosWorld, node: Step['node']): Step['node'] {
  if (node.core.leader.phase === 'leading') return node;
  return world.nodes.find(({ core, isUp }) => isUp && core.leader.phase === 'leading') ?? node;
}

function readOne({ world, node }: Step): void {
  const { id, core, isUp } = leaderOr(world, node);
  if (isUp && canRead(core)) world.read(id, ++rounds);
}

function transferOne({ world, node, pick }: Step): void {
  const { id, core, isUp } = leaderOr(world, node);
  if (!isUp || core.leader.phase !== 'leading') return;
  world.input(id, { kind: 'transfer', to: 1 + (pick % world.nodes.length) });
}

function holdOne({ node }: Step): void {
  node.isHeld = true;
}

function syncOne({ world, node }: Step): void {
  node.isHeld = false;
  world.sync(node.id);
}

function trimOne({ world, node: { id, core, isUp }, pick }: Step): void {
  const { chosenTo } = core.learner;
  if (isUp && chosenTo > 0) world.trim(id, pick % (chosenTo + 1));
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
  return message.kind === 'form-answer' || message.kind === 'outdated';
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

const changes = ['add', 'add', 'add', 'promote', 'promote', 'promote', 'remove', 'remove', 'newcomer', 'wipe'] as const;

function changeMembers(world: PaxosWorld, { id, disk }: Step['node'], pick: number): void {
  const of = 1 + (Math.floor(pick / 16) % world.nodes.length);
  const what = changes[pick % changes.length];
  if (what === 'newcomer') {
    if (world.nodes.length < nodesMax) world.addNewcomer();
  } else if (what === 'wipe') {
    if (world.witness.mayLose(id, disk.incarnation) && !hasMembershipOnItsWay(world)) world.wipe(id);
  } else if (what !== undefined) {
    // A leader cannot know of a disk that was lost a moment ago: who removes another member then has no quorum left.
    if (what === 'remove' && !world.witness.mayLose(of, world.node(of).disk.incarnation)) return;
    world.changeMembership(leaderOr(world, world.node(id)).id, what, of);
  }
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

function repair(world: PaxosWorld): void {
  world.mend();
  for (const node of world.nodes) {
    node.isHeld = false;
    if (node.isUp) world.sync(node.id);
    else world.restart(node.id);
  }
}

/** Everybody is back and nothing is lost any more; time does the rest. @returns the leader */
function heal(world: PaxosWorld): number {
  repair(world);
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

export function play(world: PaxosWorld, { swarm, acts }: Schedule, perils: Perils): PaxosWorld {
  world.loudness = 'nothing';
  const weights = weightsOf(swarm);
  for (const one of acts) perform(world, weights, one, perils);
  return world;
}
