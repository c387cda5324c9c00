import type { Disk, DiskFile } from '../../../src/base/disk.ts';
import { SyncDisk } from '../../../src/system/sync-disk.ts';

/** A real disk that calls `before` ahead of each change, which may throw in its place. */
export class FaultDisk implements Disk {
  readonly #disk = new SyncDisk();
  before: (operation: string, path: string) => void = () => undefined;

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    if (mode === 'create') this.before('create', path);
    const file = await this.#disk.open(path, mode);
    const changing = <Value>(operation: string, action: () => Promise<Value>) => {
      this.before(operation, path);
      return action();
    };
    return {
      size: () => file.size(),
      read: (offset, length) => file.read(offset, length),
      write: async (offset, bytes) => changing('write', () => file.write(offset, bytes)),
      sync: async () => changing('sync', () => file.sync()),
      writeAndSync: async (offset, bytes) => changing('write', () => file.writeAndSync(offset, bytes)),
      truncate: async (bytes) => changing('truncate', () => file.truncate(bytes)),
      close: () => file.close(),
    };
  }

  list(directory: string): Promise<readonly string[]> {
    return this.#disk.list(directory);
  }

  stat(path: string): ReturnType<Disk['stat']> {
    return this.#disk.stat(path);
  }

  async makeDirectory(path: string): Promise<void> {
    this.before('makeDirectory', path);
    await this.#disk.makeDirectory(path);
  }

  async rename(from: string, to: string): Promise<void> {
    this.before('rename', from);
    await this.#disk.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    this.before('remove', path);
    await this.#disk.remove(path);
  }

  async removeTree(path: string): Promise<void> {
    this.before('removeTree', path);
    await this.#disk.removeTree(path);
  }

  async link(from: string, to: string): Promise<void> {
    this.before('link', to);
    await this.#disk.link(from, to);
  }

  async syncDirectory(path: string): Promise<void> {
    this.before('syncDirectory', path);
    await this.#disk.syncDirectory(path);
  }

  freeBytes(path: string): Promise<number> {
    return this.#disk.freeBytes(path);
  }
}
