import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordBytes, segmentHeaderBytes } from '../../src/log/format.ts';
import { inspectLog, type LogEntry } from '../../src/log/inspect.ts';
import { systemHashes } from '../../src/system/hashes.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { appendChosen, ballot, directory, LogWorld } from './log-world.ts';

async function inspect(memory: MemoryDisk): Promise<LogEntry[]> {
  return Array.fromAsync(inspectLog(memory.mount(), directory, systemHashes));
}

async function closedLog(last = 3): Promise<MemoryDisk> {
  const world = new LogWorld();
  const { log } = await world.open();
  await log.promise(ballot(4));
  await appendChosen(log, 1, last, 1000);
  await log.close();
  return world.memory;
}

test('everything in a log is listed, and a good one is called good', async () => {
  const memory = await closedLog();
  const before = memory.files().map((path) => Buffer.from(memory.bytesOf(path)).toString('base64'));
  const entries = await inspect(memory);
  const shown = entries.map((entry) =>
    entry.kind === 'record' ? `${entry.type} ${entry.instance} ${entry.state}` : entry.kind,
  );
  assert.deepEqual(shown, [
    'segment',
    'accepted 1 ok',
    'accepted 2 ok',
    'accepted 3 ok',
    'seal 0 ok',
    'promise',
    'promise',
    'verdict',
  ]);
  assert.deepEqual(entries.at(-1), {
    kind: 'verdict',
    state: 'ok',
    segmentCount: 1,
    recordCount: 4,
    damagedCount: 0,
    ambiguousCount: 0,
    lowestInstance: 1,
    highestInstance: 3,
    chosenTo: 3,
  });
  assert.deepEqual(
    memory.files().map((path) => Buffer.from(memory.bytesOf(path)).toString('base64')),
    before,
  );
});

test('damage, doubt and what is missing are told apart', async () => {
  const memory = await closedLog(150);
  const state = async (change: (disk: MemoryDisk) => void | Promise<void>) => {
    const disk = memory.clone();
    await change(disk);
    const entries = await inspect(disk);
    const faults = entries.filter((entry) => entry.kind !== 'verdict' && entry.state !== 'ok');
    const verdict = entries.at(-1);
    return `${verdict?.kind === 'verdict' && verdict.state}: ${faults.map((entry) => `${entry.kind} ${'state' in entry && entry.state}`).join(', ')}`;
  };
  const [one, two, three] = memory.files().filter((path) => path.endsWith('.segment')) as [string, string, string];
  const second = segmentHeaderBytes + recordBytes(1000);
  const lastBytes = memory.bytesOf(three);
  const sealOffset = Buffer.from(lastBytes).lastIndexOf(Buffer.of(0xfe, 0x4c, 0x52, 0xff));
  assert.equal(await state((disk) => disk.flipBit(one, second * 8)), 'damaged: record damaged');
  assert.equal(await state((disk) => disk.flipBit(one, (second + 200) * 8)), 'damaged: record damaged');
  assert.equal(await state((disk) => disk.flipBit(two, 100)), 'damaged: segment damaged');
  assert.equal(await state((disk) => disk.flipBit(three, (sealOffset + 20) * 8)), 'ambiguous: record ambiguous');
  assert.equal(
    await state((disk) => disk.overwrite(three, lastBytes.subarray(0, sealOffset))),
    'ambiguous: record ambiguous',
  );
  assert.equal(await state((disk) => disk.mount().remove(two)), 'damaged: segment missing');
  assert.equal(await state((disk) => disk.flipBit('/log/promise.b', 70)), 'damaged: promise damaged');
});

test('a directory without a log is called empty', async () => {
  assert.deepEqual(
    (await inspect(new MemoryDisk())).map((entry) => entry.kind === 'verdict' && entry.state),
    ['empty'],
  );
});
