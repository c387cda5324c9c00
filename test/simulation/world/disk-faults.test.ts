import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DiskError, type DiskErrorKind, type DiskFile } from '../../../src/base/disk.ts';
import { quietDials } from '../../../src/simulation/world/dials.ts';
import type { FaultKind } from '../../../src/simulation/world/fault-kinds.ts';
import type { SimulatedDisk } from '../../../src/simulation/world/simulated-disk.ts';
import { handsOf, testRoom, text, words } from './test-room.ts';

const fails = (kind: DiskErrorKind) => (error: unknown) => error instanceof DiskError && error.kind === kind;

/** One machine of three with a durable file of that content; the faults come from now on. */
async function struck(faults: Partial<Record<FaultKind, number>>, content = text('old content')) {
  const room = await testRoom({ machines: ['aalto', 'koski', 'lakka'] });
  const { disk } = handsOf(room, 'aalto');
  const file = await room.settled(disk.open('/file', 'create'));
  await room.settled(file.writeAndSync(0, content));
  await room.settled(disk.syncDirectory('/'));
  room.fate.dials = { ...quietDials, faults: { ...quietDials.faults, ...faults } };
  const afterPowerCut = () => {
    room.machine('aalto').powerCut();
    return room.machine('aalto').disk.bytesOf('/file');
  };
  return { room, disk, file, machineDisk: room.machine('aalto').disk, afterPowerCut };
}

test('a failed read fails, and the next one may not', async () => {
  const { room, file, machineDisk } = await struck({});
  machineDisk.planFault('read-error', 'file');
  await assert.rejects(room.settled(file.read(0, 3)), fails('failed'));
  assert.equal(words(await room.settled(file.read(0, 3))), 'old');
  assert.equal(room.coverage.count('read-error'), 1);
});

test('a failed write fails, and has left nothing or any part of itself', async () => {
  const leftovers = new Set<number>();
  const { room, file, machineDisk } = await struck({ 'write-error': 1 }, new Uint8Array(1_024));
  for (let count = 0; count < 30; count += 1) {
    await assert.rejects(room.settled(file.write(0, new Uint8Array(1_024).fill(count + 1))), fails('failed'));
    leftovers.add(machineDisk.bytesOf('/file').filter((byte) => byte === count + 1).byteLength);
  }
  assert.ok(leftovers.has(0) && leftovers.size > 3, [...leftovers].join());
});

test('a short write says how much it took, and took exactly that', async () => {
  const { room, file, machineDisk } = await struck({ 'short-write': 1 }, new Uint8Array(0));
  const taken = await room.settled(file.writeAndSync(0, text('a long sentence')));
  assert.ok(taken < 15);
  assert.equal(words(machineDisk.bytesOf('/file')), 'a long sentence'.slice(0, taken));
});

test('after a failed sync the bytes are readable until the power goes, whatever is synced later (A8)', async () => {
  const { room, file, machineDisk, afterPowerCut } = await struck({});
  machineDisk.planFault('sync-error');
  await assert.rejects(room.settled(file.writeAndSync(0, text('new'))), fails('failed'));
  await room.settled(file.sync());
  assert.equal(words(await room.settled(file.read(0, 100))), 'new content');
  assert.equal(words(afterPowerCut()), 'old content');
});

test('a lost write is acknowledged and readable, and after the next sync and a power cut the older content is there', async () => {
  const { room, file, afterPowerCut } = await struck({ 'lost-write': 1 });
  await room.settled(file.writeAndSync(0, text('new')));
  assert.equal(words(await room.settled(file.read(0, 100))), 'new content');
  await room.settled(file.writeAndSync(512, text('more')));
  assert.equal(words(afterPowerCut()).slice(0, 11), 'old content');
  assert.deepEqual(room.atlas.damaged(), ['aalto']);
});

test('a misdirected write lands on another sector of the file', async () => {
  const places = new Set<number>();
  const { room, file, machineDisk } = await struck({ 'misdirected-write': 1 }, new Uint8Array(4 * 512));
  for (let count = 0; count < 20; count += 1) {
    await room.settled(file.writeAndSync(0, new Uint8Array(512).fill(7)));
    const image = machineDisk.image();
    image.root.powerCut(() => true);
    const platter = image.root.file('/file');
    platter.powerCut(() => 0);
    const bytes = platter.read(0, 2_048);
    for (let sector = 0; sector < 4; sector += 1) if (bytes[sector * 512] === 7) places.add(sector);
  }
  assert.ok(places.size > 1, [...places].join());
});

test('what the platter does not have is seen when its pages leave the cache', async () => {
  const { room, file } = await struck({});
  room.machine('aalto').disk.planFault('lost-write');
  await room.settled(file.writeAndSync(0, text('new')));
  await room.settled(file.writeAndSync(512, text('more')));
  assert.equal(words(await room.settled(file.read(0, 3))), 'new');
  room.machine('aalto').disk.planFault('cache-eviction');
  assert.equal(words(await room.settled(file.read(0, 3))), 'old');
});

test('pages that are still to be written do not leave the cache', async () => {
  const { room, file } = await struck({ 'cache-eviction': 1 });
  await room.settled(file.write(0, text('new')));
  assert.equal(words(await room.settled(file.read(0, 100))), 'new content');
});

test('rot on read changes one bit of one answer; rot at rest changes the platter for good', async () => {
  const { room, file, machineDisk, afterPowerCut } = await struck({});
  machineDisk.planFault('read-rot');
  const rotten = await room.settled(file.read(0, 100));
  assert.equal(bitsThatDiffer(rotten, text('old content')), 1);
  assert.equal(words(await room.settled(file.read(0, 100))), 'old content');
  machineDisk.flipBit('/file', 8);
  assert.equal(words(await room.settled(file.read(0, 3))), 'omd');
  assert.equal(words(afterPowerCut()), 'omd content');
  assert.equal(machineDisk.rot()?.path, '/file');
  assert.notEqual(words(machineDisk.bytesOf('/file')), 'omd content');
});

test('a sector that the platter does not give fails every read that touches it, until it is written over whole', async () => {
  const { room, file, machineDisk } = await struck({}, new Uint8Array(1024).fill(7));
  const fail = (offset: number, length: number) =>
    assert.rejects(room.settled(file.read(offset, length)), fails('failed'));
  machineDisk.mayLoseSector = (path) => path === '/file';
  const struckSectors = new Set<number | undefined>();
  // Half of all rot only changes bits.
  for (let count = 0; count < 100; count += 1) struckSectors.add(machineDisk.rot()?.offset);
  assert.deepEqual([...struckSectors].sort(), [0, 512]);
  await fail(0, 1024);
  await fail(1023, 1);
  await room.settled(file.writeAndSync(512, text('half a sector')));
  await fail(512, 1);
  await room.settled(file.writeAndSync(400, new Uint8Array(624).fill(9)));
  assert.equal((await room.settled(file.read(512, 512)))[0], 9);
  await fail(511, 1);
  room.machine('aalto').powerCut();
  room.machine('aalto').restart();
  await room.run();
  const { disk } = handsOf(room, 'aalto');
  const reopened = await room.settled(disk.open('/file', 'read'));
  await assert.rejects(room.settled(reopened.read(0, 1)), fails('failed'));
});

test('sectors that reached the platter early are there after a power cut, though their sync failed', async () => {
  const left = new Set<string>();
  for (let count = 0; count < 10; count += 1) {
    const { room, file, machineDisk, afterPowerCut } = await struck({ 'early-writeback': 1 }, new Uint8Array(1_024));
    for (let draws = 0; draws < count; draws += 1) room.fate.stream('early-writeback where').next();
    machineDisk.planFault('sync-error');
    await assert.rejects(room.settled(file.writeAndSync(0, new Uint8Array(1_024).fill(1))), fails('failed'));
    const bytes = afterPowerCut();
    left.add(`${bytes[0]}${bytes[512]}`);
    assert.equal(room.coverage.count('early-writeback'), 1);
  }
  assert.ok(left.size > 2, [...left].join());
});

test('an older version of a sector may be what a power cut leaves', async () => {
  const left = new Set<string>();
  for (let count = 0; count < 20; count += 1) {
    const { room, file, machineDisk, afterPowerCut } = await struck({});
    for (const stream of ['early-writeback where', 'power aalto'])
      for (let draws = 0; draws < count; draws += 1) room.fate.stream(stream).next();
    machineDisk.planFault('early-writeback');
    await room.settled(file.write(0, text('mid')));
    await room.settled(file.write(0, text('new')));
    left.add(words(afterPowerCut()));
  }
  assert.deepEqual([...left].sort(), ['mid content', 'new content', 'old content']);
});

test('a full disk takes what fits without a word, fails the next write, and has room again later (A9, A11)', async () => {
  const { room, file, disk, machineDisk } = await struck({});
  machineDisk.capacityBytes = 14;
  assert.equal(await room.settled(disk.freeBytes('/')), 3);
  assert.equal(await room.settled(file.write(11, text('12345'))), 3);
  await assert.rejects(room.settled(file.write(14, text('45'))), fails('no-room'));
  assert.equal(await room.settled(file.write(0, text('may be overwritten').subarray(0, 14))), 14);
  machineDisk.capacityBytes = Number.POSITIVE_INFINITY;
  assert.equal(await room.settled(file.write(14, text('45'))), 2);
  assert.equal(room.coverage.count('no-room'), 1);
});

test('an operation on names fails without an effect', async () => {
  const { room, disk, machineDisk } = await struck({ 'directory-error': 1 });
  await assert.rejects(room.settled(disk.rename('/file', '/new')), fails('failed'));
  await assert.rejects(room.settled(disk.syncDirectory('/')), fails('failed'));
  await assert.rejects(room.settled(disk.open('/file', 'read')), fails('failed'));
  assert.deepEqual(machineDisk.files(), ['/file']);
});

test('a stalled call takes longer than any other, and no call holds up another file', async () => {
  const { room, file, disk, machineDisk } = await struck({});
  const other = await room.settled(disk.open('/other', 'create'));
  const startedMs = room.scheduler.nowMs;
  const finishedMs: number[] = [];
  const note = () => finishedMs.push(room.scheduler.nowMs - startedMs);
  const planned = plannedStall(machineDisk, file);
  await room.settled(other.write(0, text('x')).then(note));
  await room.settled(planned.then(note));
  assert.ok((finishedMs[0] ?? 0) < 10 && (finishedMs[1] ?? 0) > 50, finishedMs.join());
});

function plannedStall(disk: SimulatedDisk, file: DiskFile): Promise<number> {
  disk.planFault('disk-stall');
  return file.write(0, text('slow'));
}

function bitsThatDiffer(one: Uint8Array, other: Uint8Array): number {
  let count = 0;
  for (let bit = 0; bit < one.byteLength * 8; bit += 1) {
    const mask = 1 << (bit % 8);
    if (((one[bit >> 3] ?? 0) & mask) !== ((other[bit >> 3] ?? 0) & mask)) count += 1;
  }
  return count;
}
