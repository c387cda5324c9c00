import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isStillByRule, type Stillness } from '../../../src/simulation/cluster/may-stand-still.ts';

const voters = (...numbers: number[]) => numbers.map((replica) => ({ replica, incarnation: `i${replica}` }));
const there = (...numbers: number[]) => voters(...numbers).map((one) => ({ ...one, isDoubtful: false }));
const inDoubt = (...numbers: number[]) => voters(...numbers).map((one) => ({ ...one, isDoubtful: true }));
const stillness = (differs: Partial<Stillness>): Stillness => ({
  ...{ isLost: true, isLed: false, voters: [voters(1, 2, 3)], present: there(1, 2) },
  ...differs,
});

test('a quorum that can tell must go on, whoever is lost', () => {
  assert.equal(isStillByRule(stillness({})), false);
  assert.equal(isStillByRule(stillness({ present: [...there(1, 2), ...inDoubt(3)] })), false);
});

test('a voter is lost and those who can tell are no quorum: nobody may lead', () => {
  assert.equal(isStillByRule(stillness({ present: there(1) })), true);
  assert.equal(isStillByRule(stillness({ present: [...there(1), ...inDoubt(2)] })), true);
});

test('what may have been torn counts as never accepted once every voter is there: then they must go on', () => {
  assert.equal(isStillByRule(stillness({ present: [...there(1), ...inDoubt(2, 3)] })), false);
  assert.equal(isStillByRule(stillness({ present: inDoubt(1, 2, 3) })), false);
});

test('another incarnation of a voter is not that voter', () => {
  const stranger = { replica: 2, incarnation: 'another', isDoubtful: false };
  assert.equal(isStillByRule(stillness({ present: [...there(1), stranger] })), true);
});

test('a membership that was chosen and has not begun needs its quorum too', () => {
  const present = there(1, 3);
  assert.equal(isStillByRule(stillness({ present })), false);
  assert.equal(isStillByRule(stillness({ present, voters: [voters(1, 2, 3), voters(1, 2)] })), true);
});

test('where nothing was lost, or somebody leads, standing still is a failure', () => {
  assert.equal(isStillByRule(stillness({ present: there(1), isLost: false })), false);
  assert.equal(isStillByRule(stillness({ present: there(1), isLed: true })), false);
});
