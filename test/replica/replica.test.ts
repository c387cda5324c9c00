import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoggosError } from '../../src/base/errors.ts';
import { bytesOf, ListMachine } from './list-machine.ts';
import { MemoryLog } from './memory-log.ts';
import { bootReplica, identity } from './replica-world.ts';

const isCode = (code: string) => (error: unknown) => error instanceof LoggosError && error.code === code;

test('a group of one elects itself, chooses its membership as instance 1 and takes writes', async () => {
  const log = new MemoryLog();
  const machine = new ListMachine();
  const { replica, memberships } = await bootReplica({ log, boot: log.boot(), machines: [machine] });
  assert.equal(replica.state.name, 'running');
  assert.deepEqual(log.writes, ['promise 1.1', 'accepted 1']);
  assert.equal(memberships[0]?.instance, 1);
  const result = await replica.propose(1, bytesOf('a'));
  assert.deepEqual(result, { instance: 2, outcome: 1 });
  assert.deepEqual(machine.executed, [1, 2]);
  await replica.linearizable();
  assert.equal(replica.appliedInstance, 2);
  assert.equal(replica.maxChosenInstance, 2);
  await replica.stop();
});
