import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { silentObserver } from '../../src/base/observer.ts';
import { machineDirectory, openCurrent } from '../../src/checkpoint/current.ts';
import { writeNewFile } from '../../src/checkpoint/files.ts';
import { readIdentity } from '../../src/checkpoint/identity-file.ts';
import { dataDirectoryState, type RestoreOptions, restoreBackup } from '../../src/checkpoint/restore.ts';
import { verifySnapshot } from '../../src/checkpoint/verify.ts';
import { faultRandom } from '../support/fault-random.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { ManualClock } from './support/manual-clock.ts';
import { clusterId, historyId } from './support/test-log.ts';
import { TestMachine } from './support/test-machine.ts';
import { openWorld, tarOf, writeSome } from './support/world.ts';

/** A disk with nothing but a backup on it. */
let backup: MemoryDisk;

before(async () => {
  const world = await openWorld();
  writeSome(world, 25);
  await world.manager.createSnapshot();
  const tar = await tarOf(await world.manager.openSnapshot(26));
  await world.manager.stop();
  backup = new MemoryDisk();
  const disk = backup.mount();
  await writeNewFile(disk, '/backup.tar', tar);
  await disk.syncDirectory('/');
});

function restore(memory: MemoryDisk, changed: Partial<RestoreOptions> = {}) {
  const disk = memory.mount();
  return restoreBackup({
    disk,
    clock: new ManualClock(),
    random: faultRandom(5),
    observer: silentObserver,
    source: '/backup.tar',
    dataDirectory: '/new',
    machines: [new TestMachine(1, disk)],
    replicaName: 'loggos',
    ...changed,
  });
}

async function checkRestored(memory: MemoryDisk): Promise<void> {
  const disk = memory.mount();
  const identity = await readIdentity(disk, '/new');
  assert.ok(identity !== undefined);
  const { install, directory, group } = await openCurrent(disk, '/new/databases/main');
  assert.equal(install, 1);
  assert.equal(group.group?.clusterId, identity.clusterId);
  assert.notEqual(identity.clusterId, clusterId);
  const [first, second, ...more] = group.group?.histories ?? [];
  assert.deepEqual(first, { id: historyId, clusterId, forkPosition: 0, forkInstance: 0 });
  assert.ok(second !== undefined && more.length === 0);
  const { id: newHistory, ...fork } = second;
  assert.deepEqual(fork, { clusterId: identity.clusterId, parent: historyId, forkPosition: 25, forkInstance: 26 });
  const { replicaId: id, name, incarnation } = identity;
  assert.deepEqual(group.group?.memberships, [
    { instance: 26, members: [{ id, name, incarnation, role: 'voter', address: '' }] },
  ]);
  const machine = await new TestMachine(1, disk, machineDirectory(directory, 1)).open();
  assert.equal(machine.checkpointInstance(), 26);
  assert.equal(machine.lines, 25);
  assert.equal(machine.history, newHistory);
}

test('a restore makes a new cluster of one and a new history; instances and positions carry on', async () => {
  const memory = backup.clone();
  const progress: number[] = [];
  const report = await restore(memory, { onProgress: (done) => progress.push(done) });
  assert.equal(report.manifest.position, 25);
  assert.ok(progress.length > 0);
  await checkRestored(memory);
  const disk = memory.mount();
  assert.deepEqual(await disk.list('/new'), ['databases', 'identity.json']);
  const options = { disk, clock: new ManualClock(), random: faultRandom(1), machines: [new TestMachine(1, disk)] };
  const verified = await verifySnapshot('/new', options);
  assert.ok(verified.kind === 'data-directory' && verified.databases[0]?.machines[0]?.instance === 26);
});

test('the restored replica goes on, and a snapshot of it names the parent history', async () => {
  const memory = backup.clone();
  await restore(memory);
  const world = await openWorld({ memory, databaseDirectory: '/new/databases/main', begin: false });
  writeSome(world, 5);
  const info = await world.manager.createSnapshot();
  assert.equal(info.instance, 31);
  assert.equal(info.position, 30);
  const tar = await world.manager.openSnapshot(31);
  assert.equal(tar.manifest.parent, historyId);
  assert.notEqual(tar.manifest.historyId, historyId);
  await tar.release();
  await world.manager.stop();
});

test('a directory with files of Loggos is refused; other files are left alone', async () => {
  const memory = backup.clone();
  const disk = memory.mount();
  await disk.makeDirectory('/new');
  await writeNewFile(disk, '/new/.gitkeep', Buffer.from('mine'));
  await restore(memory);
  assert.equal(Buffer.from(memory.bytesOf('/new/.gitkeep')).toString(), 'mine');
  const before = memory.files();
  await assert.rejects(restore(memory), { code: 'directory-unusable' });
  assert.deepEqual(memory.files(), before);
  await checkRestored(memory);

  await disk.makeDirectory('/half/databases/main');
  await assert.rejects(restore(memory, { dataDirectory: '/half' }), { code: 'directory-unusable' });
  assert.equal(await dataDirectoryState(disk, '/half'), 'foreign-loggos-files');
});

test('a dry run does everything but the last step and leaves nothing', async () => {
  const memory = backup.clone();
  const report = await restore(memory, { dryRun: true });
  assert.equal(report.manifest.instance, 26);
  assert.deepEqual(memory.files(), ['/backup.tar']);
  assert.equal(await dataDirectoryState(memory.mount(), '/new'), 'empty');
});

test('a damaged backup, and a full disk, leave nothing', async () => {
  const memory = backup.clone();
  memory.flipBit('/backup.tar', 8 * 3_000);
  await assert.rejects(restore(memory), { code: 'snapshot-damaged' });
  assert.deepEqual(memory.files(), ['/backup.tar']);
  await assert.rejects(restore(memory, { source: '/absent.tar' }), { code: 'not-found' });

  const full = backup.clone();
  full.plan = ({ method, path }) => (method === 'write' && path.includes('state') ? { fail: 'no-room' } : undefined);
  await assert.rejects(restore(full), { name: 'DiskError' });
  assert.deepEqual(full.files(), ['/backup.tar']);
});

test('a power cut at any disk call leaves nothing that starts, or all of it; running it again restores', async () => {
  let half = 0;
  for (let call = 1; ; call += 1) {
    const memory = backup.clone();
    const last = memory.callCount + call;
    memory.plan = ({ number }) => (number === last ? 'die-after' : undefined);
    const done = await restore(memory).then(
      () => true,
      () => false,
    );
    memory.plan = () => undefined;
    memory.powerCut(faultRandom(call));
    const state = await dataDirectoryState(memory.mount(), '/new');
    assert.notEqual(state, 'foreign-loggos-files', `call ${call}`);
    if (state === 'replica') await checkRestored(memory);
    else {
      half += 1;
      assert.ok(!done);
      // The second one dies too.
      const second = memory.callCount + (call % 11) + 1;
      memory.plan = ({ number }) => (number === second ? 'die-after' : undefined);
      await restore(memory).catch(() => undefined);
      memory.plan = () => undefined;
      memory.powerCut(faultRandom(call + 1));
      if ((await dataDirectoryState(memory.mount(), '/new')) !== 'replica') await restore(memory);
      await checkRestored(memory);
    }
    if (done) break;
  }
  assert.ok(half > 20);
});
