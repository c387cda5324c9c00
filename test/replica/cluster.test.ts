/** Three real replicas with real links, over logs in memory and a network and a clock of the test. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoggosError } from '../../src/base/errors.ts';
import { type BootOptions, ClusterWorld, memberOf, membershipOf } from './cluster-world.ts';
import { bytesOf } from './list-machine.ts';

const isCode = (code: string) => (error: unknown) => error instanceof LoggosError && error.code === code;

test('three replicas choose a leader, and what it acknowledged is executed by all, equally', async () => {
  const world = await ClusterWorld.ofThree();
  const [leader] = world.leaders;
  assert(leader !== undefined);
  assert.equal(world.leaders.length, 1);
  for (const text of ['a', 'b', 'c']) await world.write(leader, text);
  await world.untilLevel();
  for (const { machine, replica, memberships } of world.all) {
    assert.deepEqual(machine.texts, ['a', 'b', 'c']);
    assert.equal(replica.leader, leader.id);
    assert.equal(replica.state.name, 'running');
    assert.equal(memberships.length, 1);
  }
  const [follower] = world.followers;
  const refused = follower?.replica.propose(1, bytesOf('x'));
  await assert.rejects(refused ?? Promise.resolve(), (error: unknown) => {
    return error instanceof LoggosError && error.code === 'no-leader' && error.facts.leader === leader.id;
  });
  await assert.rejects(follower?.replica.linearizable() ?? Promise.resolve(), isCode('no-leader'));
  await world.stop();
});

test('with one of three down writes go on; back again it learns what it missed, and votes', async () => {
  const world = await ClusterWorld.ofThree();
  const [leader] = world.leaders;
  const [absent, present] = world.followers;
  assert(leader !== undefined && absent !== undefined && present !== undefined);
  await world.kill(absent.id);
  for (let count = 0; count < 40; count++) await world.write(leader, `${count}`);
  await world.settle(leader.replica.linearizable());
  await world.boot(absent.id);
  await world.settle(absent.replica.ready);
  assert.equal(absent.replica.state.name, 'running');
  assert.equal(absent.machine.texts.length, 40, 'ready means level');
  await world.kill(present.id);
  await world.write(leader, 'with the vote of the one that came back');
  await world.untilLevel([leader.id, absent.id]);
  assert.deepEqual(absent.machine.texts, leader.machine.texts);
  await world.stop();
});

test('a leader that dies is replaced, nothing acknowledged is missing, and it follows when it comes back', async () => {
  const world = await ClusterWorld.ofThree();
  const [first] = world.leaders;
  assert(first !== undefined);
  await world.write(first, 'a');
  await world.kill(first.id);
  const rest = [1, 2, 3].filter((id) => id !== first.id);
  const second = await world.untilLed(rest);
  await world.write(second, 'b');
  await world.settle(second.replica.linearizable());
  assert.deepEqual(second.machine.texts, ['a', 'b']);
  await world.boot(first.id);
  await world.settle(first.replica.ready);
  await world.untilLevel();
  assert.deepEqual(first.machine.texts, ['a', 'b']);
  assert.equal(first.replica.leader, second.id);
  await world.stop();
});

test('a whole group that is killed at once comes back with all that it acknowledged', async () => {
  const world = await ClusterWorld.ofThree();
  const [leader] = world.leaders;
  assert(leader !== undefined);
  for (let count = 0; count < 20; count++) await world.write(leader, `${count}`);
  for (const id of [1, 2, 3]) await world.kill(id);
  for (const id of [1, 2, 3]) await world.boot(id);
  const again = await world.untilLed();
  await world.write(again, 'after');
  await world.untilLevel();
  for (const { machine } of world.all) assert.deepEqual(machine.texts, [...Array(20).keys(), 'after'].map(String));
  await world.stop();
});

test('peers that know only addresses form a group once all of them are there, and learn its cluster id', async () => {
  const world = new ClusterWorld();
  const peers = [1, 2, 3].map((id) => ({ id, name: `r${id}`, address: `r${id}` }));
  const forming = { peers, clusterId: 'made', historyId: 'h' };
  for (const id of [1, 2]) await world.boot(id, { forming, clusterId: undefined });
  await world.clock.pass(3_000);
  assert.equal(world.leaders.length, 0, 'not before every named peer has answered');
  await world.boot(3, { forming, clusterId: undefined });
  const leader = await world.untilLed();
  await world.write(leader, 'a');
  await world.untilLevel();
  for (const { memberships } of world.all) {
    assert.deepEqual(
      memberships.map(({ instance, membership }) => [instance, membership.clusterId, membership.members.length]),
      [[1, 'made', 3]],
    );
  }
  await world.stop();
});

test('a membership that the others chose is kept only once the log here has it too', async () => {
  const world = new ClusterWorld();
  const peers = [1, 2, 3].map((id) => ({ id, name: `r${id}`, address: `r${id}` }));
  const forming = { peers, clusterId: 'made', historyId: 'h' };
  const { log, memberships, replica } = await world.boot(3, { forming, clusterId: undefined });
  log.hold();
  for (const id of [1, 2]) await world.boot(id, { forming, clusterId: undefined });
  await world.write(await world.untilLed([1, 2]), 'a');
  await world.clock.pass(500);
  assert.equal(replica.maxChosenInstance > 1, true, 'it knows what was chosen');
  assert.deepEqual([memberships.length, replica.appliedInstance, log.lastInstance], [0, 0, 0]);
  log.release();
  await world.untilLevel();
  assert.deepEqual([memberships.length, log.lastInstance > 0], [1, true]);
  await world.stop();
});

test('a leader that is cut off answers: what waits is surely not done, what is in flight unknown, reads have no leader', async () => {
  const world = await ClusterWorld.ofThree();
  const [leader] = world.leaders;
  assert(leader !== undefined);
  await world.write(leader, 'a');
  const others = [1, 2, 3].filter((id) => id !== leader.id);
  world.networks.isolate(
    `r${leader.id}`,
    others.map((id) => `r${id}`),
  );
  leader.log.hold();
  const deadline = world.clock.monotonic() + 3_000;
  const inFlight = leader.replica.propose(1, bytesOf('b'), { deadline });
  await Promise.resolve();
  const waiting = leader.replica.propose(1, bytesOf('c'));
  const read = leader.replica.linearizable();
  const answers = [
    assert.rejects(inFlight, isCode('outcome-unknown')),
    assert.rejects(waiting, isCode('no-leader')),
    assert.rejects(read, isCode('no-leader')),
  ];
  const second = await world.untilLed(others);
  await world.write(second, 'd');
  await world.settle(Promise.all(answers));
  assert.equal(leader.replica.isLeader, false);
  leader.log.release();
  world.networks.heal();
  await world.untilLevel();
  assert.deepEqual(leader.machine.texts, ['a', 'd']);
  await world.stop();
});

test('a write in flight at a leader that lost its office is answered by what its instance got', async () => {
  const world = await ClusterWorld.ofThree();
  const [leader] = world.leaders;
  assert(leader !== undefined);
  const others = [1, 2, 3].filter((id) => id !== leader.id);
  world.networks.isolate(
    `r${leader.id}`,
    others.map((id) => `r${id}`),
  );
  const lost = leader.replica.propose(1, bytesOf('lost'), { context: 'mine' });
  const answer = assert.rejects(lost, isCode('no-leader'));
  const second = await world.untilLed(others);
  await world.write(second, 'won');
  world.networks.heal();
  await world.settle(answer);
  await world.untilLevel();
  assert.deepEqual(leader.machine.texts, ['won']);
  assert.deepEqual(leader.machine.contexts, [], "another replica's value is not executed with this one's context");
  await world.stop();
});

test('others may choose a value before the disk here has it: it is applied, and read from the log only when it is there', async () => {
  const world = await ClusterWorld.ofThree();
  const [leader] = world.leaders;
  assert(leader !== undefined);
  await world.write(leader, 'a');
  await world.untilLevel();
  const before = leader.replica.appliedInstance;
  leader.log.hold();
  await world.write(leader, 'b');
  assert.equal(leader.replica.appliedInstance, before + 1, 'a quorum without its own disk');
  let isRead = false;
  const reading = leader.replica.readChosen(before + 1, 10, 1e6).finally(() => {
    isRead = true;
  });
  assert.equal((await leader.replica.readChosen(before, 10, 1e6)).length, 1);
  await world.clock.pass(500);
  assert.equal(isRead, false);
  leader.log.release();
  assert.equal((await world.settle(reading)).length, 1);
  await world.stop();
});

test('a restart after a value was chosen without its own disk executes only what that disk proves', async () => {
  const world = await ClusterWorld.ofThree();
  const [leader] = world.leaders;
  assert(leader !== undefined);
  await world.write(leader, 'a');
  leader.log.hold();
  for (const text of ['b', 'c']) await world.write(leader, text);
  await world.kill(leader.id);
  await world.boot(leader.id);
  await world.settle(leader.replica.ready);
  await world.untilLed();
  await world.untilLevel();
  for (const { machine } of world.all) assert.deepEqual(machine.texts, ['a', 'b', 'c']);
  await world.stop();
});

test('a follower whose tail is full stops applying and goes on voting; later it reads its own log', async () => {
  const world = await ClusterWorld.ofThree();
  const [leader] = world.leaders;
  const [full, other] = world.followers;
  assert(leader !== undefined && full !== undefined && other !== undefined);
  await world.write(leader, 'a');
  await world.untilLevel();
  full.pressure = 1;
  await world.kill(other.id);
  const large = 'x'.repeat(600_000);
  for (let count = 0; count < 40; count++) await world.write(leader, `${count} ${large}`);
  assert.equal(full.machine.texts.length, 1, 'its vote was needed for each of them, and it applied none');
  assert(full.replica.maxChosenInstance >= leader.replica.appliedInstance - 1);
  full.pressure = 0.2;
  await world.untilLevel([leader.id, full.id]);
  assert.deepEqual(full.machine.texts, leader.machine.texts);
  await world.stop();
});

test('a replica whose checkpoint holds something else at a thousandth instance than those of a quorum stops', async () => {
  const world = await ClusterWorld.ofThree();
  for (const { machine } of world.all) machine.digest = 'what all executed';
  world.node(2).machine.digest = 'what it stored of it';
  await world.write(await world.untilLed(), 'a');
  for (const { machine } of world.all) machine.checkpoint = 999;
  await world.clock.pass(2_500);
  assert(
    world.all.every(({ replica }) => replica.state.name === 'running'),
    'nothing is recorded yet',
  );
  for (const { machine } of world.all) machine.checkpoint = 2_345;
  await world.clock.until(() => world.node(2).replica.state.name !== 'running', 'the odd one finds out');
  assert.match(world.node(2).replica.state.reason, /instance 2000/);
  for (const id of [1, 3]) assert.equal(world.node(id).replica.state.name, 'running');
  const leader = await world.untilLed([1, 3]);
  await world.write(leader, 'without it');
  await world.stop();
});

test('a member is added as a learner, promoted when it is level, and removed again', async () => {
  const world = await ClusterWorld.ofThree();
  const leader = await world.untilLed();
  for (let count = 0; count < 30; count++) await world.write(leader, `${count}`);
  const voters = [1, 2, 3].map((id) => memberOf(id));
  await world.boot(4, { isJoining: true, clusterId: undefined });
  const join = membershipOf([...voters, memberOf(4, 'learner')]);
  const joining = leader.replica.changeMembership(join);
  await assert.rejects(leader.replica.changeMembership(join), isCode('membership-changing'), 'one change at a time');
  await world.settle(joining);
  const two = leader.replica.changeMembership(membershipOf([...voters, memberOf(4, 'learner'), memberOf(5)]));
  await assert.rejects(two, isCode('invalid-parameter'), 'not two members in one change, and none begins as a voter');
  await world.settle(world.node(4).replica.ready);
  await world.untilLevel();
  assert.equal(world.node(4).machine.texts.length, 30);
  await world.clock.pass(300);

  await world.settle(leader.replica.changeMembership(membershipOf([...voters, memberOf(4)])));
  assert.equal(leader.replica.membership?.members.length, 4);
  const gone = world.followers.find(({ id }) => id !== 4);
  assert(gone !== undefined);
  const rest = [...voters, memberOf(4)].filter(({ id }) => id !== gone.id);
  await world.settle(leader.replica.changeMembership(membershipOf(rest)));
  await world.write(leader, 'without it');
  await world.clock.until(() => gone.replica.state.name === 'excluded', 'the removed one is told');
  assert.match(gone.replica.state.reason, /does not have this replica any more/);
  await assert.rejects(gone.replica.propose(1, bytesOf('x')), isCode('not-a-member'));
  assert.equal(gone.replica.exclusion?.code, 'not-a-member', 'nobody is answered by it, local reads neither');
  await world.untilLevel(rest.map(({ id }) => id));
  assert.deepEqual(world.node(4).machine.texts, leader.machine.texts);
  await world.stop();
});

test('leadership is handed over, and the one that hands it over follows', async () => {
  const world = await ClusterWorld.ofThree();
  const leader = await world.untilLed();
  await world.write(leader, 'a');
  const [successor] = world.followers;
  assert(successor !== undefined);
  await assert.rejects(leader.replica.transferLeadership(9), isCode('usage'));
  await world.settle(leader.replica.transferLeadership(successor.id, world.clock.monotonic() + 5_000));
  assert.equal(leader.replica.leader, successor.id);
  await world.untilLed([successor.id]);
  await world.write(successor, 'b');
  await assert.rejects(leader.replica.transferLeadership(successor.id), isCode('no-leader'));
  await world.untilLevel();
  assert.deepEqual(leader.machine.texts, ['a', 'b']);
  await world.stop();
});

test('a leader whose log rots under it ends, another leads, and its next start gets what is damaged from the others', async () => {
  const world = await ClusterWorld.ofThree();
  const leader = await world.untilLed();
  for (const text of ['a', 'b', 'c']) await world.write(leader, text);
  await world.untilLevel();
  const rotten = 3;
  leader.log.rotten.add(rotten);
  const error = await leader.log.read(rotten, 1).catch((reason: unknown) => reason);
  assert(error instanceof LoggosError && error.code === 'log-damaged');
  leader.replica.logRotted(error);
  assert.equal(leader.replica.state.name, 'stopped');
  assert.deepEqual(leader.fatal, [error]);
  await world.kill(leader.id);
  const next = await world.untilLed(world.all.map(({ id }) => id).filter((id) => id !== leader.id));
  await world.write(next, 'd');
  await world.boot(leader.id, {
    found: (boot) => ({
      ...boot,
      chosenTo: rotten - 1,
      above: [
        { state: 'cannot-tell', instance: rotten, proof: 'damaged' },
        ...boot.above.filter((found) => found.state === 'accepted' && found.record.instance > rotten),
      ],
      damaged: [{ instance: rotten, segment: '0000000000000001.segment', offset: 512, what: 'damaged payload' }],
    }),
  });
  await world.untilLevel();
  assert.deepEqual(leader.machine.texts, ['a', 'b', 'c', 'd']);
  const [again] = await leader.log.read(rotten, 1);
  assert.equal(again?.instance, rotten);
  assert.equal(leader.fatal.length, 1);
  await world.stop();
});

test('a replica that lacks what every log has dropped says so, serves nothing, and goes on voting', async () => {
  const world = await ClusterWorld.ofThree();
  const leader = await world.untilLed();
  const [absent, other] = world.followers;
  assert(absent !== undefined && other !== undefined);
  await world.kill(absent.id);
  for (let count = 0; count < 10; count++) await world.write(leader, `${count}`);
  await world.untilLevel([leader.id, other.id]);
  for (const { machine, replica } of [leader, other]) {
    machine.checkpoint = 8;
    await replica.dropBelow(8);
  }
  await world.boot(absent.id);
  await world.settle(absent.replica.ready);
  assert.equal(absent.replica.state.name, 'behind');
  assert.match(absent.replica.state.reason, /the logs of the others begin at 8/);
  await world.stop();
});

test('where too few can tell what they accepted nobody leads, and it says of which instance and who is missing', async () => {
  const world = await ClusterWorld.ofThree();
  const leader = await world.untilLed();
  await world.write(leader, 'a');
  await world.untilLevel();
  for (const id of [1, 2, 3]) await world.kill(id);
  const damage: BootOptions = {
    found: (boot) => ({ ...boot, above: [], cannotTellAbove: boot.lastInstance, cannotTellAboveProof: 'ambiguous' }),
  };
  for (const id of [1, 2]) await world.boot(id, damage);
  const { replica, reports } = world.node(1);
  await world.clock.until(() => replica.state.reason !== '', 'it says why');
  assert.equal(replica.state.name, 'starting');
  const what = /^No replica can lead: of instance \d+, replicas 1 and 2 cannot tell .* replica 3 has not answered/;
  assert.match(replica.state.reason, what);
  await assert.rejects(replica.propose(1, bytesOf('x')), (error: Error) => what.test(error.message));
  assert.equal(reports.filter(({ event }) => event === 'election-undecided').length, 1);
  await world.boot(3);
  const next = await world.untilLed();
  await world.write(next, 'b');
  await world.untilLevel();
  await world.clock.until(() => replica.state.reason === '', 'all is well again');
  await world.stop();
});

test('a replica that executed otherwise than a quorum stops serving, and keeps what it has', async () => {
  const world = await ClusterWorld.ofThree();
  const leader = await world.untilLed();
  const [odd] = world.followers;
  assert(odd !== undefined);
  await world.write(leader, 'a');
  await world.untilLevel();
  odd.machine.texts.push('made', 'up', 'here');
  // Its fingerprint is of the last three texts.
  odd.machine.texts.push = () => 0;
  for (let count = 0; count < 20; count++) await world.write(leader, 'same');
  await world.clock.until(() => odd.replica.state.name === 'excluded', 'it is found out');
  assert.match(odd.replica.state.reason, /A quorum executed instance 16 with another result/);
  const applied = odd.replica.appliedInstance;
  await world.write(leader, 'the others go on');
  await world.clock.pass(500);
  assert.equal(odd.replica.appliedInstance, applied);
  await assert.rejects(odd.replica.waitApplied(999), isCode('diverged'));
  assert.equal(odd.replica.exclusion?.code, 'diverged', 'local reads are refused too');
  await world.stop();
});

test('a difference in the last few instances is found while nothing is written', async () => {
  const world = await ClusterWorld.ofThree();
  const leader = await world.untilLed();
  const [odd] = world.followers;
  assert(odd !== undefined);
  await world.untilLevel();
  odd.machine.texts.push('made up here');
  await world.write(leader, 'a');
  assert(leader.replica.maxChosenInstance < 16);
  await world.clock.until(() => odd.replica.state.name === 'excluded', 'it is found out');
  await world.write(leader, 'the others go on');
  await world.stop();
});

test('a follower whose disk hangs keeps no more than its bound in memory; when it goes on, it learns the rest', async () => {
  const world = new ClusterWorld();
  const initialMembership = membershipOf([1, 2, 3].map((id) => memberOf(id)));
  const limits = { unsyncedBytesMax: 300_000 };
  for (const id of [1, 2, 3]) await world.boot(id, { initialMembership, limits });
  const leader = await world.untilLed();
  const [slow] = world.followers;
  assert(slow !== undefined);
  await world.untilLevel();
  slow.log.hold();
  const large = 'x'.repeat(100_000);
  for (let count = 0; count < 20; count++) await world.write(leader, `${count} ${large}`);
  assert(slow.replica.maxChosenInstance < leader.replica.maxChosenInstance - 10);
  slow.log.release();
  await world.untilLevel();
  assert.deepEqual(slow.machine.texts, leader.machine.texts);
  await world.stop();
});

test('a vote found before something unreadable is written again as chosen once it proves to be: the log hides it else', async () => {
  const world = await ClusterWorld.ofThree();
  const leader = await world.untilLed();
  const [unsure, other] = world.followers;
  assert(unsure !== undefined && other !== undefined);
  for (const text of ['a', 'b']) await world.write(leader, text);
  await world.untilLevel();
  const newest = unsure.replica.maxChosenInstance;
  await world.kill(unsure.id);
  await world.boot(unsure.id, {
    found: (boot) => ({
      ...boot,
      above: boot.above.map((found) => ({ ...found, maybeSuperseded: 'ambiguous' as const })),
    }),
  });
  await world.write(leader, 'c');
  await world.untilLevel();
  assert(unsure.log.writes.includes(`chosen ${newest}`), unsure.log.writes.join());
  assert.deepEqual(unsure.machine.texts, ['a', 'b', 'c']);
  assert.deepEqual(unsure.fatal, []);
  await world.stop();
});
