import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Storage } from '../../src/replica/storage.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryLog } from './memory-log.ts';

const ballot = (round: number) => ({ round, replica: 1, incarnation: '00000000000000aa' });
const record = (instance: number, round: number) =>
  ({ kind: 'accepted', instance, ballot: ballot(round), value: Uint8Array.of(1) }) as const;

function start() {
  const clock = new ManualClock();
  const log = new MemoryLog();
  const failures: unknown[] = [];
  return { clock, log, failures, storage: new Storage(log, clock, (error) => failures.push(error)) };
}

test('a promise reaches the disk after what was accepted before it, also where that waits for room', async () => {
  const { clock, log, storage } = start();
  const done: string[] = [];
  log.isFull = true;
  storage.append(record(1, 1));
  storage.afterSync(() => done.push('accepted 1'));
  storage.flush();
  storage.promise(ballot(2));
  storage.append(record(1, 2));
  storage.afterSync(() => done.push('accepted again'));
  storage.flush();
  await clock.pass(300);
  assert.deepEqual([log.writes, done], [[], []]);
  log.isFull = false;
  await clock.pass(300);
  assert.deepEqual(log.writes, ['accepted 1', 'promise 2.1', 'accepted 1']);
  assert.deepEqual(done, ['accepted 1', 'accepted again']);
});

test('actions run in their order, also where one asks for another; what it asks for last runs at once', async () => {
  const { clock, storage } = start();
  const done: string[] = [];
  storage.append(record(1, 1));
  storage.afterSync(() => {
    storage.afterSync(() => done.push('asked by the first'));
    done.push('first');
  });
  storage.afterSync(() => {
    done.push('second');
  });
  storage.flush();
  await clock.pass(5);
  assert.deepEqual(done, ['first', 'second', 'asked by the first']);
  storage.append(record(2, 1));
  storage.afterSync(() => {
    storage.afterSync(() => done.push('nobody waits'));
    done.push('third');
  });
  storage.flush();
  await clock.pass(5);
  assert.deepEqual(done.slice(3), ['nobody waits', 'third']);
});

test('what waits is counted until it is durable, and an action that throws is a failure', async () => {
  const { clock, log, storage, failures } = start();
  log.hold();
  storage.append(record(1, 1));
  storage.append(record(2, 1));
  storage.afterSync(() => {
    throw new Error('broken');
  });
  storage.flush();
  await clock.pass(5);
  assert.deepEqual([storage.outstanding, storage.outstandingBytes, storage.waitingCount], [1, 2, 1]);
  log.release();
  await clock.pass(5);
  assert.deepEqual([storage.outstanding, storage.outstandingBytes, storage.waitingCount], [0, 0, 0]);
  assert.match(String(failures[0]), /broken/);
});
