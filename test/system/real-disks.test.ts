import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { DiskError } from '../../src/base/disk.ts';
import { PoolDisk } from '../../src/system/pool-disk.ts';
import { SyncDisk } from '../../src/system/sync-disk.ts';
import { WorkerDisk } from '../../src/system/worker-disk.ts';
import { diskContract } from './disk-contract.ts';

const root = mkdtempSync(join(tmpdir(), 'loggos-disks-'));
after(() => rmSync(root, { recursive: true, force: true }));

const worker = new WorkerDisk();
diskContract('SyncDisk', new SyncDisk(), join(root, 'sync'), async () => {});
diskContract('PoolDisk', new PoolDisk(), join(root, 'pool'), async () => {});
diskContract('WorkerDisk', worker, join(root, 'worker'), () => worker.close());

test('files are for their owner alone', async () => {
  for (const disk of [new SyncDisk(), new PoolDisk(), worker]) {
    const directory = join(root, `private-${disk.constructor.name}`, 'below');
    await disk.makeDirectory(directory);
    await (await disk.open(join(directory, 'file'), 'create')).close();
    assert.equal(statSync(directory).mode % 0o1000, 0o700);
    assert.equal(statSync(join(directory, '..')).mode % 0o1000, 0o700);
    assert.equal(statSync(join(directory, 'file')).mode % 0o1000, 0o600);
  }
});

test('a disk worker that has ended fails what waits and what comes', async () => {
  const disk = new WorkerDisk();
  await disk.list(root);
  const waiting = disk.list(root);
  await Promise.all([disk.terminate(), assert.rejects(waiting, DiskError)]);
  await assert.rejects(disk.list(root), DiskError);
});
