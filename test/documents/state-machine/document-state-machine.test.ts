import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DiskError } from '../../../src/base/disk.ts';
import { InThreadCheckpointReader } from '../../../src/documents/store/in-thread-reader.ts';
import { systemHashes } from '../../../src/system/hashes.ts';
import { SyncDisk } from '../../../src/system/sync-disk.ts';
import { FaultDisk } from '../store/fault-disk.ts';
import { modelOf } from '../store/model.ts';
import { machineValue, put } from '../store/proposals.ts';
import { hex } from '../store/store-contract.ts';
import { copyOf, storeIn, tamper, temporaryDirectory } from '../store/temporary.ts';
import { puts } from '../store/values.ts';
import { applyTo, machineIn, replayTo } from './machine.ts';
import { copyCheckpoint, filesIn } from './snapshot.ts';

test('a live read sees each applied instance at once, and the tail holds what is not durable yet', async () => {
  const machine = await machineIn(temporaryDirectory());
  const values = puts(10, 1, 3);
  let applied = 0;
  const unsubscribe = machine.onApplied(() => {
    applied += 1;
  });
  applyTo(machine, values);
  const model = modelOf(values);
  for (const row of model.rows.values()) assert.deepEqual(machine.row(row.collection, row.documentId), row);
  assert.equal(machine.row('things', 'never'), undefined);
  assert.equal(applied, 10);
  assert.equal(machine.tail.firstPosition, 1);
  await replayTo(machine, values, 6);
  assert.equal(machine.tail.firstPosition, 7);
  for (const row of model.rows.values()) assert.deepEqual(machine.row(row.collection, row.documentId), row);
  unsubscribe();
  machine.execute(11, undefined);
  assert.equal(applied, 10);
  await machine.close();
});

test('the tail is pruned only after the commit was reported', async () => {
  const machine = await machineIn(temporaryDirectory());
  const values = puts(4);
  applyTo(machine, values);
  for (const [index, value] of values.entries()) await machine.executeForCheckpoint(index + 1, value);
  assert.equal(machine.checkpointInstance(), 0);
  assert.throws(() => machine.checkpointCommitted(4), /not durable/);
  await machine.commitCheckpoint();
  assert.equal(machine.tail.firstPosition, 1);
  machine.checkpointCommitted(4);
  assert.equal(machine.tail.bytes, 0);
  await machine.close();
});

test('the Replayer never passes the live state', async () => {
  const machine = await machineIn(temporaryDirectory());
  assert.throws(() => machine.executeForCheckpoint(1, undefined), /never passes the live state/);
  await machine.close();
});

test('pressure is what the tail holds of what it may hold', async () => {
  const machine = await machineIn(temporaryDirectory(), { tailBytesMax: 10_000 });
  assert.equal(machine.tailPressure, 0);
  applyTo(machine, puts(20));
  assert.ok(machine.tailPressure > 1);
  assert.equal(machine.tailPressure, machine.tail.bytes / 10_000);
  await machine.close();
});

test('the calls of one turn are one call of the store, and an instance asked for twice is executed once', async () => {
  const directory = temporaryDirectory();
  const store = storeIn(directory);
  const execute = store.execute.bind(store);
  const batches: number[] = [];
  store.execute = (items) => {
    batches.push(items.length);
    return execute(items);
  };
  const machine = await machineIn(directory, { store });
  const values = puts(8);
  applyTo(machine, values);
  const first = values.map((value, index) => machine.executeForCheckpoint(index + 1, value));
  const second = values.map((value, index) => machine.executeForCheckpoint(index + 1, value));
  assert.deepEqual((await Promise.all(first)).map(hex), modelOf(values).fingerprints.map(hex));
  assert.deepEqual((await Promise.all(second)).map(hex), modelOf(values).fingerprints.map(hex));
  assert.deepEqual(batches, [8]);
  await machine.commitCheckpoint();
  assert.equal((await machine.executeForCheckpoint(8, values[7])).byteLength, 0);
  await machine.close();
});

test('after a full disk all that was asked for fails, and replay begins again behind the commit', async () => {
  const directory = temporaryDirectory();
  const disk = new FaultDisk();
  const machine = await machineIn(directory, { store: storeIn(directory, disk) });
  const values = puts(12);
  applyTo(machine, values);
  await replayTo(machine, values, 4);
  disk.before = () => {
    throw new DiskError('no-room', 'test', 'the disk is full');
  };
  await assert.rejects(replayTo(machine, values, 9), { kind: 'no-room' });
  await assert.rejects(machine.executeForCheckpoint(10, values[9]), { kind: 'no-room' });
  await assert.rejects(replayTo(machine, values, 9), { kind: 'no-room' });
  assert.equal(machine.checkpointInstance(), 4);
  disk.before = () => undefined;
  await replayTo(machine, values, 12);
  assert.equal(hex(machine.checkpointHead.digest), hex(modelOf(values).digest));
  await machine.close();
});

test('a lock waits for a commit, holds replay back, and lets it go on when it is released', async () => {
  const machine = await machineIn(temporaryDirectory());
  const values = puts(9);
  applyTo(machine, values);
  for (let instance = 1; instance <= 5; instance++) void machine.executeForCheckpoint(instance, values[instance - 1]);
  const lock = await machine.lockCheckpointState();
  assert.equal(lock.instance, 5);
  assert.equal(machine.checkpointInstance(), 5);
  let isExecuted = false;
  const sixth = machine.executeForCheckpoint(6, values[5]).then(() => {
    isExecuted = true;
  });
  const secondLock = machine.lockCheckpointState();
  await machine.commitCheckpoint();
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.equal(isExecuted, false);
  assert.equal(machine.checkpointInstance(), 5);
  const { files } = await machine.checkpointState(lock);
  assert.deepEqual(
    files.map(({ name, sealed }) => ({ name, sealed })),
    [
      { name: 'documents.sqlite', sealed: false },
      { name: 'history/0000000000000001.ndjson', sealed: false },
    ],
  );
  await machine.unlockCheckpointState(lock);
  const second = await secondLock;
  await machine.unlockCheckpointState(second);
  await sixth;
  await replayTo(machine, values, 9);
  assert.equal(hex(machine.checkpointHead.digest), hex(modelOf(values).digest));
  await machine.close();
});

test('a lock that cannot be released cleanly still lets go what waits behind it', async () => {
  const directory = temporaryDirectory();
  const store = storeIn(directory);
  store.thaw = () => Promise.reject(new DiskError('failed', directory, 'planned'));
  const machine = await machineIn(directory, { store });
  const values = puts(3);
  applyTo(machine, values);
  await replayTo(machine, values, 2);
  const lock = await machine.lockCheckpointState();
  const behind = machine.executeForCheckpoint(3, values[2]);
  await assert.rejects(machine.unlockCheckpointState(lock), { kind: 'failed' });
  assert.deepEqual(hex(await behind), hex(modelOf(values).state.fingerprint));
  await machine.close();
});

test('a copied checkpoint is whole: verified, opened as a machine of its own, and as the model is', async () => {
  const machine = await machineIn(temporaryDirectory());
  const values = puts(30);
  applyTo(machine, values);
  await replayTo(machine, values, 20);
  const copy = temporaryDirectory();
  assert.equal(await copyCheckpoint(machine, copy), 20);
  const facts = machine.checkpointFacts();
  const verified = await machine.verifyCheckpointState(copy, filesIn(copy));
  const model = modelOf(values.slice(0, 20));
  assert.equal(hex(verified.fingerprint), hex(model.state.fingerprint));
  assert.deepEqual(
    { ...verified, fingerprint: undefined },
    {
      instance: 20,
      fingerprint: undefined,
      digest: facts.digest,
      position: facts.position,
      chain: facts.chain,
    },
  );
  assert.equal(facts.time, model.state.time);
  await machine.loadCheckpointState(copy, filesIn(copy), 20);
  await assert.rejects(machine.loadCheckpointState(copy, filesIn(copy), 21), { code: 'snapshot-damaged' });
  assert.deepEqual(readdirSync(copy).sort(), ['documents.sqlite', 'history']);
  const restored = await machineIn(copy);
  applyTo(restored, values);
  assert.deepEqual(await replayTo(restored, values, 30), modelOf(values).fingerprints.slice(20));
  assert.equal(hex(restored.checkpointHead.digest), hex(modelOf(values).digest));
  await restored.close();
  await machine.close();
});

test('a fork begins a new history at the same position, with another fingerprint and the same documents', async () => {
  const machine = await machineIn(temporaryDirectory());
  const values = [...puts(6), machineValue(1_800_000_000_000, put('k'.repeat(21), 'keyed', {}, 'key'))];
  applyTo(machine, values);
  await replayTo(machine, values, 7);
  const copy = temporaryDirectory();
  await copyCheckpoint(machine, copy);
  const { fingerprint } = await machine.forkCheckpointState(copy, 'second-history-of-test');
  await machine.verifyCheckpointState(copy, filesIn(copy));
  assert.deepEqual(readdirSync(copy).sort(), ['documents.sqlite', 'history']);
  const forked = await machineIn(copy);
  assert.equal(hex(forked.state.fingerprint), hex(fingerprint));
  assert.notEqual(hex(forked.state.fingerprint), hex(machine.state.fingerprint));
  assert.deepEqual(forked.state.histories.slice(1), [{ id: 'second-history-of-test', fork: machine.state.position }]);
  assert.equal(hex(forked.checkpointHead.digest), hex(machine.checkpointHead.digest));
  const repeated = forked.execute(8, values[6]).outcomes[0];
  assert.ok(typeof repeated === 'object' && repeated !== null && 'replayed' in repeated && repeated.replayed === true);
  await forked.close();
  await machine.close();
});

test('copies made under a running writer and reader are each whole', async () => {
  const directory = temporaryDirectory();
  const machine = await machineIn(directory);
  const reader = new InThreadCheckpointReader({ directory, disk: new SyncDisk(), hashes: systemHashes });
  await reader.open();
  const values = puts(60, 10, 200);
  applyTo(machine, values);
  let isWriting = true;
  const reading = (async () => {
    while (isWriting) {
      await reader.rows('things', undefined, 50);
      await reader.lines({ after: 0, countMax: 50, bytesMax: 100_000, scanMax: 50 });
      await nextTurn();
    }
  })();
  const writing = (async () => {
    try {
      for (let instance = 3; instance <= 60; instance += 3) {
        await replayTo(machine, values, instance);
        await nextTurn();
      }
    } finally {
      // Also where writing fails: the loops beside it would never end.
      isWriting = false;
    }
  })();
  while (isWriting) {
    const copy = temporaryDirectory();
    const instance = await copyCheckpoint(machine, copy);
    await nextTurn();
    const verified = await machine.verifyCheckpointState(copy, filesIn(copy));
    assert.equal(verified.instance, instance);
    assert.equal(verified.digest, Buffer.from(modelOf(values.slice(0, instance)).digest).toString('base64url'));
  }
  await Promise.all([reading, writing]);
  await reader.close();
  await machine.close();
});

const rot: Readonly<Record<string, (copy: string) => void>> = {
  'a row': (copy) => tamper(copy, "update documents set body = replace(body, 'x', 'y') where body like '%x%'"),
  'a row that is gone': (copy) => tamper(copy, "delete from documents where id = 'document-0001'"),
  'a meta row': (copy) => tamper(copy, "update meta set value = value || ' ' where key = 'checkpoint'"),
  'a remembered outcome': (copy) => tamper(copy, "update dedupe set result = '{}'"),
  'a recorded digest': (copy) => tamper(copy, 'update digests set digest = zeroblob(32)'),
};

for (const [place, damage] of Object.entries(rot)) {
  test(`verification refuses a checkpoint with rot in ${place}`, async () => {
    const machine = await machineIn(temporaryDirectory());
    const values = [...puts(30), machineValue(1_800_000_000_000, put('k'.repeat(21), 'keyed', {}, 'key'))];
    applyTo(machine, values);
    await replayTo(machine, values, 31);
    const copy = temporaryDirectory();
    await copyCheckpoint(machine, copy);
    damage(copy);
    await assert.rejects(machine.verifyCheckpointState(copy, filesIn(copy)), { code: 'snapshot-damaged' });
    await machine.close();
  });
}

test('verification refuses history that was changed, a file that is missing and one of another length', async () => {
  const machine = await machineIn(temporaryDirectory());
  const values = puts(30);
  applyTo(machine, values);
  await replayTo(machine, values, 30);
  const sound = temporaryDirectory();
  await copyCheckpoint(machine, sound);
  const files = filesIn(sound);
  const refused = { code: 'snapshot-damaged' };
  const without = files.filter(({ name }) => name !== 'documents.sqlite');
  await machine.verifyCheckpointState(sound, without);
  await assert.rejects(
    machine.verifyCheckpointState(sound, [...files, { name: 'history/x', bytes: 1, sealed: true }]),
    refused,
  );
  await assert.rejects(
    machine.verifyCheckpointState(
      sound,
      files.map((file) => ({ ...file, bytes: file.bytes + 1 })),
    ),
    refused,
  );
  await assert.rejects(machine.verifyCheckpointState(temporaryDirectory(), []), refused);
  const history = `${sound}/history/0000000000000001.ndjson`;
  const bytes = readFileSync(history);
  const disk = new SyncDisk();
  for (const offset of [0, 1_000, bytes.length - 1]) {
    const file = await disk.open(history, 'write');
    await file.write(offset, Uint8Array.of((bytes[offset] ?? 0) ^ 1));
    await assert.rejects(machine.verifyCheckpointState(sound, files), refused);
    await file.write(offset, Uint8Array.of(bytes[offset] ?? 0));
    await file.close();
  }
  await machine.verifyCheckpointState(sound, files);
  await machine.close();
});

test('files that a killed process left, with their write-ahead log, are verified as they lie', async () => {
  const directory = temporaryDirectory();
  const machine = await machineIn(directory);
  const values = puts(30);
  applyTo(machine, values);
  await replayTo(machine, values, 20);
  for (let instance = 21; instance <= 30; instance++)
    await machine.executeForCheckpoint(instance, values[instance - 1]);
  const left = copyOf(directory);
  assert.ok(readdirSync(left).includes('documents.sqlite-wal'));
  const verified = await machine.verifyCheckpointState(left, filesIn(left));
  assert.equal(verified.instance, 20);
  assert.ok(readdirSync(left).includes('documents.sqlite-wal'));
  await machine.close();
});
