import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { CounterMachine, type CounterOutcome } from '../../docs/examples/counter.ts';
import { LoggosError } from '../../src/base/errors.ts';
import { silentObserver } from '../../src/base/observer.ts';
import { openLog } from '../../src/log/open-log.ts';
import type { Membership } from '../../src/paxos/chosen-value.ts';
import { decodeChosenValue } from '../../src/paxos/chosen-value.ts';
import type { Replica } from '../../src/replica/replica.ts';
import { systemHashes } from '../../src/system/hashes.ts';
import { bootReplica, TestClock } from '../replica/replica-world.ts';
import { MemoryDisk } from '../support/memory-disk.ts';

const directory = await mkdtemp(join(tmpdir(), 'loggos-counter-'));
after(() => rm(directory, { recursive: true }));

const memory = new MemoryDisk();
const memberships: { instance: number; membership: Membership }[] = [];

/** A process: two machines, their checkpoints on the disk, and a log that is killed with it. */
async function start() {
  const fruit = await CounterMachine.open(7, join(directory, 'fruit'));
  const tools = await CounterMachine.open(8, join(directory, 'tools'));
  const checkpointInstance = Math.min(fruit.checkpointInstance(), tools.checkpointInstance());
  const { log, boot } = await openLog({
    disk: memory.mount(),
    directory: '/log',
    identity: 'counters',
    checkpointInstance,
    hashes: systemHashes,
    clock: new TestClock(),
    observer: silentObserver,
    segmentBytes: 64 * 1024,
  });
  const { replica } = await bootReplica({ log, boot, machines: [fruit, tools], memberships });
  return { fruit, tools, replica };
}

const encode = (counter: string, add: number) => new TextEncoder().encode(JSON.stringify({ counter, add }));

async function add(replica: Replica, machineId: number, counter: string, amount: number): Promise<CounterOutcome> {
  return (await replica.propose(machineId, encode(counter, amount))).outcome as CounterOutcome;
}

/** What the Replayer does: every instance, its own value or none, then the commit. */
async function replay(replica: Replica, machine: CounterMachine): Promise<void> {
  for (const { instance, value: bytes } of await replica.readChosen(machine.checkpointInstance() + 1, 1_000, 1e9)) {
    const value = decodeChosenValue(bytes);
    const own = value?.kind === 'batch' && value.machineId === machine.id ? value : undefined;
    const fingerprint = await machine.executeForCheckpoint(instance, own);
    assert.deepEqual(Buffer.from(fingerprint), Buffer.from(replica.liveFingerprint(machine.id, instance) ?? []));
  }
  await machine.commitCheckpoint();
}

test('two counters share a group, checkpoint at their own pace, and come back exact after a kill', async () => {
  const before = await start();
  assert.deepEqual(await add(before.replica, 7, 'apples', 3), { value: 3 });
  assert.deepEqual(await add(before.replica, 8, 'hammers', 1), { value: 1 });
  await replay(before.replica, before.fruit);
  assert.deepEqual(await add(before.replica, 7, 'apples', 4), { value: 7 });
  assert.deepEqual(await add(before.replica, 7, 'pears', Number.MAX_SAFE_INTEGER), { value: Number.MAX_SAFE_INTEGER });
  assert.deepEqual(await add(before.replica, 7, 'pears', 1), { refused: 'too-large' });
  const { outcome } = await before.replica.propose(7, new Uint8Array([0xff, 0xfe]));
  assert.deepEqual(outcome, { refused: 'malformed' });
  memory.kill();
  await before.replica.stop();

  const again = await start();
  assert.equal(again.fruit.checkpointInstance(), 3);
  assert.equal(again.tools.checkpointInstance(), 0);
  assert.equal(again.fruit.valueOf('apples'), 7);
  assert.equal(again.fruit.valueOf('pears'), Number.MAX_SAFE_INTEGER);
  assert.equal(again.tools.valueOf('hammers'), 1);
  await replay(again.replica, again.fruit);
  await replay(again.replica, again.tools);
  assert.equal(again.tools.checkpointInstance(), again.replica.appliedInstance);
  await again.replica.linearizable();
  assert.deepEqual(await add(again.replica, 8, 'hammers', 1), { value: 2 });
  await again.replica.stop();
  memory.kill();
});

test('an instance that the checkpoint covers does nothing, and a failed replay is asked again', async () => {
  const machine = await CounterMachine.open(9, join(directory, 'again'));
  const value = { time: 0, proposals: [encode('a', 1)] };
  await machine.executeForCheckpoint(1, value);
  const first = await machine.executeForCheckpoint(2, value);
  await machine.executeForCheckpoint(1, value);
  assert.deepEqual(await machine.executeForCheckpoint(2, value), first);
  await machine.commitCheckpoint();
  assert.deepEqual(await machine.executeForCheckpoint(2, value), first);
  assert.equal((await CounterMachine.open(9, join(directory, 'again'))).valueOf('a'), 2);
});

test('while the checkpoint is locked its file stays as it is', async () => {
  const machine = await CounterMachine.open(9, join(directory, 'locked'));
  await machine.executeForCheckpoint(1, { time: 0, proposals: [encode('a', 1)] });
  await machine.commitCheckpoint();
  const lock = await machine.lockCheckpointState();
  await machine.executeForCheckpoint(2, { time: 0, proposals: [encode('a', 1)] });
  const committing = machine.commitCheckpoint();
  const { directory: source, files } = await machine.checkpointState();
  assert.deepEqual(
    [lock.instance, (await machine.verifyCheckpointState(source)).instance, files[0]?.name],
    [1, 1, 'counters.json'],
  );
  await machine.loadCheckpointState(source, files, 1);
  await machine.unlockCheckpointState();
  await committing;
  const isDamaged = (error: unknown) => error instanceof LoggosError && error.code === 'snapshot-damaged';
  await assert.rejects(machine.loadCheckpointState(source, files, 1), isDamaged);
});

test('a damaged checkpoint is reported, never taken for an empty one', async () => {
  const machine = await CounterMachine.open(9, join(directory, 'rot'));
  await machine.executeForCheckpoint(1, undefined);
  await machine.commitCheckpoint();
  await writeFile(join(directory, 'rot', 'counters.json'), '{');
  await assert.rejects(
    CounterMachine.open(9, join(directory, 'rot')),
    (error: unknown) => error instanceof LoggosError && error.code === 'checkpoint-damaged',
  );
});

test('any bytes give an outcome', async () => {
  const machine = await CounterMachine.open(9, join(directory, 'fuzz'));
  let instance = 0;
  const json = fc.json().map((text) => new TextEncoder().encode(text));
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.uint8Array(), json)), (proposals) => {
      assert.equal(machine.execute(++instance, { time: 0, proposals }).outcomes.length, proposals.length);
    }),
  );
});
