import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aheadMax } from '../../src/paxos/acceptor.ts';
import { addMembership, createMembershipHistory, pipelineWindow, ruling } from '../../src/paxos/membership.ts';
import { PaxosWorld } from './world.ts';

test('a leader has at most the window in flight, and room again when its first instance is chosen', () => {
  const world = new PaxosWorld(3);
  world.campaign(1);
  world.deliver();
  for (let count = 0; count < pipelineWindow; count++) {
    assert(world.canPropose(1));
    world.propose(1, `v${count}`);
  }
  assert.equal(world.canPropose(1), false);
  world.deliver(({ to, message }) => to === 2 && message.kind === 'accept');
  const votes = world.take(({ message }) => message.kind === 'accepted');
  for (const vote of votes.slice(1)) world.receive(vote);
  assert.equal(world.canPropose(1), false, 'later instances do not move the window');
  world.receive(votes[0] ?? assert.fail());
  assert.equal(world.canPropose(1), true);
});

test('values chosen out of order are executed in order', () => {
  const world = new PaxosWorld(3);
  world.campaign(1);
  world.deliver();
  world.propose(1, 'a');
  world.propose(1, 'b');
  world.deliver(({ to, message }) => to === 2 && message.kind === 'accept');
  const votes = world.take(({ message }) => message.kind === 'accepted');
  const before = world.trace.length;
  for (const vote of votes.reverse()) world.receive(vote);
  const executed = world.trace.slice(before).filter((line) => line.includes('executes'));
  assert.deepEqual(executed, ['1 executes 3 "a" (1.1)', '1 executes 4 "b" (1.1)']);
});

test('votes and news far beyond what is known to be chosen are dropped like lost messages', () => {
  const world = new PaxosWorld(3);
  const ballot = { round: 1, replica: 1, incarnation: '0000000000000001' };
  const instance = 1 + aheadMax + 1;
  const value = Uint8Array.of(1, 0);
  const route = { from: 1, peer: world.node(1).core.self, to: 2 };
  world.receive({ ...route, message: { kind: 'accept', ballot, instance, value } });
  world.receive({ ...route, message: { kind: 'chosen', ballot, instance, votedTo: 0 } });
  world.receive({ ...route, message: { kind: 'learned', entries: [{ ballot, instance, value }], chosenTo: instance } });
  const { acceptor, learner } = world.node(2).core;
  assert.deepEqual([acceptor.accepted.size, learner.noticed.size, learner.ahead.size], [0, 0, 0]);
});

test('a membership chosen at i rules from i + window, and the first one everything before', () => {
  const of = (...ids: number[]) => ({
    clusterId: 'c',
    historyId: 'h',
    members: ids.map((id) => ({ id, name: '', incarnation: '', role: 'voter' as const, address: '' })),
  });
  const history = createMembershipHistory([{ instance: 1, membership: of(1) }]);
  addMembership(history, { instance: 100, membership: of(1, 2) });
  assert.deepEqual(ruling(history, 1).voters, [1]);
  assert.deepEqual(ruling(history, 100 + pipelineWindow - 1).voters, [1]);
  assert.deepEqual(ruling(history, 100 + pipelineWindow).voters, [1, 2]);
});
