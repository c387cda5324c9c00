import { assert } from '../base/assert.ts';
import { compareBallots } from './ballot.ts';
import type { CoreState } from './core.ts';
import { pipelineWindow } from './membership.ts';

/** States every relation inside one member. The simulator and the random tests call it after each step. */
export function checkInvariants({ self, acceptor, learner, leader, reads, memberships }: CoreState): void {
  const { chosenTo } = learner;
  for (const [instance, { ballot }] of acceptor.accepted) {
    assert(instance > chosenTo, 'votes are kept only above chosenTo', { instance, chosenTo });
    // A value that was learned stands at the ballot it was chosen at, which this acceptor need not have promised.
    if (!learner.ahead.has(instance)) {
      assert(compareBallots(ballot, acceptor.promised) <= 0, 'a vote is at most at the promised ballot', { instance });
    }
    assert(!acceptor.cannotTell.has(instance), 'a vote in hand can be told', { instance });
  }
  for (const instance of learner.ahead.keys()) {
    assert(instance > chosenTo + 1, 'what can be executed is executed', { instance, chosenTo });
  }
  for (const instance of learner.noticed.keys()) {
    assert(instance > chosenTo && !learner.ahead.has(instance), 'a notice waits only for a value', { instance });
  }
  let before = Number.NEGATIVE_INFINITY;
  for (const { instance } of memberships.reigns) {
    assert(before < instance, 'memberships are in the order of their choice');
    assert(instance <= Math.max(chosenTo, 1), 'a membership is chosen before it is known', { instance });
    before = instance;
  }
  if (leader.phase === 'following') {
    assert(leader.proposals.size === 0 && reads.rounds.size === 0, 'whoever follows proposes and confirms nothing');
    return;
  }
  assert(leader.ballot.replica === self.replica, 'a leader proposes at its own ballot', { ballot: leader.ballot });
  assert(compareBallots(leader.ballot, acceptor.promised) === 0, "a leader's own acceptor promised to nobody higher");
  if (leader.phase === 'preparing') {
    assert(leader.proposals.size === 0, 'nothing is proposed before phase 1 is done');
    return;
  }
  const { nextInstance } = leader;
  assert(chosenTo < nextInstance && nextInstance <= chosenTo + pipelineWindow + 1, 'the pipeline stays in its window', {
    chosenTo,
    nextInstance,
  });
  for (const instance of leader.proposals.keys()) {
    assert(chosenTo < instance && instance < nextInstance, 'what waits for votes is inside the window', { instance });
  }
}
