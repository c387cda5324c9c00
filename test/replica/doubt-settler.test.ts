import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ballot } from '../../src/paxos/ballot.ts';
import { encodeChosenValue } from '../../src/paxos/chosen-value.ts';
import { type CoreState, createCore, step } from '../../src/paxos/core.ts';
import type { PaxosMessage, Promised } from '../../src/paxos/messages.ts';
import type { Peer } from '../../src/paxos/peer.ts';
import { DoubtSettler } from '../../src/replica/doubt-settler.ts';
import { Storage } from '../../src/replica/storage.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryLog } from './memory-log.ts';

const incarnation = (replica: number) => `00000000000000a${replica}`;
const ballot = (round: number, replica: number): Ballot => ({ round, replica, incarnation: incarnation(replica) });
const noOp = encodeChosenValue({ kind: 'no-op' });

function peer(replica: number): Peer {
  const promised = ballot(1, 3);
  return {
    replica,
    incarnation: incarnation(replica),
    session: `${replica}`,
    promised,
    lastInstance: 1,
    isDoubtful: false,
  };
}

/** Replica 1 of three, which found what may have been a torn tail above instance 1. */
function start() {
  const members = [1, 2, 3].map((id) => {
    return { id, name: `replica-${id}`, incarnation: incarnation(id), role: 'voter', address: '' } as const;
  });
  const membership = { clusterId: 'cluster', historyId: 'history', members };
  const core = createCore({
    self: { ...peer(1), isDoubtful: true },
    random: 1,
    chosenTo: 1,
    records: [],
    cannotTell: [],
    cannotTellAbove: { instance: 1, proof: 'ambiguous' },
    memberships: [{ instance: 1, membership }],
  });
  const clock = new ManualClock();
  const log = new MemoryLog();
  const storage = new Storage(log, clock, (error) => assert.fail(String(error)));
  return { clock, core, log, storage, settler: new DoubtSettler(core, log, storage) };
}

/** What the core says; its words to itself are heard at once. */
function say(core: CoreState, from: Peer, message: PaxosMessage): void {
  for (const output of step(core, { kind: 'message', from, message })) {
    if (output.kind === 'send' && output.to === 1) say(core, core.self, output.message);
  }
}

function elect(core: CoreState, ofTwo: Partial<Promised>): void {
  for (const output of step(core, { kind: 'campaign' })) {
    if (output.kind === 'send' && output.to === 1) say(core, core.self, output.message);
  }
  const promised = { kind: 'promised', ballot: core.leader.ballot, truncatedTo: 1, cannotTell: [] } as const;
  say(core, peer(2), { ...promised, accepted: [], ...ofTwo });
  say(core, peer(3), { ...promised, accepted: [] });
}

test('a doubt is kept where every voter has answered and what was found beyond the window is not proposed again yet', async () => {
  const { core, log, settler } = start();
  elect(core, { accepted: [{ instance: 30, ballot: ballot(1, 3), value: noOp }] });
  assert.equal(core.leader.phase, 'leading');
  await settler.settle();
  assert.equal(log.settledCount, 0);
});

test('a doubt is forgotten on disk only after what dissolved it', async () => {
  const { clock, core, log, storage, settler } = start();
  elect(core, {});
  for (const instance of [2, 3]) say(core, peer(2), { kind: 'accepted', ballot: core.leader.ballot, instance });
  log.hold();
  storage.append({ kind: 'accepted', instance: 2, ballot: core.leader.ballot, value: noOp });
  storage.flush();
  const settling = settler.settle();
  await clock.pass(5);
  assert.equal(log.settledCount, 0);
  log.release();
  await settling;
  assert.equal(log.settledCount, 1);
});
