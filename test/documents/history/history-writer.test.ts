import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { DiskError } from '../../../src/base/disk.ts';
import { LoggosError } from '../../../src/base/errors.ts';
import { historyCuts } from '../../../src/documents/history/format.ts';
import { emptyHistory, parseHistoryEnd, printHistoryEnd } from '../../../src/documents/history/history-end.ts';
import { HistoryReader } from '../../../src/documents/history/history-reader.ts';
import { HistoryWriter } from '../../../src/documents/history/history-writer.ts';
import { verifyHistory } from '../../../src/documents/history/verify-history.ts';
import { CrashDisk, PowerCut } from './crash-disk.ts';
import { EventSource, hashes, type KnownEvent, randomOf } from './event-source.ts';
import { contents, directory, historyOf, openWriter, readerOf } from './small-history.ts';

function eventsOf(count: number, seed = 7): readonly KnownEvent[] {
  const source = new EventSource(seed);
  source.addMany(count);
  return source.events;
}

test('equal lines give byte-equal files, whatever the commits, the restarts and the marks of the chain', async () => {
  const events = eventsOf(130);
  const expected = contents((await historyOf(events)).disk);
  assert.ok(Object.keys(expected).filter((name) => name.endsWith('.zst')).length >= 6);
  const step = fc.record({
    count: fc.integer({ min: 0, max: 30 }),
    commit: fc.boolean(),
    restart: fc.boolean(),
    mark: fc.boolean(),
    seal: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      let disk = new CrashDisk();
      let writer = await openWriter(disk);
      let end = emptyHistory;
      for (const { count, commit, restart, mark, seal } of [
        ...steps,
        { count: 130, commit: true, restart: true, mark: true, seal: false },
      ]) {
        const lines = events.slice(writer.position, writer.position + count);
        await writer.append(lines, mark ? lines.at(-1)?.chain : undefined);
        if (commit) end = await writer.sync();
        if (seal) await writer.sealReady(end, 1);
        if (!restart) continue;
        // What the process had not committed is cut at the next open.
        disk = disk.afterKill();
        writer = await openWriter(disk, parseHistoryEnd(printHistoryEnd(end)));
      }
      await writer.append(events.slice(writer.position));
      await writer.sealReady(await writer.sync());
      assert.deepEqual(contents(disk), expected);
    }),
    { numRuns: 60 },
  );
});

test('a power cut at any call of the disk leaves exactly the committed lines, and the files come out the same', async () => {
  const events = eventsOf(70, 3);
  const expected = contents((await historyOf(events)).disk);
  for (const firstIsKill of [false, true]) {
    for (let cutAt = 0; ; cutAt++) {
      const where = `${firstIsKill ? 'kill' : 'power cut'} at call ${cutAt}`;
      const random = randomOf(cutAt);
      let disk = new CrashDisk();
      let committed = emptyHistory;
      const wasCut = await untilPowerCut(disk, cutAt, async () => {
        const writer = await openWriter(disk);
        for (let at = 0; at < events.length; at += 11) {
          await writer.append(events.slice(at, at + 11));
          committed = await writer.sync();
          await writer.sealReady(committed);
        }
      });
      if (!wasCut) {
        assert.ok(cutAt > 40, 'every call was cut once');
        break;
      }
      if (!firstIsKill) disk = disk.afterPowerCut(random);
      // The next boots are cut too, until one is not.
      for (
        let calls = 0;
        await untilPowerCut(disk, disk.operations + calls, () => openWriter(disk, committed));
        calls++
      ) {
        disk = disk.afterPowerCut(random);
      }
      disk = disk.afterPowerCut(random);
      const writer = await openWriter(disk, committed);
      const plainBytes = [...disk.files].flatMap(([path, { bytes }]) =>
        path.endsWith('.ndjson') ? [bytes.length] : [],
      );
      assert.deepEqual(
        plainBytes,
        writer.files().flatMap(({ bytes, sealed }) => (sealed ? [] : [bytes])),
        where,
      );
      const reader = readerOf(disk, committed);
      for (const { position, line } of events.slice(0, committed.position)) {
        assert.equal(await reader.line(position), line, where);
      }
      await writer.append(events.slice(committed.position));
      const end = await writer.sync();
      await writer.sealReady(end);
      assert.deepEqual(contents(disk), expected, where);
    }
  }
});

test('a sealed file has a durable name before the plain one goes, also where a boot finishes what a killed process began', async () => {
  const events = eventsOf(25, 3);
  for (let seed = 0; seed < 40; seed++) {
    const disk = new CrashDisk();
    const writer = await openWriter(disk);
    await writer.append(events);
    const end = await writer.sync();
    // Of sealing: create, write, sync, rename; killed before the directory is synced.
    assert.ok(await untilPowerCut(disk, disk.operations + 4, () => writer.sealReady(end)));
    assert.ok([...disk.files.keys()].some((path) => path.endsWith('.zst')));
    await untilPowerCut(disk, disk.operations + (seed % 4), () => openWriter(disk, end));
    const reader = readerOf(disk.afterPowerCut(randomOf(seed)), end);
    for (const { position, line } of events) assert.equal(await reader.line(position), line, `seed ${seed}`);
  }
});

/** Whether the action was cut off. */
async function untilPowerCut(disk: CrashDisk, cutAt: number, action: () => Promise<unknown>): Promise<boolean> {
  disk.cutAt = cutAt;
  try {
    await action();
    return false;
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
    return true;
  } finally {
    disk.cutAt = undefined;
  }
}

test('nothing is sealed beyond the commit that is given', async () => {
  const events = eventsOf(100);
  const disk = new CrashDisk();
  const writer = await openWriter(disk);
  await writer.append(events.slice(0, 10));
  const committed = await writer.sync();
  await writer.append(events.slice(10));
  await writer.sync();
  assert.equal(await writer.sealReady(committed), 0);
  const reopened = await openWriter(disk.afterKill(), committed);
  assert.equal(reopened.position, 10);
  assert.deepEqual(
    reopened.files().map(({ sealed }) => sealed),
    [false],
  );
});

test('rot in plain lines is found before they are sealed and at the next open, also outside of the chain', async () => {
  const events = eventsOf(30);
  for (const offset of [0, 1_000, 2_500]) {
    const { disk, end } = await historyOf(events, false);
    disk.flip(`${directory}/0000000000000001.ndjson`, offset);
    await assert.rejects(openWriter(disk, end), isDamage);
  }
  const disk = new CrashDisk();
  const writer = await openWriter(disk);
  await writer.append(events);
  const end = await writer.sync();
  disk.flip(`${directory}/0000000000000001.ndjson`, 700);
  await assert.rejects(writer.sealReady(end), isDamage);
});

test('a committed file that is missing or short is reported, never made anew', async () => {
  const events = eventsOf(90);
  const { disk, end } = await historyOf(events);
  for (const path of [...disk.files.keys()]) {
    const damaged = disk.afterKill();
    damaged.files.delete(path);
    await assert.rejects(openWriter(damaged, end), isDamage, path);
  }
  const plain = [...disk.files.keys()].find((path) => path.endsWith('.ndjson'));
  assert.ok(plain !== undefined);
  const short = disk.afterKill();
  const bytes = short.read(plain).subarray(0, -1);
  short.files.set(plain, { bytes, durable: bytes });
  await assert.rejects(openWriter(short, end), isDamage);
});

test('a sealed file that goes beyond the commit is another history and is refused', async () => {
  const events = eventsOf(90);
  const { disk } = await historyOf(events);
  await assert.rejects(openWriter(disk, { position: 0, plain: [] }), isDamage);
});

test('a full disk while sealing harms nothing: the lines stay plain and are sealed when there is room', async () => {
  const events = eventsOf(90);
  const expected = contents((await historyOf(events)).disk);
  const disk = new CrashDisk();
  const writer = await openWriter(disk);
  await writer.append(events);
  const end = await writer.sync();
  disk.roomBytes = 300;
  await assert.rejects(writer.sealReady(end), (error) => error instanceof DiskError && error.kind === 'no-room');
  const reader = readerOf(disk, end);
  for (const { position, line } of events) assert.equal(await reader.line(position), line);
  disk.roomBytes = Number.POSITIVE_INFINITY;
  assert.ok((await writer.sealReady(end)) > 0);
  assert.deepEqual(contents(disk), expected);
});

test('files of the real cut hold 16,384 events, and are verified whole', async () => {
  const source = new EventSource(5);
  for (let count = 0; count < historyCuts.filePositionsMax + 100; count++) source.add({ documentId: `d${count % 50}` });
  const disk = new CrashDisk();
  const writer = new HistoryWriter({ disk, directory, hashes });
  await writer.open();
  for (let at = 0; at < source.events.length; at += 50) {
    const lines = source.events.slice(at, at + 50);
    await writer.append(lines, lines.at(-1)?.chain);
  }
  const end = await writer.sync();
  assert.equal(await writer.sealReady(end), 1);
  assert.deepEqual(
    writer.files().map(({ name }) => name),
    ['0000000000000001-0000000000016384.ndjson.zst', '0000000000016385.ndjson'],
  );
  const verified = await verifyHistory({ disk, directory, hashes });
  assert.equal(verified.events, source.events.length);
  assert.deepEqual(Buffer.from(verified.chain), Buffer.from(source.chain));
  const reader = new HistoryReader({ disk, directory, hashes });
  reader.advance(end);
  for (let at = 0; at < source.events.length; at += 997) {
    assert.equal(await reader.line(at + 1), source.events[at]?.line);
  }
});

test('lines of a megabyte are whole in their frames', async () => {
  const source = new EventSource(9);
  for (const length of [10, 2_500_000, 400_000, 10, 1_100_000, 10]) {
    source.add({ body: JSON.stringify({ text: 'ω'.repeat(length / 2), more: 'x'.repeat(length / 2) }) });
  }
  const { disk, end } = await historyOf(source.events);
  const reader = readerOf(disk, end);
  for (const { position, line } of source.events) assert.equal(await reader.line(position), line);
  await openWriter(disk, end);
});

function isDamage(error: unknown): boolean {
  return error instanceof LoggosError && error.code === 'checkpoint-damaged' && !error.message.includes('/');
}
