import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import { assert } from '../base/assert.ts';
import { type Disk, DiskError, type DiskFile } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';

/** How much is read or written at once. */
export const blockBytes = 256 * 1024;

/**
 * Replaces a small file whole: temporary file in the same directory, sync, rename, sync of the directory. A crash
 * leaves the old file or the new one.
 */
export async function replaceFile(disk: Disk, directory: string, name: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${directory}/${name}.new`;
  await disk.remove(temporary);
  await writeNewFile(disk, temporary, bytes);
  await disk.rename(temporary, `${directory}/${name}`);
  await disk.syncDirectory(directory);
}

/** Creates a file, which must not be there, and syncs it; its directory is the caller's to sync. */
export async function writeNewFile(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  await withFile(disk, path, 'create', async (file) => {
    await writeAll(file, path, 0, bytes);
    await file.sync();
  });
}

/** The whole of a small file; undefined where it is absent. @throws LoggosError `directory-unusable` above `bytesMax` */
export async function readSmallFile(disk: Disk, path: string, bytesMax: number): Promise<Uint8Array | undefined> {
  try {
    return await withFile(disk, path, 'read', async (file) => {
      const bytes = await file.size();
      if (bytes > bytesMax) throw new LoggosError('directory-unusable', `${path} is larger than any of its kind`);
      return bytes === 0 ? new Uint8Array(0) : await file.read(0, bytes);
    });
  } catch (error) {
    if (error instanceof DiskError && error.kind === 'absent') return undefined;
    throw error;
  }
}

/** Opens, acts, closes; the close is awaited also after a failure. */
export async function withFile<Value>(
  disk: Disk,
  path: string,
  mode: 'read' | 'write' | 'create',
  action: (file: DiskFile) => Promise<Value>,
): Promise<Value> {
  const file = await disk.open(path, mode);
  let value: Value;
  try {
    value = await action(file);
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
  await file.close();
  return value;
}

/** Writes all of it; a short write is a failure (A9). */
export async function writeAll(file: DiskFile, path: string, offset: number, bytes: Uint8Array): Promise<void> {
  if (bytes.byteLength === 0) return;
  const taken = await file.write(offset, bytes);
  if (taken !== bytes.byteLength) {
    throw new DiskError('failed', path, `a short write: ${taken} of ${bytes.byteLength} bytes of ${path}`);
  }
}

/** The blocks of an open file from `first` to `last`, inclusive. @throws DiskError where the file is shorter */
export async function* readBlocks(
  file: DiskFile,
  path: string,
  first: number,
  last: number,
): AsyncGenerator<Uint8Array> {
  for (let offset = first; offset <= last; ) {
    const block = await file.read(offset, Math.min(blockBytes, last - offset + 1));
    if (block.byteLength === 0) throw new DiskError('failed', path, `${path} ends at ${offset}, not at ${last + 1}`);
    offset += block.byteLength;
    yield block;
  }
}

/** Reads a file whole, syncs it, and says what it holds. */
export async function hashAndSync(
  disk: Disk,
  path: string,
  onBytes: (bytes: number) => void = () => undefined,
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  return withFile(disk, path, 'read', async (file) => {
    const bytes = await file.size();
    const hash = createHash('sha256');
    for await (const block of readBlocks(file, path, 0, bytes - 1)) {
      hash.update(block);
      onBytes(block.byteLength);
    }
    await file.sync();
    assert((await file.size()) === bytes, 'a file does not change while it is hashed', { path });
    return { bytes, sha256: hash.digest('base64url') };
  });
}

/** Copies into a new file; the caller syncs it. */
export async function copyFile(disk: Disk, from: string, to: string, signal?: AbortSignal): Promise<void> {
  await withFile(disk, from, 'read', async (source) => {
    const bytes = await source.size();
    await withFile(disk, to, 'create', async (target) => {
      let offset = 0;
      for await (const block of readBlocks(source, from, 0, bytes - 1)) {
        signal?.throwIfAborted();
        await writeAll(target, to, offset, block);
        offset += block.byteLength;
      }
    });
  });
}

/** Makes a directory, and its entries in the directories above it durable: as many as may be new. */
export async function makeDurableDirectory(disk: Disk, path: string, newLevels: number): Promise<void> {
  await disk.makeDirectory(path);
  let parent = path;
  for (let level = 0; level < newLevels; level += 1) {
    parent = dirname(parent);
    await disk.syncDirectory(parent);
  }
}

/** A file's directory below `root`, made where it is absent. */
export async function makeParent(disk: Disk, root: string, name: string): Promise<void> {
  const slash = name.lastIndexOf('/');
  if (slash > 0) await disk.makeDirectory(`${root}/${name.slice(0, slash)}`);
}

/** Syncs a directory and every directory that one of `names` lies in, deepest first. */
export async function syncDirectories(disk: Disk, root: string, names: readonly string[]): Promise<void> {
  const directories = new Set<string>();
  for (const name of names) {
    for (let slash = name.lastIndexOf('/'); slash > 0; slash = name.lastIndexOf('/', slash - 1)) {
      directories.add(name.slice(0, slash));
    }
  }
  const deepestFirst = [...directories].sort((left, right) => right.length - left.length);
  for (const directory of deepestFirst) await disk.syncDirectory(`${root}/${directory}`);
  await disk.syncDirectory(root);
}

/** Every file below a directory, by name relative to it, sorted by code unit. What is neither file nor directory is listed too. */
export async function listFiles(
  disk: Disk,
  directory: string,
): Promise<readonly { readonly name: string; readonly bytes: number; readonly kind: 'file' | 'other' }[]> {
  const found: { name: string; bytes: number; kind: 'file' | 'other' }[] = [];
  const walk = async (prefix: string): Promise<void> => {
    for (const entry of await disk.list(prefix === '' ? directory : `${directory}/${prefix}`)) {
      const name = prefix === '' ? entry : `${prefix}/${entry}`;
      const stat = await disk.stat(`${directory}/${name}`);
      if (stat === undefined) continue;
      if (stat.kind === 'directory') await walk(name);
      else found.push({ name, bytes: stat.bytes, kind: stat.kind });
    }
  };
  await walk('');
  return found.sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** Takes a directory away so that a crash leaves it whole or under a trash name, which boot removes. */
export async function discardDirectory(disk: Disk, parent: string, name: string, trashName: string): Promise<void> {
  await disk.rename(`${parent}/${name}`, `${parent}/${trashName}`);
  await disk.syncDirectory(parent);
  await disk.removeTree(`${parent}/${trashName}`);
  await disk.syncDirectory(parent);
}

/** Names that begin so are leftovers of something that a crash cut short. */
export const trashPrefix = '.trash-';
