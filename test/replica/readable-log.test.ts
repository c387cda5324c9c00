import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { LoggosError } from '../../src/base/errors.ts';
import type { PaxosMessage } from '../../src/paxos/messages.ts';
import { Backlog } from '../../src/replica/backlog.ts';
import { Supplier } from '../../src/replica/catch-up.ts';
import { ReadableLog } from '../../src/replica/readable-log.ts';
import { MemoryLog } from './memory-log.ts';

const ballot = { round: 1, replica: 1, incarnation: '00000000000000aa' };
const record = (instance: number, bytes = 1) =>
  ({ kind: 'accepted', instance, ballot, value: new Uint8Array(bytes).fill(instance) }) as const;
const never = (error: unknown): void => assert.fail(String(error));
const isCode = (code: string) => (error: unknown) => error instanceof LoggosError && error.code === code;

async function logOf(count: number, bytes = 1): Promise<{ log: MemoryLog; readable: ReadableLog }> {
  const log = new MemoryLog();
  await log.append(Array.from({ length: count }, (_, index) => record(index + 1, bytes)));
  return { log, readable: new ReadableLog(log, 0) };
}

test('what is not durable yet cannot be read: whoever asks for it waits, also where an older vote is there', async () => {
  const { readable } = await logOf(3);
  readable.advance(1);
  assert.equal((await readable.read(1, 3, 10, 1e6)).length, 1);
  const reading = readable.read(2, 3, 10, 1e6);
  await turn();
  readable.advance(3);
  assert.deepEqual(
    (await reading).map(({ instance }) => instance),
    [2, 3],
  );
  const lost = readable.read(4, 4, 10, 1e6);
  readable.fail(new LoggosError('stopped', 'it stopped'));
  await assert.rejects(lost, isCode('stopped'));
  await assert.rejects(readable.read(4, 4, 10, 1e6), isCode('stopped'));
});

test('a replica that lags is given a bounded answer of what is durable, one at a time, or told where the log begins', async () => {
  const { log, readable } = await logOf(300);
  const sent: { to: number; message: PaxosMessage }[] = [];
  const supplier = new Supplier(log, readable, (to, message) => sent.push({ to, message }), never);
  readable.advance(290);
  supplier.supply(2, 11);
  supplier.supply(2, 11);
  supplier.supply(3, 291);
  await turn();
  log.firstInstance = 50;
  supplier.supply(2, 11);
  await turn();
  const told = sent.map(({ to, message }) => {
    if (message.kind !== 'learned') return { to, message };
    const { entries, chosenTo } = message;
    return { to, chosenTo, first: entries[0]?.instance, count: entries.length };
  });
  assert.deepEqual(
    told.sort((left, right) => left.to - right.to),
    [
      { to: 2, chosenTo: 290, first: 11, count: 256 },
      { to: 2, message: { kind: 'trimmed', minChosenInstance: 50 } },
      { to: 3, chosenTo: 290, first: undefined, count: 0 },
    ],
  );
});

test('a damaged instance is not supplied, stops nobody, and who asks for it is told to ask elsewhere', async () => {
  const { log, readable } = await logOf(3);
  readable.advance(3);
  log.read = () => Promise.reject(new LoggosError('log-damaged', 'unreadable'));
  const sent: PaxosMessage[] = [];
  new Supplier(log, readable, (_to, message) => sent.push(message), never).supply(2, 1);
  await turn();
  assert.deepEqual(sent, [{ kind: 'trimmed', minChosenInstance: 2 }]);
});

test('chosen values beyond the bound are not kept, and read from the log in order when their turn comes', async () => {
  const bytes = 3 * 1024 * 1024;
  const { readable } = await logOf(9, bytes);
  readable.advance(9);
  const reads: number[] = [];
  const backlog = new Backlog(0, (firstInstance) => {
    reads.push(firstInstance);
    return readable.read(firstInstance, 9, 2, 1e9);
  });
  for (let instance = 1; instance <= 9; instance++) backlog.push(record(instance, bytes));
  const taken: number[] = [];
  for (;;) {
    const { first } = backlog;
    if (first === undefined) {
      if (!backlog.isOnDisk) break;
      assert.equal(await backlog.refill(), true);
      continue;
    }
    taken.push(first.instance);
    backlog.shift();
  }
  assert.deepEqual(taken, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual(reads, [3, 5, 7, 9]);
  backlog.push(record(10));
  assert.equal(backlog.first?.instance, 10);
});
