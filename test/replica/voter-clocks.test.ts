import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PaxosMessage } from '../../src/paxos/messages.ts';
import { VoterClocks } from '../../src/replica/voter-clocks.ts';
import { ClusterWorld } from './cluster-world.ts';
import { ManualClock } from './manual-clock.ts';

const ballot = { round: 1, replica: 1, incarnation: 'a' };
const hourMs = 3_600_000;

function answerAt(time: number): PaxosMessage {
  return { kind: 'heartbeat-answer', ballot, round: 0, chosenTo: 0, time };
}

/** The clocks of a leader, 1, as it hears of them. */
function clocksOf(voters: readonly number[]) {
  const clock = new ManualClock();
  const reports: string[] = [];
  const observer = { report: (_: string, event: string) => reports.push(event), count() {}, measure() {} };
  const clocks = new VoterClocks({ self: 1, clock, observer, voters: () => voters });
  const hear = (from: number, aheadMs: number) => clocks.heard(from, answerAt(clock.now() + aheadMs));
  return { clock, clocks, reports, hear };
}

test('a leader stamps its own time as long as it is not more than two seconds ahead of the median of the voters', () => {
  const { clock, clocks, reports, hear } = clocksOf([1, 2, 3]);
  assert.equal(clocks.now(), clock.now(), 'nobody was heard of yet');
  hear(2, -1_999);
  hear(3, -2_000);
  assert.equal(clocks.now(), clock.now());
  hear(2, hourMs);
  hear(3, hourMs);
  assert.equal(clocks.now(), clock.now(), 'one that is behind stamps its own: time never goes back, and catches up');
  assert.deepEqual(reports, []);
});

test('a leader that is far ahead stamps the median and raises one alarm, until its clock is right again', async () => {
  const { clock, clocks, reports, hear } = clocksOf([1, 2, 3, 4, 5]);
  for (const [voter, aheadMs] of [-hourMs, -hourMs - 50, -hourMs + 70, 2 * hourMs].entries()) hear(voter + 2, aheadMs);
  assert.equal(clocks.now(), clock.now() - hourMs + 70);
  await clock.pass(500);
  assert.equal(clocks.now(), clock.now() - hourMs + 70, 'the clocks of the others go on between two answers');
  assert.deepEqual(reports, ['clock-ahead']);
  for (let answers = 0; answers < 8; answers++) for (const voter of [2, 3, 4, 5]) hear(voter, 0);
  assert.equal(clocks.now(), clock.now());
  assert.deepEqual(reports, ['clock-ahead', 'clock-right-again']);
});

test('a clock that is set slowly raises one alarm, however it wavers about two seconds', () => {
  const { clocks, reports, hear } = clocksOf([1, 2]);
  for (const aheadMs of [-2_010, -1_990, -2_010, -1_990, -2_010, -1_200]) {
    for (let answers = 0; answers < 8; answers++) hear(2, aheadMs);
    clocks.now();
  }
  assert.deepEqual(reports, ['clock-ahead']);
});

test('an answer that was long under way says nothing of a clock', async () => {
  const { clock, clocks, hear } = clocksOf([1, 2, 3]);
  hear(2, -20);
  hear(3, -30);
  const late = answerAt(clock.now());
  await clock.pass(5_000);
  clocks.heard(2, late);
  clocks.heard(3, late);
  assert.equal(clocks.now(), clock.now());
});

test('of two in the middle the earlier counts, and who has no vote does not', () => {
  const { clock, clocks, hear } = clocksOf([1, 2]);
  hear(3, 0);
  hear(4, 0);
  assert.equal(clocks.now(), clock.now());
  hear(2, -hourMs);
  assert.equal(clocks.now(), clock.now() - hourMs);
});

test('only answers to a leader say what time it is', () => {
  const { clock, clocks } = clocksOf([1, 2, 3]);
  const accepted: PaxosMessage = { kind: 'accepted', ballot, instance: 1 };
  assert.equal(clocks.withTime(accepted), accepted);
  assert.deepEqual(clocks.withTime({ kind: 'heartbeat-answer', ballot, round: 1, chosenTo: 2 }), {
    ...{ kind: 'heartbeat-answer', ballot, round: 1, chosenTo: 2 },
    time: clock.now(),
  });
});

test('whoever leads, what is chosen has the time of the voters from the first value on', async () => {
  const world = await ClusterWorld.ofThree({ aheadMs: { 1: 5 * hourMs, 2: 20, 3: -10 } });
  for (const leaderId of [1, 2, 3, 1]) {
    if (world.leaders[0]?.id !== leaderId) {
      await world.settle(world.leaders[0]?.replica.transferLeadership(leaderId) ?? assert.fail());
      await world.clock.until(() => world.node(leaderId).replica.isLeader, 'the office moves');
    }
    await world.write(world.node(leaderId), `of ${leaderId}`);
    await world.untilLevel();
    const stamped = world.node(leaderId).machine.times.at(-1) ?? assert.fail();
    assert(stamped - world.clock.now() <= 2_000, `a value of ${leaderId} is ${stamped - world.clock.now()} ms ahead`);
  }
  assert(world.node(1).reports.some(({ event }) => event === 'clock-ahead'));
  await world.stop();
});
