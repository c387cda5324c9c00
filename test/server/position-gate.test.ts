import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PositionGate } from '../../src/server/position-gate.ts';
import { systemClock } from '../../src/system/clock.ts';

test('who waits for a position goes on when it is reached, not before', async () => {
  let position = 3;
  const gate = new PositionGate(systemClock, () => position);
  await gate.wait(3, 0);
  const done: number[] = [];
  const deadline = systemClock.monotonic() + 5_000;
  const waiting = [4, 5].map((wanted) => gate.wait(wanted, deadline).then(() => done.push(wanted)));
  position = 4;
  gate.advanced();
  await waiting[0];
  assert.deepEqual(done, [4]);
  position = 7;
  gate.advanced();
  await Promise.all(waiting);
  assert.deepEqual(done, [4, 5]);
});

test('at the deadline the wait ends with what was reached', async () => {
  const gate = new PositionGate(systemClock, () => 3);
  const wait = gate.wait(9, systemClock.monotonic() + 10);
  await assert.rejects(wait, { code: 'position-not-reached', facts: { position: 3 } });
});
