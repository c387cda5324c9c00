import { type FileHandle, link, mkdir, open, readdir, rename, rm, stat, statfs, unlink } from 'node:fs/promises';
import type { Disk, DiskFile } from '../base/disk.ts';
import { directoryMode, errorCode, fileMode, openFlags, toDiskError } from './disk-error.ts';
import { existingPath, kindOf } from './sync-disk.ts';

/**
 * The file system through Node's thread pool: for bulk work of the main thread (reads, zero-filling, copies). Not for
 * what is synced on the path of a write: the pool has few threads and everything queues there (RELIABILITY 5.2).
 */
export class PoolDisk implements Disk {
  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    return new PoolDiskFile(path, await attempt(path, open(path, openFlags[mode], fileMode)));
  }

  async list(directory: string): Promise<readonly string[]> {
    return attempt(
      directory,
      readdir(directory).then(
        (names) => names.sort(),
        (error) => whereAbsent(error, []),
      ),
    );
  }

  async stat(path: string): Promise<{ kind: 'file' | 'directory' | 'other'; bytes: number } | undefined> {
    return attempt(
      path,
      stat(path).then(
        (stats) => ({ kind: kindOf(stats), bytes: stats.size }),
        (error) => whereAbsent(error, undefined),
      ),
    );
  }

  async makeDirectory(path: string): Promise<void> {
    await attempt(path, mkdir(path, { recursive: true, mode: directoryMode }));
  }

  async rename(from: string, to: string): Promise<void> {
    await attempt(from, rename(from, to));
  }

  async remove(path: string): Promise<void> {
    await attempt(
      path,
      unlink(path).catch((error) => whereAbsent(error, undefined)),
    );
  }

  async removeTree(path: string): Promise<void> {
    await attempt(path, rm(path, { recursive: true, force: true }));
  }

  async link(from: string, to: string): Promise<void> {
    await attempt(to, link(from, to));
  }

  async syncDirectory(path: string): Promise<void> {
    const handle = await attempt(path, open(path, 'r'));
    try {
      await attempt(path, handle.sync());
    } finally {
      await handle.close();
    }
  }

  async freeBytes(path: string): Promise<number> {
    const { bavail, bsize } = await attempt(path, statfs(existingPath(path)));
    return bavail * bsize;
  }
}

class PoolDiskFile implements DiskFile {
  readonly #path: string;
  readonly #handle: FileHandle;

  constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  async size(): Promise<number> {
    return (await attempt(this.#path, this.#handle.stat())).size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafeSlow(length);
    let filled = 0;
    while (filled < length) {
      const reading = this.#handle.read(bytes, filled, length - filled, offset + filled);
      const { bytesRead } = await attempt(this.#path, reading);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  }

  async write(offset: number, bytes: Uint8Array): Promise<number> {
    const { bytesWritten } = await attempt(this.#path, this.#handle.write(bytes, 0, bytes.byteLength, offset));
    return bytesWritten;
  }

  async sync(): Promise<void> {
    await attempt(this.#path, this.#handle.datasync());
  }

  async writeAndSync(offset: number, bytes: Uint8Array): Promise<number> {
    const count = await this.write(offset, bytes);
    if (count === bytes.byteLength) await this.sync();
    return count;
  }

  async truncate(bytes: number): Promise<void> {
    await attempt(this.#path, this.#handle.truncate(bytes));
  }

  async close(): Promise<void> {
    await attempt(this.#path, this.#handle.close());
  }
}

async function attempt<Value>(path: string, action: Promise<Value>): Promise<Value> {
  try {
    return await action;
  } catch (error) {
    throw toDiskError(path, error);
  }
}

function whereAbsent<Value>(error: unknown, value: Value): Value {
  if (errorCode(error) === 'ENOENT') return value;
  throw error;
}
