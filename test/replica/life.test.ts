import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Life } from '../../src/replica/life.ts';

test('a failure of a start is told to whoever waits for it, and only where nobody waits any more to the process', async () => {
  const waitedFor = new Life();
  assert.equal(waitedFor.fail('it broke', new Error('it broke')), true);
  await assert.rejects(waitedFor.settled, /it broke/);
  const letGo = new Life();
  letGo.interrupt('behind', 'It needs a snapshot.');
  letGo.resume('behind');
  await letGo.settled;
  assert.equal(letGo.state.name, 'starting', 'it neither led nor followed yet');
  assert.equal(letGo.fail('it broke', new Error('it broke')), false);
  assert.deepEqual(letGo.state, { name: 'stopped', reason: 'it broke' });
});

test('an office that is won again mends no log', () => {
  const life = new Life();
  life.become('running', '');
  life.become('read-only', 'The log is damaged.');
  life.become('running', '');
  assert.equal(life.state.name, 'read-only');
});
