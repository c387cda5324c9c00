import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { silentObserver } from '../../src/base/observer.ts';
import { CheckpointManager } from '../../src/checkpoint/checkpoint-manager.ts';
import { machineDirectory, openCurrent } from '../../src/checkpoint/current.ts';
import { restoreBackup } from '../../src/checkpoint/restore.ts';
import { verifySnapshot } from '../../src/checkpoint/verify.ts';
import { systemClock } from '../../src/system/clock.ts';
import { PoolDisk } from '../../src/system/pool-disk.ts';
import { systemRandom } from '../../src/system/random.ts';
import { machineIn } from '../documents/state-machine/machine.ts';
import { puts } from '../documents/store/values.ts';
import { TestLog } from './support/test-log.ts';
import { farDeadline, tarOf } from './support/world.ts';

const root = mkdtempSync(join(tmpdir(), 'loggos-documents-'));
after(() => rmSync(root, { recursive: true, force: true }));
const disk = new PoolDisk();

/** The real document machine under the real manager, over real files. */
async function openReplica(databaseDirectory: string) {
  mkdirSync(databaseDirectory, { recursive: true });
  const current = await openCurrent(disk, databaseDirectory);
  mkdirSync(machineDirectory(current.directory, 1), { recursive: true });
  const machine = await machineIn(machineDirectory(current.directory, 1));
  const log = new TestLog([machine], systemClock, 10, machine.checkpointInstance());
  const manager = await CheckpointManager.open({
    disk,
    clock: systemClock,
    random: systemRandom,
    observer: silentObserver,
    databaseDirectory,
    database: 'main',
    current,
    machines: [machine],
    log,
    logSize: () => ({ segments: 1, bytes: 0 }),
    isAlone: () => true,
  });
  manager.start();
  const close = async () => {
    await manager.stop();
    await machine.close();
  };
  return { machine, log, manager, close };
}

test('documents: replayed, sealed under writes, verified, restored, and the restored one goes on', async () => {
  const first = await openReplica(join(root, 'first/databases/main'));
  first.log.begin();
  const values = puts(300, 5, 200);
  for (const value of values.slice(0, 200)) first.log.apply({ kind: 'batch', machineId: 1, ...value });
  const sealing = first.manager.createSnapshot();
  for (const value of values.slice(200)) first.log.apply({ kind: 'batch', machineId: 1, ...value });
  const { instance, position } = await sealing;
  assert.ok(instance >= 201);
  await first.manager.reached(first.log.appliedInstance, farDeadline);
  assert.equal(first.manager.checkpointInstance, 301);
  assert.equal(first.manager.status().replayer.state, 'running');

  const tar = await first.manager.openSnapshot(instance);
  const backup = join(root, 'backup.tar');
  await writeFile(backup, await tarOf(tar));
  assert.equal(tar.manifest.position, position);
  await tar.release();
  const machines = [first.machine];
  const outside = { disk, clock: systemClock, random: systemRandom, machines };
  const report = await verifySnapshot(backup, outside);
  assert.ok(report.kind === 'snapshot' && report.manifest.instance === instance);

  const dataDirectory = join(root, 'restored');
  await restoreBackup({ ...outside, observer: silentObserver, source: backup, dataDirectory, replicaName: 'gaios' });
  await first.close();
  const verified = await verifySnapshot(dataDirectory, outside);
  assert.ok(verified.kind === 'data-directory' && verified.databases[0]?.machines[0]?.instance === instance);

  const second = await openReplica(join(dataDirectory, 'databases/main'));
  assert.equal(second.machine.checkpointInstance(), instance);
  assert.equal(second.machine.checkpointFacts().position, position);
  for (const value of values.slice(200)) second.log.apply({ kind: 'batch', machineId: 1, ...value });
  const again = await second.manager.createSnapshot();
  assert.equal(again.instance, instance + 100);
  await second.close();
});
