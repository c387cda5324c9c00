import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { Disk } from '../../src/base/disk.ts';
import { LoggosError } from '../../src/base/errors.ts';
import { isSnapshotFileName, type Manifest, printManifest, readManifest } from '../../src/checkpoint/manifest.ts';
import { printSealed } from '../../src/checkpoint/sealed-json.ts';
import { extractSnapshot } from '../../src/checkpoint/tar-reader.ts';
import { PoolDisk } from '../../src/system/pool-disk.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { blockBytes, endOfTar, entry, type HostileHeader, header, splitTar } from './support/hostile-tar.ts';
import { ManualClock, settle } from './support/manual-clock.ts';
import { openWorld, tarOf, writeSome } from './support/world.ts';

let tar: Buffer;
let manifest: Manifest;
let parts: ReturnType<typeof splitTar>;

before(async () => {
  const world = await openWorld();
  writeSome(world, 21);
  await world.manager.createSnapshot();
  const snapshot = await world.manager.openSnapshot(22);
  tar = await tarOf(snapshot);
  manifest = snapshot.manifest;
  parts = splitTar(tar);
  await world.manager.stop();
});

/** In chunks of an odd length, so that blocks are cut. */
async function* chunks(bytes: Uint8Array, chunkBytes = 1_000): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.byteLength; offset += chunkBytes)
    yield bytes.subarray(offset, offset + chunkBytes);
}

function take(bytes: Uint8Array, disk: Disk = new MemoryDisk().mount(), chunkBytes = 1_000) {
  return extractSnapshot(chunks(bytes, chunkBytes), { disk, clock: new ManualClock(), directory: '/incoming/x' });
}

async function refused(bytes: Uint8Array, message?: RegExp): Promise<void> {
  for (const chunkBytes of [1_000, 1 << 20]) {
    await assert.rejects(take(bytes, new MemoryDisk().mount(), chunkBytes), (error) => {
      assert.ok(error instanceof LoggosError, String(error));
      assert.equal(error.code, 'snapshot-damaged', error.message);
      if (message !== undefined) assert.match(error.message, message);
      return true;
    });
  }
}

const bytesOf = (name: string) => parts.find((part) => part.name === name)?.bytes ?? Buffer.alloc(0);
const all = () => parts.map((part) => part.bytes);
const manifestEntry = (changed: Manifest) => entry('manifest.json', printManifest(changed).bytes);
/** The archive with another manifest in front. */
const under = (changed: Manifest) => Buffer.concat([manifestEntry(changed), ...all().slice(1), endOfTar]);
/** A further entry behind the manifest. */
const plus = (extra: Buffer) => Buffer.concat([parts[0]?.bytes ?? Buffer.alloc(0), extra, ...all().slice(1), endOfTar]);

test('the whole archive is taken, in chunks of any length, and what is written is what was sealed', async () => {
  for (const chunkBytes of [1, 511, 512, 513, 100_000]) {
    const memory = new MemoryDisk();
    const sealed = await take(tar, memory.mount(), chunkBytes);
    assert.deepEqual(sealed.manifest, manifest);
    for (const { name, content } of parts) {
      assert.deepEqual(Buffer.from(memory.bytesOf(`/incoming/x/${name}`)), Buffer.from(content));
    }
  }
});

test('an archive built here by hand is taken: the tests below differ from it in one thing each', async () => {
  await take(Buffer.concat([...parts.map(({ name, content }) => entry(name, content)), endOfTar]));
});

test('files may come in any order behind the manifest', async () => {
  await take(Buffer.concat([...all().slice(0, 1), ...all().slice(1).reverse(), endOfTar]));
});

test('cut at every 512-byte boundary, and in the midst of blocks: refused', async () => {
  for (let length = 0; length < tar.byteLength; length += blockBytes) {
    await refused(tar.subarray(0, length));
    await refused(tar.subarray(0, length + 100));
  }
  await refused(tar.subarray(0, -1));
});

test('anything behind the end: refused', async () => {
  await refused(Buffer.concat([tar, Buffer.of(0)]), /after its end/);
  await refused(Buffer.concat([tar, Buffer.alloc(512)]), /after its end/);
  await refused(Buffer.concat([tar, bytesOf('group.json'), endOfTar]), /after its end/);
  const oneZeroBlock = Buffer.concat([...all().slice(0, -1), Buffer.alloc(512), ...all().slice(-1), endOfTar]);
  await refused(oneZeroBlock, /after its end/);
});

test('the manifest comes first, once, and names everything', async () => {
  await refused(Buffer.concat([...all().slice(1), parts[0]?.bytes ?? Buffer.alloc(0), endOfTar]), /begins with/);
  await refused(Buffer.concat([...all().slice(1), endOfTar]), /begins with/);
  await refused(endOfTar, /no manifest/);
  await refused(plus(parts[0]?.bytes ?? Buffer.alloc(0)), /twice, or the manifest does not list/);
});

test('a missing file, a file twice, a file that is not listed: refused', async () => {
  for (const { name } of parts.slice(1)) {
    const without = parts.filter((part) => part.name !== name).map((part) => part.bytes);
    await refused(Buffer.concat([...without, endOfTar]), /lacks 1 files/);
    await refused(plus(bytesOf(name)), /twice/);
  }
  await refused(plus(entry('machine-1/extra', Buffer.from('x'))), /does not list/);
});

const names: readonly (string | Uint8Array)[] = [
  '../evil',
  'machine-1/../../evil',
  '/etc/passwd',
  'machine-1//state.json',
  './group.json',
  'group.json/',
  'machine-1/a\nb',
  'machine-1\\state.json',
  'C:\\evil',
  'C:evil',
  'machine-1/ünïcode',
  'GROUP.JSON',
  '',
];

test('names with .., absolute, with line ends, backslashes, drives or another case: refused', async () => {
  for (const name of names) await refused(plus(entry(name as string, Buffer.from('x'))));
  await refused(plus(header({ name: 'group.json', prefix: '..' })));
});

test('a NUL that hides the rest of a name: refused', async () => {
  const hidden = Buffer.from('group.json\0/../evil');
  await refused(plus(Buffer.concat([header({ name: hidden, size: 0 })])), /NUL/);
  await refused(plus(header({ name: 'group.json', prefix: Buffer.from('a\0b') })), /NUL/);
});

test('a manifest that lists such a name is refused itself', () => {
  for (const name of [
    'machine-1/..',
    'machine-1/../x',
    'machine-1/./x',
    'machine-1',
    'machine-0/x',
    'other',
    ...names,
  ]) {
    assert.ok(!isSnapshotFileName(name as string), String(name));
  }
  assert.ok(isSnapshotFileName('machine-1/history/000000000001-000000004096.ndjson.zst'));
  assert.ok(isSnapshotFileName('machine-1/..a'));
});

const types: readonly (readonly [string, RegExp])[] = [
  ['1', /hard link/],
  ['2', /symbolic link/],
  ['3', /character device/],
  ['4', /block device/],
  ['5', /directory/],
  ['6', /fifo/],
  ['7', /contiguous/],
  ['S', /sparse/],
  ['D', /type 68/],
  ['Z', /type 90/],
  ['\0', /old-style/],
  ['x', /extended header/],
  ['g', /global extended header/],
  ['L', /long name/],
  ['K', /long link name/],
];

test('every type that is not a plain file, in the place of one and beside it: refused', async () => {
  const group = parts[1];
  assert.ok(group !== undefined);
  for (const [type, message] of types) {
    await refused(plus(header({ name: 'group.json', type, linkname: '/etc/passwd' })), message);
    const typed = entry(group.name, group.content, { type });
    await refused(Buffer.concat([...all().slice(0, 1), typed, ...all().slice(2), endOfTar]), message);
  }
});

test('a directory with a size, on which tar-stream hangs: refused', { timeout: 5_000 }, async () => {
  await refused(plus(header({ name: 'machine-1', type: '5', size: 512 })), /directory/);
  await refused(Buffer.concat([header({ name: 'x', type: '5', size: 4096 }), Buffer.alloc(4096)]), /directory/);
});

test('an extended header that gives another path or size: refused', async () => {
  for (const record of ['19 path=../../evil\n', '12 size=999\n', '30 path=machine-1/state.json\n']) {
    const extended = entry('PaxHeader', Buffer.from(record), { type: 'x' });
    await refused(plus(Buffer.concat([extended, bytesOf('group.json')])), /extended header/);
  }
});

test('a huge extended header is refused before it is read', async () => {
  await refused(plus(header({ name: 'PaxHeader', type: 'x', size: 2 ** 31 })), /extended header/);
});

const sizes: readonly (readonly [string, HostileHeader['sizeField']])[] = [
  ['negative', Buffer.concat([Buffer.of(0xff), Buffer.alloc(10, 0xff), Buffer.of(0xfe)])],
  ['2^62', Buffer.concat([Buffer.of(0x80), Buffer.alloc(3), Buffer.from('4000000000000000', 'hex')])],
  ['2^90', Buffer.concat([Buffer.of(0x80, 4), Buffer.alloc(10)])],
  ['not a number', Buffer.from('nonsense!!! ')],
  ['empty', Buffer.alloc(12)],
  ['with a sign', Buffer.from('-0000000001 ')],
  ['with a digit 8', Buffer.from('00000000008 ')],
];

test('impossible sizes: refused', async () => {
  for (const [what, sizeField] of sizes) {
    assert.equal(sizeField?.byteLength, 12, what);
    await refused(plus(header({ name: 'group.json', ...(sizeField === undefined ? {} : { sizeField }) })));
  }
});

test('a size that is not the manifest’s is refused before the content is read', async () => {
  const group = parts[1];
  assert.ok(group !== undefined);
  const longer = entry(group.name, Buffer.concat([group.content, Buffer.from('!')]));
  await refused(Buffer.concat([...all().slice(0, 1), longer, ...all().slice(2), endOfTar]), /manifest says/);
  const bomb = Buffer.concat([...all().slice(0, 1), header({ name: group.name, size: 2 ** 32 }), Buffer.alloc(5_000)]);
  await refused(bomb);
});

test('a manifest larger than any is refused before it is read', async () => {
  await refused(Buffer.concat([header({ name: 'manifest.json', size: 2 ** 32 }), Buffer.alloc(5_000)]), /larger than/);
});

test('a flipped bit anywhere is refused', async () => {
  for (let bit = 5; bit < tar.byteLength * 8; bit += 997) {
    const flipped = Buffer.from(tar);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    // Padding, dates and modes of headers are no content: where the archive is taken, it must give the same files.
    const memory = new MemoryDisk();
    const taken = await take(flipped, memory.mount()).then(
      () => true,
      (error: unknown) => {
        assert.equal((error as LoggosError).code, 'snapshot-damaged');
        return false;
      },
    );
    if (!taken) continue;
    for (const { name, content } of parts) {
      assert.deepEqual(Buffer.from(memory.bytesOf(`/incoming/x/${name}`)), Buffer.from(content));
    }
  }
});

test('another format of tar, and no tar at all: refused', async () => {
  await refused(plus(header({ name: 'group.json', magic: 'ustar  \0' })), /ustar/);
  await refused(plus(header({ name: 'group.json', magic: '\0\0\0\0\0\0\0\0' })), /ustar/);
  await refused(Buffer.from('<html>not found</html>'.repeat(100)));
  await refused(Buffer.alloc(0));
  const badSum = Buffer.from(bytesOf('group.json'));
  badSum[0] = 'G'.charCodeAt(0);
  await refused(plus(badSum));
});

test('each field of the manifest that is dropped, of another type or of a later format: refused', () => {
  const body = JSON.parse(Buffer.from(printManifest(manifest).bytes).toString('utf8')) as Record<string, unknown>;
  delete body.seal;
  assert.equal(readManifest(printSealed(body)).manifest.instance, 22);
  for (const field of Object.keys(body)) {
    const { [field]: _, ...without } = body;
    assert.throws(() => readManifest(printSealed(without)), { code: 'snapshot-damaged' }, field);
    assert.throws(() => readManifest(printSealed({ ...body, [field]: null })), { code: 'snapshot-damaged' }, field);
  }
  assert.throws(() => readManifest(printSealed({ ...body, format: 2 })), /format 2; this version reads format 1/);
  assert.throws(() => readManifest(printSealed({ ...body, more: 1 })), { code: 'snapshot-damaged' });
  const files = manifest.files;
  const twice = printSealed({ ...body, files: [...files, files[0]] });
  assert.throws(() => readManifest(twice), /twice/);
  assert.throws(() => readManifest(printSealed({ ...body, files: files.slice(1) })), /no group\.json/);
  const foreign = [...files, { name: 'machine-7/x', bytes: 0, sha256: files[0]?.sha256 }];
  assert.throws(() => readManifest(printSealed({ ...body, files: foreign })), /no machine 7/);
});

test('a claim of more than there is room for is refused before anything is written', async () => {
  const huge = { ...manifest, files: manifest.files.map((file) => ({ ...file, bytes: file.bytes + 2 ** 40 })) };
  const memory = new MemoryDisk();
  memory.capacityBytes = 100 * 1024 * 1024;
  await assert.rejects(take(under(huge), memory.mount()), { code: 'no-room' });
  assert.deepEqual(memory.files(), []);
});

test('a source that stands still is left', async () => {
  const clock = new ManualClock();
  async function* stalling(): AsyncGenerator<Uint8Array> {
    yield tar.subarray(0, 2_000);
    await new Promise(() => undefined);
  }
  const taking = extractSnapshot(stalling(), {
    disk: new MemoryDisk().mount(),
    clock,
    directory: '/x',
    stallMs: 30_000,
  });
  const failed = assert.rejects(taking, /Nothing came from the source for 30 s/);
  await settle();
  clock.advance(30_000);
  await failed;
  assert.equal(clock.timerCount, 0);
});

test('a source that fails is what is reported, not the archive', async () => {
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield tar.subarray(0, 2_000);
    throw new Error('the network is gone');
  }
  const disk = new MemoryDisk().mount();
  await assert.rejects(
    extractSnapshot(failing(), { disk, clock: new ManualClock(), directory: '/x' }),
    /network is gone/,
  );
});

test('a full disk in the midst is an error of the disk', async () => {
  const memory = new MemoryDisk();
  memory.plan = ({ method, number }) => (method === 'write' && number > 12 ? { fail: 'no-room' } : undefined);
  await assert.rejects(take(tar, memory.mount()), { name: 'DiskError', kind: 'no-room' });
});

test('into a fresh directory only, 0700, files 0600; never through what somebody put there', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'loggos-incoming-'));
  const disk = new PoolDisk();
  const extract = (name: string) =>
    extractSnapshot(chunks(tar), { disk, clock: new ManualClock(), directory: join(directory, name) });
  try {
    await extract('fresh');
    assert.equal((await stat(join(directory, 'fresh'))).mode & 0o777, 0o700);
    assert.equal((await stat(join(directory, 'fresh/machine-1'))).mode & 0o777, 0o700);
    assert.equal((await stat(join(directory, 'fresh/machine-1/state.json'))).mode & 0o777, 0o600);
    await assert.rejects(extract('fresh'), { code: 'directory-unusable' });
    mkdirSync(join(directory, 'elsewhere'));
    symlinkSync(join(directory, 'elsewhere'), join(directory, 'planted'));
    await assert.rejects(extract('planted'), { code: 'directory-unusable' });
    symlinkSync(join(directory, 'nowhere'), join(directory, 'dangling'));
    await assert.rejects(extract('dangling'));
    assert.deepEqual(await readdir(join(directory, 'elsewhere')), []);
    assert.ok(!(await readdir(directory)).includes('nowhere'));
  } finally {
    rmSync(directory, { recursive: true });
  }
});
