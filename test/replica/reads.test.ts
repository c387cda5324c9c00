import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoggosError } from '../../src/base/errors.ts';
import { ReadRounds } from '../../src/replica/reads.ts';

test('a read that comes while a round runs is confirmed by the next round, not by that one', async () => {
  const asked: number[] = [];
  const reads = new ReadRounds(10, (round) => asked.push(round));
  const first = reads.wait(1_000);
  let isSecondDone = false;
  const second = reads.wait(1_000).then((instance) => {
    isSecondDone = true;
    return instance;
  });
  const third = reads.wait(1_000);
  assert.deepEqual(asked, [1]);
  reads.confirmed(1, 7);
  assert.equal(await first, 7);
  assert.deepEqual(asked, [1, 2]);
  assert.equal(isSecondDone, false);
  reads.confirmed(1, 7);
  await Promise.resolve();
  assert.equal(isSecondDone, false, 'a repeated answer to an old round confirms nothing');
  reads.confirmed(2, 9);
  assert.deepEqual([await second, await third], [9, 9]);
});

test('a round that nobody confirms ends at the deadline of its reads, and the next goes on', async () => {
  const asked: number[] = [];
  const reads = new ReadRounds(10, (round) => asked.push(round));
  const late = reads.wait(10);
  const patient = reads.wait(1_000);
  reads.expire(11);
  await assert.rejects(late, (error: unknown) => error instanceof LoggosError && error.code === 'no-leader');
  assert.deepEqual(asked, [1, 2]);
  reads.confirmed(2, 3);
  assert.equal(await patient, 3);
});

test('at its limit reads are answered busy', async () => {
  const reads = new ReadRounds(1, () => undefined);
  void reads.wait(1_000);
  await assert.rejects(reads.wait(1_000), (error: unknown) => error instanceof LoggosError && error.code === 'busy');
});

test('a round whose confirmation may be lost is asked again under a new number, with those that came meanwhile', async () => {
  const asked: number[] = [];
  const reads = new ReadRounds(10, (round) => asked.push(round));
  const first = reads.wait(1_000);
  const second = reads.wait(1_000);
  for (let tick = 0; tick < 4; tick++) reads.tick();
  assert.deepEqual(asked, [1, 2]);
  reads.confirmed(1, 5);
  reads.confirmed(2, 7);
  assert.deepEqual([await first, await second], [7, 7], 'the late answer to the old round confirms nothing');
  for (let tick = 0; tick < 9; tick++) reads.tick();
  assert.deepEqual(asked, [1, 2], 'nobody waits');
});

test('when the office is lost all who wait are told, and a late confirmation does no harm', async () => {
  const asked: number[] = [];
  const reads = new ReadRounds(10, (round) => asked.push(round));
  const both = [reads.wait(1_000), reads.wait(1_000)];
  reads.fail(new LoggosError('no-leader', 'lost'));
  for (const read of both) {
    await assert.rejects(read, (error: unknown) => error instanceof LoggosError && error.code === 'no-leader');
  }
  const later = reads.wait(1_000);
  reads.confirmed(1, 3);
  reads.confirmed(2, 4);
  assert.equal(await later, 4);
});
