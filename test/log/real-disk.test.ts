import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { silentObserver } from '../../src/base/observer.ts';
import { openLog } from '../../src/log/open-log.ts';
import { systemClock } from '../../src/system/clock.ts';
import { systemHashes } from '../../src/system/hashes.ts';
import { PoolDisk } from '../../src/system/pool-disk.ts';
import { WorkerDisk } from '../../src/system/worker-disk.ts';
import { accepted, readAll, text } from './log-world.ts';

const root = mkdtempSync(join(tmpdir(), 'loggos-log-'));
after(() => rmSync(root, { recursive: true, force: true }));

test('on a real disk, written by a thread of its own, what was appended is read, over rolls and reopening', async (context) => {
  const expected: string[] = [];
  for (let life = 1; life <= 2; life += 1) {
    const disk = new WorkerDisk();
    context.after(() => disk.terminate());
    const { log, boot } = await openLog({
      disk,
      readDisk: new PoolDisk(),
      directory: join(root, 'log'),
      identity: 'test-cluster/main',
      checkpointInstance: 0,
      hashes: systemHashes,
      clock: systemClock,
      observer: silentObserver,
      segmentBytes: 256 * 1024,
      cacheBytes: 10_000,
    });
    assert.equal(boot.chosenTo, expected.length);
    const first = expected.length + 1;
    const records = Array.from({ length: 300 }, (_, index) => accepted(first + index, 1000));
    expected.push(...records.map(text));
    for (let index = 0; index < records.length; index += 30) {
      await Promise.all(records.slice(index, index + 30).map((record) => log.append([record])));
      log.chosenTo(log.lastInstance);
    }
    assert.deepEqual((await readAll(log)).map(text), expected);
    assert.ok((await log.dropBelow(1)) === 1 && log.segmentCount > life);
    await log.close();
    await disk.close();
  }
});
