import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DiskError } from '../../src/base/disk.ts';
import { PoolDisk } from '../../src/system/pool-disk.ts';
import { SyncDisk } from '../../src/system/sync-disk.ts';

test('a failure of the disk says what failed without the path, which clients must not read; the path is beside it', async () => {
  const path = '/nowhere/secret';
  for (const disk of [new PoolDisk(), new SyncDisk()]) {
    await assert.rejects(disk.open(path, 'read'), (error: unknown) => {
      assert(error instanceof DiskError);
      assert.deepEqual([error.kind, error.path], ['absent', path]);
      assert.equal(error.message, 'There is no such file or directory (open: ENOENT).');
      assert.match(String(error.cause), /ENOENT.*secret/);
      return true;
    });
  }
});
