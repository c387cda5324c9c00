import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Disk, DiskError, type DiskErrorKind } from '../../src/base/disk.ts';

/** What every disk must do. `root` is an empty directory of that disk. */
export function diskContract(name: string, disk: Disk, root: string, close: () => Promise<void>): void {
  after(close);
  let made = 0;
  const newDirectory = async () => {
    made += 1;
    const directory = `${root}/case-${made}/below`;
    await disk.makeDirectory(directory);
    return directory;
  };
  const write = async (path: string, text: string) => {
    const file = await disk.open(path, 'create');
    await file.writeAndSync(0, Buffer.from(text));
    await file.close();
  };
  const read = async (path: string) => {
    const file = await disk.open(path, 'read');
    const bytes = await file.read(0, await file.size());
    await file.close();
    return Buffer.from(bytes).toString();
  };
  const fails = (kind: DiskErrorKind) => (error: unknown) => error instanceof DiskError && error.kind === kind;

  test(`${name}: what is written is read, at its offset, and the caller's buffer stays the caller's`, async () => {
    const path = `${await newDirectory()}/file`;
    const file = await disk.open(path, 'create');
    const buffer = Buffer.from('..hello..');
    assert.equal(await file.write(3, buffer.subarray(2, 7)), 5);
    assert.equal(await file.writeAndSync(8, Buffer.from(' world')), 6);
    assert.equal(buffer.toString(), '..hello..');
    assert.equal(await file.size(), 14);
    assert.equal(Buffer.from(await file.read(0, 14)).toString(), '\0\0\0hello world');
    assert.equal(Buffer.from(await file.read(9, 100)).toString(), 'world');
    assert.equal((await file.read(14, 10)).byteLength, 0);
    await file.sync();
    await file.close();
  });

  test(`${name}: create refuses a name that is taken; read and write refuse one that is not there`, async () => {
    const path = `${await newDirectory()}/file`;
    await assert.rejects(disk.open(path, 'read'), fails('absent'));
    await assert.rejects(disk.open(path, 'write'), fails('absent'));
    await write(path, 'a');
    await assert.rejects(disk.open(path, 'create'), fails('exists'));
    const file = await disk.open(path, 'write');
    await file.writeAndSync(1, Buffer.from('b'));
    await file.close();
    assert.equal(await read(path), 'ab');
  });

  test(`${name}: truncate cuts and extends with zeros`, async () => {
    const path = `${await newDirectory()}/file`;
    await write(path, 'abcdef');
    const file = await disk.open(path, 'write');
    await file.truncate(3);
    assert.equal(await file.size(), 3);
    await file.truncate(5);
    await file.close();
    assert.equal(await read(path), 'abc\0\0');
  });

  test(`${name}: names are listed in order; an absent directory is an empty one`, async () => {
    const directory = await newDirectory();
    for (const child of ['b', 'a', 'B', 'é', '10', '9']) await write(`${directory}/${child}`, child);
    assert.deepEqual(await disk.list(directory), ['10', '9', 'B', 'a', 'b', 'é']);
    assert.deepEqual(await disk.list(`${directory}/absent`), []);
  });

  test(`${name}: stat tells files from directories and answers nothing for what is absent`, async () => {
    const directory = await newDirectory();
    await write(`${directory}/file`, '12345');
    assert.deepEqual(await disk.stat(`${directory}/file`), { kind: 'file', bytes: 5 });
    assert.equal((await disk.stat(directory))?.kind, 'directory');
    assert.equal(await disk.stat(`${directory}/absent`), undefined);
  });

  test(`${name}: rename replaces, link shares, remove and removeTree are content with nothing`, async () => {
    const directory = await newDirectory();
    await write(`${directory}/one`, 'one');
    await write(`${directory}/two`, 'two');
    await disk.rename(`${directory}/one`, `${directory}/two`);
    assert.equal(await read(`${directory}/two`), 'one');
    assert.equal(await disk.stat(`${directory}/one`), undefined);
    await disk.link(`${directory}/two`, `${directory}/three`);
    await assert.rejects(disk.link(`${directory}/two`, `${directory}/three`), fails('exists'));
    await disk.remove(`${directory}/two`);
    await disk.remove(`${directory}/two`);
    assert.equal(await read(`${directory}/three`), 'one');
    await disk.syncDirectory(directory);
    await disk.makeDirectory(directory);
    await disk.removeTree(directory);
    await disk.removeTree(directory);
    assert.equal(await disk.stat(directory), undefined);
    await assert.rejects(disk.syncDirectory(directory), fails('absent'));
    await assert.rejects(disk.rename(`${directory}/a`, `${directory}/b`), fails('absent'));
  });

  test(`${name}: room can be asked for where nothing is yet`, async () => {
    assert.ok((await disk.freeBytes(`${root}/not/yet`)) > 0);
  });

  test(`${name}: one write after the other lands in order`, async () => {
    const file = await disk.open(`${await newDirectory()}/file`, 'create');
    const counts: number[] = [];
    for (let index = 0; index < 20; index += 1) counts.push(await file.writeAndSync(index, Buffer.of(65 + index)));
    assert.deepEqual(new Set(counts), new Set([1]));
    assert.equal(Buffer.from(await file.read(0, 20)).toString(), 'ABCDEFGHIJKLMNOPQRST');
    await file.close();
  });
}
