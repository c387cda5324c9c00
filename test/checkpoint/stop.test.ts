import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Disk } from '../../src/base/disk.ts';
import { LoggosError } from '../../src/base/errors.ts';
import { readCurrent } from '../../src/checkpoint/current.ts';
import { blockBytes } from '../../src/checkpoint/files.ts';
import { rebuildCheckpoint } from '../../src/checkpoint/rebuild.ts';
import type { CheckpointFile } from '../../src/statemachine/state-machine.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { settle } from './support/manual-clock.ts';
import { clusterId } from './support/test-log.ts';
import { databaseDirectory, level, openWorld, type World, writeSome } from './support/world.ts';

const snapshotsDirectory = `${databaseDirectory}/snapshots`;
const largeBlocks = 8;

/** A disk that tells of each read before it is done. */
function watched(disk: Disk, onRead: (path: string) => void): Disk {
  const seen: Disk = Object.create(disk) as Disk;
  const methods = ['list', 'stat', 'makeDirectory', 'rename', 'remove', 'removeTree', 'link', 'syncDirectory'] as const;
  for (const method of [...methods, 'freeBytes'] as const) {
    Object.assign(seen, { [method]: (disk[method] as (...parameters: never[]) => unknown).bind(disk) });
  }
  seen.open = async (path, mode) => {
    const file = await disk.open(path, mode);
    return {
      size: () => file.size(),
      read: (offset, length) => {
        onRead(path);
        return file.read(offset, length);
      },
      write: (offset, bytes) => file.write(offset, bytes),
      sync: () => file.sync(),
      writeAndSync: (offset, bytes) => file.writeAndSync(offset, bytes),
      truncate: (bytes) => file.truncate(bytes),
      close: () => file.close(),
    };
  };
  return seen;
}

async function diskWithRoot(memory: MemoryDisk): Promise<Disk> {
  const disk = memory.mount();
  await disk.makeDirectory('/data');
  await disk.syncDirectory('/');
  return disk;
}

async function writeLarge(world: World): Promise<void> {
  world.log.write(['x'.repeat(largeBlocks * blockBytes)], 1);
  writeSome(world, 10);
  await level(world);
}

test('a stop ends a seal at the next block that it hashes, and nothing half stays', async () => {
  let reads = 0;
  let world: World | undefined;
  const disk = watched(await diskWithRoot(new MemoryDisk()), (path) => {
    if (!path.includes('/.sealing-') || !path.endsWith('000000.ndjson')) return;
    reads += 1;
    world?.manager.beginStop();
  });
  world = await openWorld({ disk });
  await writeLarge(world);
  await assert.rejects(world.manager.createSnapshot(), { code: 'stopped' });
  assert.ok(reads >= 1 && reads <= 2, `${reads} of ${largeBlocks} blocks`);
  assert.deepEqual(await disk.list(snapshotsDirectory), []);
  await assert.rejects(world.manager.createSnapshot(), { code: 'stopped' });
  await world.manager.stop();
  assert.ok(!world.observer.has('seal-failed'), 'it is no failure');
});

test('a stop ends a copy that a machine makes under the lock, and the Replayer is let go', async () => {
  const world = await openWorld();
  const [machine] = world.machines;
  assert.ok(machine !== undefined);
  writeSome(world, 5);
  await level(world);
  const copying = Promise.withResolvers<void>();
  const copyTo: CheckpointFile['copyTo'] = (_path, signal) =>
    new Promise((_, reject) => {
      copying.resolve();
      signal?.addEventListener('abort', () => reject(signal.reason));
    });
  machine.checkpointState = async () => ({
    directory: '/data',
    files: [{ name: 'state.json', bytes: 1, sealed: false, copyTo }],
  });
  const sealed = world.manager.createSnapshot();
  const refused = assert.rejects(sealed, { code: 'stopped' });
  await copying.promise;
  await world.manager.stop();
  await refused;
  await machine.lockCheckpointState();
  await machine.unlockCheckpointState();
  assert.deepEqual(await world.disk.list(snapshotsDirectory), []);
});

test('whoever waits for the Replayer to be sealed is answered when a stop begins', async () => {
  const world = await openWorld();
  const [machine] = world.machines;
  assert.ok(machine !== undefined);
  await level(world);
  const held = Promise.withResolvers<void>();
  machine.commitCheckpoint = () => held.promise;
  writeSome(world, 5);
  const sealed = assert.rejects(world.manager.createSnapshot(), { code: 'stopped' });
  await settle(10);
  world.manager.beginStop();
  await sealed;
});

test('a stop ends the verification of its own snapshot, which stays unverified', async () => {
  const world = await openWorld({ isAlone: () => true, selfSealBytesMin: 1_000 });
  const [machine] = world.machines;
  assert.ok(machine !== undefined);
  const verifying = Promise.withResolvers<void>();
  machine.verifyCheckpointState = (_directory: string, _files: readonly CheckpointFile[], signal?: AbortSignal) =>
    new Promise((_, reject) => {
      verifying.resolve();
      signal?.addEventListener('abort', () => reject(signal.reason));
    });
  writeSome(world, 100);
  await level(world);
  await verifying.promise;
  await world.manager.stop();
  assert.equal((await world.manager.listSnapshots()).length, 1);
  assert.equal(world.manager.newestVerifiedSnapshot, undefined);
  assert.ok(!world.observer.has('self-seal-failed'));
});

test('a rebuild that is given up at any block leaves the old checkpoint, and nothing half', async () => {
  for (let block = 1; block <= 2 * largeBlocks; block += 5) {
    const memory = new MemoryDisk();
    const world = await openWorld({ memory });
    await writeLarge(world);
    await world.manager.createSnapshot();
    await world.manager.stop();
    const giveUp = new AbortController();
    let reads = 0;
    const disk = watched(world.disk, (path) => {
      if (path.includes('/lines/') && ++reads === block) giveUp.abort(new LoggosError('stopped', 'planned'));
    });
    const openLog = async () => ({ firstInstance: 1, chosenTo: 100, read: async () => [], close: async () => {} });
    const { machines, observer } = world;
    const parts = { disk, observer, databaseDirectory, database: 'main', clusterId, machines, openLog };
    await assert.rejects(rebuildCheckpoint({ ...parts, signal: giveUp.signal }), { code: 'stopped' });
    assert.ok(reads <= block + 1, `${reads} reads after it was given up at ${block}`);
    assert.deepEqual(await disk.list(`${databaseDirectory}/incoming`), []);
    assert.equal(await readCurrent(disk, databaseDirectory), 1);
  }
});
