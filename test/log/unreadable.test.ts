import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DiskError } from '../../src/base/disk.ts';
import { segmentHeaderBytes } from '../../src/log/format.ts';
import { inspectLog } from '../../src/log/inspect.ts';
import type { LogRecord } from '../../src/log/log.ts';
import { systemHashes } from '../../src/system/hashes.ts';
import type { MemoryDisk } from '../support/memory-disk.ts';
import { accepted, appendChosen, ballot, directory, failsWith, LogWorld, segmentBytes, text } from './log-world.ts';

const one = '/log/0000000000000001.segment';
const sectorBytes = 512;
const valueBytes = 1000;

/** Two segments of records, sealed, and the promise of a later ballot. */
async function closedLog(last = 100): Promise<MemoryDisk> {
  const world = new LogWorld();
  const { log } = await world.open();
  await appendChosen(log, 1, last, valueBytes);
  await log.promise(ballot(4));
  await log.close();
  return world.memory;
}

/** What each instance reads as; `damaged` where it does not. */
async function readEach(log: { read: Awaited<ReturnType<LogWorld['open']>>['log']['read'] }, last: number) {
  const told: string[] = [];
  for (let instance = 1; instance <= last; instance += 1) {
    const records: readonly LogRecord[] = await log.read(instance, 1, valueBytes).catch((error: unknown) => {
      assert.ok(failsWith('log-damaged')(error), String(error));
      return [];
    });
    told.push(records[0] === undefined ? 'damaged' : text(records[0]));
  }
  return told;
}

test('a sector that cannot be read any more costs its own records, while the log runs and in every start after', async () => {
  const last = 100;
  const disk = await closedLog(last);
  const whole = Array.from({ length: last }, (_, index) => text(accepted(index + 1, valueBytes)));
  const paths = disk.files().filter((path) => path.endsWith('.segment'));
  assert.equal(paths.length, 2);
  for (const path of paths) {
    const { length } = disk.bytesOf(path);
    for (let offset = 0; offset < length; offset += 7 * sectorBytes) {
      const copy = disk.clone();
      const running = await new LogWorld(copy).open({ cacheBytes: 0 });
      copy.makeUnreadable(path, offset);
      const read = await readEach(running.log, last);
      assert.ok(read.filter((told, index) => told !== whole[index]).every((told) => told === 'damaged'));
      // A page, and what reaches into it.
      assert.ok(read.filter((told) => told === 'damaged').length <= 6, `${path} at ${offset}: ${read}`);
      await running.log.close();
      let said: unknown;
      for (const start of [1, 2, 3]) {
        const { log, boot } = await new LogWorld(copy).open({ cacheBytes: 0 });
        assert.deepEqual(boot.promised, ballot(4));
        for (let instance = 1; instance <= boot.chosenTo; instance += 1)
          assert.equal(text((await log.read(instance, 1, 1))[0]), whole[instance - 1]);
        for (const found of boot.above)
          if (found.state === 'accepted') assert.equal(text(found.record), whole[found.record.instance - 1]);
        const toldOf = new Set(
          boot.above.map((found) => (found.state === 'accepted' ? found.record.instance : found.instance)),
        );
        for (let instance = boot.chosenTo + 1; instance <= (boot.cannotTellAbove ?? last); instance += 1)
          assert.ok(toldOf.has(instance), `start ${start} forgets ${instance}: ${path} at ${offset}`);
        const { chosenTo, above } = boot;
        const now = above.map((found) => (found.state === 'accepted' ? found.record.instance : [found.instance]));
        said ??= { chosenTo, now };
        assert.deepEqual({ chosenTo, now }, said, `start ${start} says the same`);
        await log.close();
        copy.kill();
      }
    }
  }
});

test('what a sector took is written again, and read from there', async () => {
  const disk = await closedLog(5);
  disk.makeUnreadable(one, segmentHeaderBytes + 2 * 1104 + 500);
  const { log, boot } = await new LogWorld(disk).open({ cacheBytes: 0 });
  assert.ok(boot.chosenTo < 3);
  assert.ok(boot.damaged.length > 0);
  const again = [1, 2, 3, 4, 5].map((instance) => ({ ...accepted(instance, valueBytes), kind: 'chosen' as const }));
  await log.append(again);
  log.chosenTo(5);
  assert.deepEqual(await readEach(log, 5), again.map(text));
  await log.close();
  const { boot: next, log: reopened } = await new LogWorld(disk).open({ cacheBytes: 0 });
  assert.equal(next.chosenTo, 5);
  assert.deepEqual(await readEach(reopened, 5), again.map(text));
});

test('a read that fails once is no damage, in a start or later', async () => {
  const disk = await closedLog(5);
  const failed = new Set<string>();
  const failsFirst = () => {
    disk.plan = ({ method, path }) => {
      if (method !== 'read' || failed.has(path)) return undefined;
      failed.add(path);
      return { fail: 'failed' };
    };
  };
  failsFirst();
  const { log, boot } = await new LogWorld(disk).open({ cacheBytes: 0 });
  assert.deepEqual([...failed].sort(), [one, '/log/0000000000000002.segment.new', '/log/promise.a', '/log/promise.b']);
  assert.deepEqual([boot.chosenTo, boot.damaged, boot.cutBytes, boot.promiseLost], [5, [], 0, false]);
  failed.clear();
  assert.equal(text((await log.read(2, 1, 1))[0]), text(accepted(2, valueBytes)));
  assert.equal(failed.size, 1);
});

test('a disk that gives nothing at all starts no log and damages none', async () => {
  const disk = await closedLog(100);
  const before = disk.clone();
  disk.plan = ({ method, path }) => (method === 'read' && path.endsWith('.segment') ? { fail: 'failed' } : undefined);
  await assert.rejects(new LogWorld(disk).open());
  disk.plan = () => undefined;
  assert.deepEqual(disk.files(), before.files());
  for (const path of disk.files()) assert.deepEqual(disk.bytesOf(path), before.bytesOf(path));
});

test('a promise file that cannot be read is made anew from the other, and so is a segment that was ready', async () => {
  for (const broken of ['/log/promise.a', '/log/promise.b', '/log/0000000000000002.segment.new']) {
    const disk = await closedLog(5);
    assert.ok(disk.files().includes(broken));
    disk.makeUnreadable(broken, 0);
    const { log, boot } = await new LogWorld(disk).open({ cacheBytes: 0 });
    assert.deepEqual([boot.promised, boot.promiseLost, boot.chosenTo], [ballot(4), false, 5]);
    await log.append([accepted(6, valueBytes)]);
    await log.promise(ballot(7));
    await log.close();
    const { boot: next } = await new LogWorld(disk).open();
    assert.deepEqual([next.promised, next.lastInstance, next.damaged], [ballot(7), 6, []]);
  }
});

test('an inspection says which record cannot be read, and lists the others', async () => {
  const disk = await closedLog(20);
  disk.makeUnreadable(one, segmentHeaderBytes + 10 * 1104);
  const entries = await Array.fromAsync(inspectLog(disk.mount(), directory, systemHashes));
  const verdict = entries.at(-1);
  assert.equal(verdict?.kind === 'verdict' && verdict.state, 'damaged');
  assert.ok(verdict?.kind === 'verdict' && verdict.recordCount >= 15 && verdict.recordCount < 20);
  assert.equal(disk.bytesOf(one).length, segmentBytes);
});

test('what could not be read is read when the disk gives it again, in a segment that no start looked into too', async () => {
  const disk = await closedLog(100);
  const { log } = await new LogWorld(disk).open({ cacheBytes: 0, checkpointInstance: 100 });
  // The header of a record: without it nobody knows which instance stands there.
  disk.makeUnreadable(one, segmentHeaderBytes + 10 * 1104);
  assert.equal(text((await log.read(30, 1, 1))[0]), text(accepted(30, valueBytes)));
  await assert.rejects(log.read(11, 1, 1), (error: unknown) => {
    return failsWith('log-damaged')(error) && error instanceof Error && error.cause instanceof DiskError;
  });
  disk.forgetUnreadable(one);
  assert.equal(text((await log.read(11, 1, 1))[0]), text(accepted(11, valueBytes)));
});
