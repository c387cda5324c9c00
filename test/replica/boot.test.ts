import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ballotZero } from '../../src/paxos/ballot.ts';
import { createCore } from '../../src/paxos/core.ts';
import { refuseStranger } from '../../src/replica/boot.ts';
import { memberOf, membershipOf } from './cluster-world.ts';

/** What replica `id` knows when it boots at instance 6, after 5 has added replica 4 and removed nobody. */
function bootAfterAddition(id: number) {
  const { incarnation } = memberOf(id);
  const voters = [1, 2, 3].map((voter) => memberOf(voter));
  const core = createCore({
    self: { replica: id, incarnation, session: 's', promised: ballotZero, lastInstance: 6, isDoubtful: false },
    random: 1,
    chosenTo: 6,
    records: [],
    cannotTell: [],
    memberships: [
      { instance: 1, membership: membershipOf(voters) },
      { instance: 5, membership: membershipOf([...voters, memberOf(4, 'learner')]) },
    ],
  });
  return { identity: { replicaId: id, name: `r${id}`, incarnation, clusterId: 'c' }, core };
}

test('a member whose membership does not rule yet is let in again; a stranger only where it waits to be added', () => {
  const [added, stranger] = [bootAfterAddition(4), bootAfterAddition(5)];
  refuseStranger(added.identity, false, added.core);
  refuseStranger(stranger.identity, true, stranger.core);
  assert.throws(() => refuseStranger(stranger.identity, false, stranger.core), /Join with a new one/);
  const foreign = { ...added.identity, clusterId: 'another' };
  assert.throws(() => refuseStranger(foreign, true, added.core), /of another cluster/);
});
