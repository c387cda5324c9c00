import { assert } from '../../src/base/assert.ts';
import { type Disk, DiskError, type DiskErrorKind, type DiskFile } from '../../src/base/disk.ts';
import type { Random } from '../../src/base/random.ts';
import { type SectorFile, sectorBytes } from '../../src/simulation/world/sector-file.ts';
import { VolatileDirectory } from '../../src/simulation/world/volatile-directory.ts';

/** A call as fault plans see it, before it has an effect. */
export interface DiskCall {
  /** 1, 2, 3 … over the life of the disk. */
  readonly number: number;
  readonly method: string;
  readonly path: string;
  /** For writes. */
  readonly bytes: number;
}

/**
 * What to do to a call. An error kind: it fails without an effect. `lose`: a sync fails, what it should have made
 * durable stays readable and is lost at the next power cut. `takes`: a write takes that many bytes and says so.
 * `die-before`, `die-after`: the process ends there; this and every later call of its mount fails.
 */
export type DiskFault =
  | { readonly fail: DiskErrorKind }
  | { readonly lose: true }
  | { readonly takes: number }
  | 'die-before'
  | 'die-after';

/**
 * A disk in memory that forgets what was not synced. `mount()` gives the `Disk` of one process; `kill()` ends that
 * process (what it wrote stays readable), `powerCut()` also loses any subset of unsynced sectors, lengths and names.
 */
export class MemoryDisk {
  #root = new VolatileDirectory();
  #generation = 0;
  /** Sectors that the disk cannot give, by path. */
  readonly #unreadable = new Map<string, Set<number>>();
  /** Calls so far. */
  callCount = 0;
  /** Calls of `sync` and `writeAndSync` that reached the platter. */
  syncCount = 0;
  /** Room of the whole disk; existing bytes may be overwritten when it is full. */
  capacityBytes = Number.POSITIVE_INFINITY;
  /** Asked before every call. */
  plan: (call: DiskCall) => DiskFault | undefined = () => undefined;

  /** The disk as one process sees it, until it is killed or the power is cut. */
  mount(): Disk {
    return new MountedDisk(this, this.#generation);
  }

  /** Ends the process: its later calls fail. Nothing that it wrote is lost. */
  kill(): void {
    this.#generation += 1;
  }

  /** Ends the process and loses what was not synced: each sector, length and name by the toss of a coin. */
  powerCut(random: Random): void {
    this.kill();
    const pick = (choices: number) => new DataView(random.bytes(4).buffer).getUint32(0) % choices;
    this.#root.powerCut(() => pick(2) === 0);
    for (const file of new Set(this.#root.filesBelow('').values())) file.powerCut(pick);
  }

  /** The bytes of a file as the running machine sees them: a copy. */
  bytesOf(path: string): Uint8Array {
    return this.#root.file(path).read(0, Number.MAX_SAFE_INTEGER);
  }

  /** Replaces a file's bytes, on the platter too: rot, truncation, or somebody's hand. */
  overwrite(path: string, bytes: Uint8Array): void {
    this.#root.file(path).replace(bytes);
  }

  /** Flips one bit of a file, on the platter too. */
  flipBit(path: string, bit: number): void {
    const bytes = this.bytesOf(path);
    const index = Math.floor(bit / 8);
    bytes[index] = (bytes[index] ?? 0) ^ (1 << (bit % 8));
    this.overwrite(path, bytes);
  }

  /** What is read next comes from the platter: pages whose sync failed are as if they had never been written. */
  evict(path: string): void {
    this.#root.file(path).evict(0, Number.MAX_SAFE_INTEGER);
  }

  /** The sector at that place cannot be read any more, until it is written over whole. */
  makeUnreadable(path: string, offset: number): void {
    const sectors = this.#unreadable.get(path) ?? new Set();
    this.#unreadable.set(path, sectors.add(Math.floor(offset / sectorBytes)));
  }

  /** For mounts. */
  checkReadable(path: string, offset: number, length: number): void {
    for (const sector of this.#unreadable.get(path) ?? []) {
      if (sector * sectorBytes < offset + length && offset < (sector + 1) * sectorBytes)
        throw new DiskError('failed', path, 'planned: a sector is unreadable');
    }
  }

  /** For mounts: a file is gone, or some of it was written anew. */
  forgetUnreadable(path: string, offset = 0, length = Number.POSITIVE_INFINITY): void {
    const sectors = this.#unreadable.get(path);
    for (const sector of sectors ?? []) {
      if (offset <= sector * sectorBytes && (sector + 1) * sectorBytes <= offset + length) sectors?.delete(sector);
    }
  }

  /** Paths of all files, sorted. */
  files(): string[] {
    return [...this.#root.filesBelow('').keys()].sort();
  }

  /** Bytes in use; a file with several names counts once. */
  get usedBytes(): number {
    return [...new Set(this.#root.filesBelow('').values())].reduce((sum, file) => sum + file.bytes, 0);
  }

  /** A copy, readable and platter: for trying every damage on the same state. */
  clone(): MemoryDisk {
    const copy = new MemoryDisk();
    copy.#root = this.#root.clone();
    copy.capacityBytes = this.capacityBytes;
    for (const [path, sectors] of this.#unreadable) copy.#unreadable.set(path, new Set(sectors));
    return copy;
  }

  /** For mounts: the tree, while the process that mounted it lives. */
  treeOf(generation: number, path: string): VolatileDirectory {
    if (generation !== this.#generation) throw new DiskError('failed', path, 'this process has ended');
    return this.#root;
  }
}

class MountedDisk implements Disk {
  readonly #disk: MemoryDisk;
  readonly #generation: number;

  constructor(disk: MemoryDisk, generation: number) {
    this.#disk = disk;
    this.#generation = generation;
  }

  open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    return this.call('open', path, (root) => {
      const file = mode === 'create' ? root.createFile(path) : root.file(path);
      return new MountedFile(this, this.#disk, path, file);
    });
  }

  list(directory: string): Promise<readonly string[]> {
    return this.call('list', directory, (root) => {
      const node = root.find(directory);
      return node instanceof VolatileDirectory ? [...node.names.keys()].sort() : [];
    });
  }

  stat(path: string): Promise<{ kind: 'file' | 'directory' | 'other'; bytes: number } | undefined> {
    return this.call('stat', path, (root) => {
      const node = root.find(path);
      if (node === undefined) return undefined;
      if (node instanceof VolatileDirectory) return { kind: 'directory' as const, bytes: 0 };
      return { kind: 'file' as const, bytes: node.bytes };
    });
  }

  makeDirectory(path: string): Promise<void> {
    return this.call('makeDirectory', path, (root) => root.makeDirectory(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.call('rename', from, (root) => root.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.call('remove', path, (root) => {
      if (root.find(path) !== undefined) root.file(path);
      this.#disk.forgetUnreadable(path);
      root.remove(path);
    });
  }

  removeTree(path: string): Promise<void> {
    return this.call('removeTree', path, (root) => root.remove(path));
  }

  link(from: string, to: string): Promise<void> {
    return this.call('link', to, (root) => root.link(from, to));
  }

  syncDirectory(path: string): Promise<void> {
    return this.call('syncDirectory', path, (root) => root.directory(path).sync());
  }

  freeBytes(path: string): Promise<number> {
    return this.call('freeBytes', path, () => Math.max(0, this.#disk.capacityBytes - this.#disk.usedBytes));
  }

  /** Asks the plan, then has the effect, a turn later, as a real disk would. */
  async call<Value>(
    method: string,
    path: string,
    effect: (root: VolatileDirectory, fault: DiskFault | undefined) => Value,
    bytes = 0,
  ): Promise<Value> {
    await undefined;
    this.#disk.treeOf(this.#generation, path);
    this.#disk.callCount += 1;
    const fault = this.#disk.plan({ number: this.#disk.callCount, method, path, bytes });
    if (typeof fault === 'object' && 'fail' in fault) throw new DiskError(fault.fail, path, `planned: ${fault.fail}`);
    if (fault === 'die-before') this.#disk.kill();
    const value = effect(this.#disk.treeOf(this.#generation, path), fault);
    if (fault === 'die-after') this.#disk.kill();
    this.#disk.treeOf(this.#generation, path);
    return value;
  }
}

class MountedFile implements DiskFile {
  readonly #mount: MountedDisk;
  readonly #disk: MemoryDisk;
  readonly #path: string;
  readonly #file: SectorFile;
  #writing = false;

  constructor(mount: MountedDisk, disk: MemoryDisk, path: string, file: SectorFile) {
    this.#mount = mount;
    this.#disk = disk;
    this.#path = path;
    this.#file = file;
  }

  size(): Promise<number> {
    return this.#mount.call('size', this.#path, () => this.#file.bytes);
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return this.#mount.call('read', this.#path, () => {
      this.#disk.checkReadable(this.#path, offset, Math.min(length, this.#file.bytes - offset));
      return this.#file.read(offset, length);
    });
  }

  async write(offset: number, bytes: Uint8Array): Promise<number> {
    assert(!this.#writing, 'one write is in flight a file', { path: this.#path });
    this.#writing = true;
    try {
      const effect = (_: unknown, fault: DiskFault | undefined) => this.#write(offset, bytes, fault);
      return await this.#mount.call('write', this.#path, effect, bytes.byteLength);
    } finally {
      this.#writing = false;
    }
  }

  sync(): Promise<void> {
    return this.#mount.call('sync', this.#path, (_, fault) => {
      const capture = this.#file.beginSync();
      if (typeof fault === 'object' && 'lose' in fault) {
        this.#file.failSync(capture);
        throw new DiskError('failed', this.#path, 'planned: the sync failed');
      }
      this.#file.endSync(capture);
      this.#disk.syncCount += 1;
    });
  }

  async writeAndSync(offset: number, bytes: Uint8Array): Promise<number> {
    const count = await this.write(offset, bytes);
    if (count === bytes.byteLength) await this.sync();
    return count;
  }

  truncate(bytes: number): Promise<void> {
    return this.#mount.call('truncate', this.#path, () => this.#file.truncate(bytes));
  }

  close(): Promise<void> {
    return this.#mount.call('close', this.#path, () => {});
  }

  /** A full disk takes what fits and says no more; only the next call fails (A9, as measured). */
  #write(offset: number, bytes: Uint8Array, fault: DiskFault | undefined): number {
    const asked = typeof fault === 'object' && 'takes' in fault ? fault.takes : bytes.byteLength;
    const grownBytes = Math.max(0, offset + asked - this.#file.bytes);
    const freeBytes = Math.max(0, this.#disk.capacityBytes - this.#disk.usedBytes);
    const taken = Math.max(0, asked - Math.max(0, grownBytes - freeBytes));
    if (taken === 0 && asked > 0) throw new DiskError('no-room', this.#path, 'no space left on the disk');
    // A process that dies in a write may leave any part of it.
    const lands = fault === 'die-after' ? Math.min(taken, sectorBytes * Math.floor(taken / sectorBytes / 2)) : taken;
    this.#file.write(offset, bytes.subarray(0, lands));
    this.#disk.forgetUnreadable(this.#path, offset, lands);
    return taken;
  }
}
