import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DiskFile } from '../../../src/base/disk.ts';
import type { MachineRoom } from '../../../src/simulation/world/machine-room.ts';
import type { Hands } from '../../../src/simulation/world/simulated-process.ts';
import { diskContract } from '../../system/disk-contract.ts';
import { pumpedDisk } from './pumped-disk.ts';
import { handsOf, handsOnly, testRoom, text, words } from './test-room.ts';

const contractRoom = await testRoom({ machines: ['aalto'] });
diskContract('SimulatedDisk', pumpedDisk(contractRoom, handsOf(contractRoom, 'aalto').disk), '/root', async () => {});

/** A machine with one file whose name and content are durable. */
async function roomWithFile(seed: number, content: Uint8Array): Promise<[MachineRoom<Hands>, DiskFile]> {
  const room = await testRoom({ seed, machines: ['aalto'] });
  const { disk } = handsOf(room, 'aalto');
  const file = await room.settled(disk.open('/file', 'create'));
  await room.settled(file.writeAndSync(0, content));
  await room.settled(disk.syncDirectory('/'));
  return [room, file];
}

const seeds = Array.from({ length: 40 }, (_, index) => index + 1);

test('a power cut keeps what was synced and loses any subset of the sectors that were not', async () => {
  const seen = new Set<string>();
  for (const seed of seeds) {
    const [room, file] = await roomWithFile(seed, new Uint8Array(1536).fill(1));
    await room.settled(file.write(512, new Uint8Array(1024).fill(2)));
    room.machine('aalto').powerCut();
    const bytes = room.machine('aalto').disk.bytesOf('/file');
    assert.deepEqual([bytes.byteLength, bytes[0]], [1536, 1]);
    seen.add(`${bytes[512]}${bytes[1024]}`);
  }
  assert.deepEqual([...seen].sort(), ['11', '12', '21', '22']);
});

test('the end of a process loses nothing that was written', async () => {
  const [room, file] = await roomWithFile(1, text('synced'));
  await room.settled(file.write(6, text(' and not')));
  room.machine('aalto').kill();
  assert.equal(words(room.machine('aalto').disk.bytesOf('/file')), 'synced and not');
});

test('an unsynced length is lost, kept, or anything in between, and what is not there reads as zeros', async () => {
  const lengths = new Set<number>();
  for (const seed of seeds) {
    const [room, file] = await roomWithFile(seed, text('four'));
    await room.settled(file.write(4, new Uint8Array(2_000).fill(9)));
    room.machine('aalto').powerCut();
    const bytes = room.machine('aalto').disk.bytesOf('/file');
    lengths.add(bytes.byteLength);
    assert.equal(words(bytes.subarray(0, 4)), 'four');
    for (const byte of bytes.subarray(4)) assert.ok(byte === 9 || byte === 0);
  }
  assert.ok(lengths.has(4) && lengths.has(2_004) && lengths.size > 3, [...lengths].join());
});

test('a name is lost or kept until its directory is synced; a rename is never half done', async () => {
  const outcomes = new Set<string>();
  for (const seed of seeds) {
    const [room] = await roomWithFile(seed, text('x'));
    const { disk } = handsOf(room, 'aalto');
    await room.settled(disk.rename('/file', '/new'));
    await room.settled(disk.open('/other', 'create'));
    room.machine('aalto').powerCut();
    outcomes.add(room.machine('aalto').disk.files().join());
  }
  assert.deepEqual([...outcomes].sort(), ['/file', '/file,/other', '/new', '/new,/other']);
});

test('a tree that was removed comes back whole, in part, or not at all', async () => {
  const outcomes = new Set<string>();
  for (const seed of seeds) {
    const room = await testRoom({ seed, machines: ['aalto'] });
    const { disk } = handsOf(room, 'aalto');
    await room.settled(disk.makeDirectory('/tree'));
    for (const name of ['/tree/a', '/tree/b']) await room.settled(disk.open(name, 'create'));
    for (const directory of ['/', '/tree']) await room.settled(disk.syncDirectory(directory));
    await room.settled(disk.removeTree('/tree'));
    assert.deepEqual(room.machine('aalto').disk.files(), []);
    room.machine('aalto').powerCut();
    outcomes.add(room.machine('aalto').disk.files().join());
  }
  assert.deepEqual([...outcomes].sort(), ['', '/tree/a', '/tree/a,/tree/b', '/tree/b']);
});

test('a sync makes durable what was written when it was asked for, in the same sector too', async () => {
  const seen = new Set<string>();
  for (const seed of seeds) {
    const room = await testRoom({ seed, machines: ['aalto'], shapes: { 'sync-ms': 50, 'write-ms': 0.01 } });
    const { disk } = handsOf(room, 'aalto');
    const file = await room.settled(disk.open('/file', 'create'));
    await room.settled(disk.syncDirectory('/'));
    await room.settled(file.write(0, text('one')));
    const syncing = file.sync();
    await room.settled(file.write(3, text('two')));
    await room.settled(syncing);
    room.machine('aalto').powerCut();
    seen.add(words(room.machine('aalto').disk.bytesOf('/file')).replace(/\0.*/, ''));
  }
  assert.ok(seen.has('one') && seen.has('onetwo'), [...seen].join());
  for (const content of seen) assert.ok(content.startsWith('one'));
});

test('a write in flight at a crash leaves nothing, everything, a prefix or some of its sectors', async () => {
  const kinds = new Set<string>();
  for (const seed of seeds) {
    const room = await testRoom({ seed, machines: ['aalto'], faults: { 'torn-write': 0.7 } });
    const { disk } = handsOf(room, 'aalto');
    const file = await room.settled(disk.open('/file', 'create'));
    await room.settled(file.writeAndSync(0, new Uint8Array(2_048).fill(1)));
    let isDone = false;
    void file.writeAndSync(0, new Uint8Array(2_048).fill(2)).then(() => {
      isDone = true;
    });
    room.machine('aalto').kill();
    await room.run();
    assert.equal(isDone, false, 'a process that has ended hears of nothing');
    const bytes = room.machine('aalto').disk.bytesOf('/file');
    const count = bytes.filter((byte) => byte === 2).byteLength;
    if (count === 0) kinds.add('nothing');
    else if (count === 2_048) kinds.add('everything');
    else if (bytes.lastIndexOf(2) === count - 1) kinds.add(count % 512 === 0 ? 'whole sectors' : 'prefix');
    else kinds.add('some sectors');
  }
  for (const kind of ['nothing', 'everything', 'prefix', 'some sectors']) assert.ok(kinds.has(kind), kind);
});

test('of a change of names in flight at a crash nobody hears, and it may have happened', async () => {
  const outcomes = new Set<string>();
  for (const seed of seeds) {
    const [room] = await roomWithFile(seed, text('x'));
    void handsOf(room, 'aalto')
      .disk.rename('/file', '/new')
      .then(() => assert.fail('heard'));
    room.machine('aalto').kill();
    await room.run();
    outcomes.add(room.machine('aalto').disk.files().join());
  }
  assert.deepEqual([...outcomes].sort(), ['/file', '/new']);
});

test('a disk is lost, put back to an earlier copy, or becomes a copy of another; copies do not disturb each other', async () => {
  const room = await testRoom();
  const write = async (content: string, offset: number) => {
    const { disk } = handsOf(room, 'aalto');
    const known = await room.settled(disk.stat('/file'));
    const file = await room.settled(disk.open('/file', known === undefined ? 'create' : 'write'));
    await room.settled(file.writeAndSync(offset, text(content)));
    await room.settled(disk.syncDirectory('/'));
  };
  const { disk } = room.machine('aalto');
  await write('early', 0);
  const image = disk.image();
  await write('LATE!', 0);
  room.machine('aalto').powerCut();
  assert.equal(words(disk.bytesOf('/file')), 'LATE!');
  disk.restore(image);
  assert.equal(words(disk.bytesOf('/file')), 'early');
  room.machine('koski').powerCut();
  room.machine('koski').disk.restore(disk.image());
  room.machine('aalto').restart();
  await room.run();
  await write(' and more', 5);
  assert.equal(words(disk.bytesOf('/file')), 'early and more');
  assert.equal(words(room.machine('koski').disk.bytesOf('/file')), 'early');
  disk.restore(image);
  assert.equal(words(disk.bytesOf('/file')), 'early');
  disk.erase();
  assert.deepEqual(disk.files(), []);
});

test('a process that starts again finds what the last one left', async () => {
  const [room] = await roomWithFile(1, text('left'));
  room.machine('aalto').kill();
  room.machine('aalto').start(handsOnly);
  await room.run();
  const file = await room.settled(handsOf(room, 'aalto').disk.open('/file', 'read'));
  assert.equal(words(await room.settled(file.read(0, 100))), 'left');
});
