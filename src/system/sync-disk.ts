import * as fs from 'node:fs';
import { dirname } from 'node:path';
import type { Disk, DiskFile } from '../base/disk.ts';
import { directoryMode, errorCode, fileMode, openFlags, toDiskError } from './disk-error.ts';

/**
 * The file system by synchronous calls: each is done when its promise is made. For code in a worker thread of its own;
 * on the main thread it would block every request.
 */
export class SyncDisk implements Disk {
  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<SyncDiskFile> {
    return new SyncDiskFile(
      path,
      attempt(path, () => fs.openSync(path, openFlags[mode], fileMode)),
    );
  }

  async list(directory: string): Promise<readonly string[]> {
    return attempt(directory, () => {
      try {
        return fs.readdirSync(directory).sort();
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return [];
        throw error;
      }
    });
  }

  async stat(path: string): Promise<{ kind: 'file' | 'directory' | 'other'; bytes: number } | undefined> {
    return attempt(path, () => {
      const stats = fs.statSync(path, { throwIfNoEntry: false });
      return stats === undefined ? undefined : { kind: kindOf(stats), bytes: stats.size };
    });
  }

  async makeDirectory(path: string): Promise<void> {
    attempt(path, () => fs.mkdirSync(path, { recursive: true, mode: directoryMode }));
  }

  async rename(from: string, to: string): Promise<void> {
    attempt(from, () => fs.renameSync(from, to));
  }

  async remove(path: string): Promise<void> {
    attempt(path, () => {
      try {
        fs.unlinkSync(path);
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error;
      }
    });
  }

  async removeTree(path: string): Promise<void> {
    attempt(path, () => fs.rmSync(path, { recursive: true, force: true }));
  }

  async link(from: string, to: string): Promise<void> {
    attempt(to, () => fs.linkSync(from, to));
  }

  async syncDirectory(path: string): Promise<void> {
    attempt(path, () => {
      const descriptor = fs.openSync(path, 'r');
      try {
        fs.fsyncSync(descriptor);
      } finally {
        fs.closeSync(descriptor);
      }
    });
  }

  async freeBytes(path: string): Promise<number> {
    return attempt(path, () => {
      const { bavail, bsize } = fs.statfsSync(existingPath(path));
      return bavail * bsize;
    });
  }
}

export class SyncDiskFile implements DiskFile {
  readonly #path: string;
  readonly #descriptor: number;

  constructor(path: string, descriptor: number) {
    this.#path = path;
    this.#descriptor = descriptor;
  }

  async size(): Promise<number> {
    return attempt(this.#path, () => fs.fstatSync(this.#descriptor).size);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    return attempt(this.#path, () => {
      // Not from the pool: the buffer becomes the caller's, who may hand it to another thread.
      const bytes = Buffer.allocUnsafeSlow(length);
      let filled = 0;
      while (filled < length) {
        const count = fs.readSync(this.#descriptor, bytes, filled, length - filled, offset + filled);
        if (count === 0) break;
        filled += count;
      }
      return bytes.subarray(0, filled);
    });
  }

  async write(offset: number, bytes: Uint8Array): Promise<number> {
    return attempt(this.#path, () => fs.writeSync(this.#descriptor, bytes, 0, bytes.byteLength, offset));
  }

  async sync(): Promise<void> {
    attempt(this.#path, () => fs.fdatasyncSync(this.#descriptor));
  }

  async writeAndSync(offset: number, bytes: Uint8Array): Promise<number> {
    return attempt(this.#path, () => {
      const count = fs.writeSync(this.#descriptor, bytes, 0, bytes.byteLength, offset);
      if (count === bytes.byteLength) fs.fdatasyncSync(this.#descriptor);
      return count;
    });
  }

  async truncate(bytes: number): Promise<void> {
    attempt(this.#path, () => fs.ftruncateSync(this.#descriptor, bytes));
  }

  async close(): Promise<void> {
    attempt(this.#path, () => fs.closeSync(this.#descriptor));
  }
}

/** The path, or the nearest directory above it that is there: room can be asked for before a path is made. */
export function existingPath(path: string): string {
  let existing = path;
  while (!fs.existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing);
  return existing;
}

export function kindOf(stats: fs.Stats): 'file' | 'directory' | 'other' {
  if (stats.isFile()) return 'file';
  return stats.isDirectory() ? 'directory' : 'other';
}

function attempt<Value>(path: string, action: () => Value): Value {
  try {
    return action();
  } catch (error) {
    throw toDiskError(path, error);
  }
}
