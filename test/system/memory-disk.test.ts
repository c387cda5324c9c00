import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DiskError } from '../../src/base/disk.ts';
import { faultRandom } from '../support/fault-random.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { diskContract } from './disk-contract.ts';

diskContract('MemoryDisk', new MemoryDisk().mount(), '/root', async () => {});

async function newFile(memory: MemoryDisk, path: string) {
  const disk = memory.mount();
  const file = await disk.open(path, 'create');
  await disk.syncDirectory('/');
  return { disk, file };
}

test('a power cut keeps what was synced and loses any part of what was not', async () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 40; seed += 1) {
    const memory = new MemoryDisk();
    const { file } = await newFile(memory, '/file');
    await file.writeAndSync(0, new Uint8Array(1536).fill(1));
    await file.write(512, new Uint8Array(1024).fill(2));
    memory.powerCut(faultRandom(seed));
    const bytes = memory.bytesOf('/file');
    assert.equal(bytes[0], 1);
    seen.add(`${bytes[512]}${bytes[1024]}`);
  }
  assert.deepEqual([...seen].sort(), ['11', '12', '21', '22']);
});

test('a name is lost or kept by a power cut until its directory is synced; a rename is never half done', async () => {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= 40; seed += 1) {
    const memory = new MemoryDisk();
    const { disk, file } = await newFile(memory, '/old');
    await file.writeAndSync(0, Buffer.from('x'));
    await disk.rename('/old', '/new');
    await disk.open('/other', 'create');
    memory.powerCut(faultRandom(seed));
    outcomes.add(memory.files().join());
  }
  assert.deepEqual([...outcomes].sort(), ['/new', '/new,/other', '/old', '/old,/other']);
});

test('after a failed sync the bytes can be read until the power goes', async () => {
  const memory = new MemoryDisk();
  const { file } = await newFile(memory, '/file');
  await file.writeAndSync(0, Buffer.from('old'));
  memory.plan = (call) => (call.method === 'sync' ? { lose: true } : undefined);
  await assert.rejects(file.writeAndSync(0, Buffer.from('new')), DiskError);
  memory.plan = () => undefined;
  assert.equal(Buffer.from(memory.bytesOf('/file')).toString(), 'new');
  await file.sync();
  memory.powerCut(faultRandom(1));
  assert.equal(Buffer.from(memory.bytesOf('/file')).toString(), 'old');
});

test('a full disk takes what fits without a word and fails the next write', async () => {
  const memory = new MemoryDisk();
  const { file } = await newFile(memory, '/file');
  memory.capacityBytes = 1000;
  assert.equal(await file.write(0, new Uint8Array(900)), 900);
  assert.equal(await file.write(900, new Uint8Array(200)), 100);
  await assert.rejects(
    file.write(1000, new Uint8Array(1)),
    (error) => error instanceof DiskError && error.kind === 'no-room',
  );
  assert.equal(await file.write(0, new Uint8Array(900).fill(7)), 900);
});

test('a process that died does nothing more', async () => {
  const memory = new MemoryDisk();
  const { disk, file } = await newFile(memory, '/file');
  memory.kill();
  await assert.rejects(file.write(0, Buffer.from('late')), DiskError);
  await assert.rejects(disk.remove('/file'), DiskError);
  assert.deepEqual(memory.files(), ['/file']);
});
