import { assert } from '../../base/assert.ts';
import { type Disk, DiskError, type DiskErrorKind, type DiskFile } from '../../base/disk.ts';
import type { FaultKind } from './fault-kinds.ts';
import type { Owner } from './scheduler.ts';
import { type SectorFile, type SyncCapture, sectorBytes } from './sector-file.ts';
import type { CallInFlight, SimulatedDisk } from './simulated-disk.ts';
import { VolatileDirectory } from './volatile-directory.ts';

/** The disk of a machine in the hands of one process. */
export class ProcessDisk implements Disk {
  readonly #disk: SimulatedDisk;
  readonly #owner: Owner;

  constructor(disk: SimulatedDisk, owner: Owner) {
    this.#disk = disk;
    this.#owner = owner;
  }

  open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    return this.#names('open', path, () => {
      const { root } = this.#disk;
      const file = mode === 'create' ? root.createFile(path) : root.file(path);
      return new ProcessFile(this.#disk, this.#owner, path, file);
    });
  }

  list(directory: string): Promise<readonly string[]> {
    return this.#names('list', directory, () => {
      const node = this.#disk.root.find(directory);
      return node instanceof VolatileDirectory ? [...node.names.keys()].sort() : [];
    });
  }

  stat(path: string): Promise<{ kind: 'file' | 'directory' | 'other'; bytes: number } | undefined> {
    return this.#names('stat', path, () => {
      const node = this.#disk.root.find(path);
      if (node === undefined) return undefined;
      if (node instanceof VolatileDirectory) return { kind: 'directory' as const, bytes: 0 };
      return { kind: 'file' as const, bytes: node.bytes };
    });
  }

  makeDirectory(path: string): Promise<void> {
    return this.#names('make-directory', path, () => this.#disk.root.makeDirectory(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#names('rename', from, () => this.#disk.root.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.#names('remove', path, () => {
      if (this.#disk.root.find(path) !== undefined) this.#disk.root.file(path);
      this.#disk.root.remove(path);
    });
  }

  removeTree(path: string): Promise<void> {
    return this.#names('remove-tree', path, () => this.#disk.root.removeTree(path));
  }

  link(from: string, to: string): Promise<void> {
    return this.#names('link', to, () => this.#disk.root.link(from, to));
  }

  syncDirectory(path: string): Promise<void> {
    const meanMs = this.#disk.fate.dials.shapes['sync-ms'];
    return this.#names('sync-directory', path, () => this.#disk.root.directory(path).sync(), meanMs);
  }

  freeBytes(path: string): Promise<number> {
    return this.#names('free-bytes', path, () => this.#disk.freeBytes);
  }

  #names<Value>(method: string, path: string, whole: () => Value, meanMs?: number): Promise<Value> {
    const effect = () => {
      if (!this.#disk.strikes('directory-error', path)) return whole();
      throw failure(path, 'failed', method);
    };
    return this.#disk.call({
      owner: this.#owner,
      method,
      path,
      meanMs: meanMs ?? this.#disk.fate.dials.shapes['read-ms'],
      effect,
      atCrash: { whole },
    });
  }
}

class ProcessFile implements DiskFile {
  readonly #disk: SimulatedDisk;
  readonly #owner: Owner;
  readonly #path: string;
  readonly #file: SectorFile;
  #isWriting = false;

  constructor(disk: SimulatedDisk, owner: Owner, path: string, file: SectorFile) {
    this.#disk = disk;
    this.#owner = owner;
    this.#path = path;
    this.#file = file;
  }

  size(): Promise<number> {
    return this.#call('size', 'read-ms', () => this.#file.bytes);
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return this.#call('read', 'read-ms', () => {
      const fails = this.#strikes('read-error') || !this.#file.canRead(offset, length);
      if (fails) throw failure(this.#path, 'failed', 'read');
      if (this.#strikes('cache-eviction')) this.#file.evict(offset, length);
      const bytes = this.#file.read(offset, length);
      if (bytes.byteLength > 0 && this.#strikes('read-rot')) {
        const bit = this.#disk.fate.stream('read-rot where').integer(bytes.byteLength * 8);
        bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      }
      return bytes;
    });
  }

  write(offset: number, bytes: Uint8Array): Promise<number> {
    return this.#writing({
      method: 'write',
      meanMs: this.#disk.fate.dials.shapes['write-ms'],
      offset,
      bytes,
      effect: () => this.#take(offset, bytes),
      whole: () => this.#land(offset, bytes),
    });
  }

  sync(): Promise<void> {
    const capture = this.#file.beginSync();
    return this.#call('sync', 'sync-ms', () => this.#sync(capture), {
      whole: () => this.#file.endSync(capture),
      dropped: () => this.#file.dropSync(capture),
    });
  }

  writeAndSync(offset: number, bytes: Uint8Array): Promise<number> {
    const { shapes } = this.#disk.fate.dials;
    return this.#writing({
      method: 'write-and-sync',
      meanMs: shapes['write-ms'] + shapes['sync-ms'],
      offset,
      bytes,
      effect: () => {
        const count = this.#take(offset, bytes);
        if (count === bytes.byteLength) this.#sync(this.#file.beginSync());
        return count;
      },
      whole: () => {
        this.#land(offset, bytes);
        this.#file.endSync(this.#file.beginSync());
      },
    });
  }

  truncate(bytes: number): Promise<void> {
    return this.#call('truncate', 'write-ms', () => {
      if (this.#strikes('write-error')) throw failure(this.#path, 'failed', 'truncate');
      this.#file.truncate(bytes);
    });
  }

  close(): Promise<void> {
    return this.#call('close', 'read-ms', () => {});
  }

  #strikes(kind: FaultKind): boolean {
    return this.#disk.strikes(kind, this.#path);
  }

  #call<Value>(
    method: string,
    latency: 'read-ms' | 'write-ms' | 'sync-ms',
    effect: () => Value,
    atCrash: Omit<CallInFlight, 'owner'> = { whole: effect },
  ): Promise<Value> {
    return this.#disk.call({
      owner: this.#owner,
      method,
      path: this.#path,
      meanMs: this.#disk.fate.dials.shapes[latency],
      effect,
      atCrash,
    });
  }

  async #writing(write: {
    readonly method: string;
    readonly meanMs: number;
    readonly offset: number;
    readonly bytes: Uint8Array;
    readonly effect: () => number;
    readonly whole: () => void;
  }): Promise<number> {
    assert(!this.#isWriting, 'one write is in flight a file', { path: this.#path });
    this.#isWriting = true;
    try {
      return await this.#disk.call({
        owner: this.#owner,
        method: write.method,
        path: this.#path,
        numbers: [write.offset, write.bytes.byteLength],
        meanMs: write.meanMs,
        effect: write.effect,
        atCrash: { whole: write.whole, part: () => this.#landPart(write.offset, write.bytes) },
      });
    } finally {
      this.#isWriting = false;
    }
  }

  /** Takes what there is room for, and says how many bytes that is (A9). */
  #take(offset: number, bytes: Uint8Array): number {
    if (this.#strikes('write-error')) {
      if (this.#disk.fate.stream('write-error part').chance(0.5)) this.#landPart(offset, bytes);
      throw failure(this.#path, 'failed', 'write');
    }
    let count = bytes.byteLength;
    if (count > 0 && this.#strikes('short-write')) count = this.#disk.fate.stream('short-write where').integer(count);
    const growthBytes = Math.max(0, offset + count - this.#file.bytes);
    if (growthBytes > 0) count -= Math.max(0, growthBytes - this.#disk.freeBytes);
    if (count <= 0 && bytes.byteLength > 0 && growthBytes > 0) {
      this.#disk.fate.coverage.reached('no-room');
      throw failure(this.#path, 'no-room', 'write');
    }
    this.#land(offset, bytes.subarray(0, count));
    return count;
  }

  #land(offset: number, bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    if (!this.#strikes('early-writeback')) this.#file.write(offset, bytes);
    else this.#file.write(offset, bytes, () => this.#disk.fate.stream('early-writeback where').chance(0.5));
  }

  /** A prefix, to the byte, or any subset of its sectors. */
  #landPart(offset: number, bytes: Uint8Array): void {
    const random = this.#disk.fate.stream('torn-write where');
    if (random.chance(0.5)) {
      this.#land(offset, bytes.subarray(0, random.integer(bytes.byteLength + 1)));
      return;
    }
    for (let start = 0; start < bytes.byteLength; ) {
      const end = Math.min(bytes.byteLength, start + sectorBytes - ((offset + start) % sectorBytes));
      if (random.chance(0.5)) this.#land(offset + start, bytes.subarray(start, end));
      start = end;
    }
  }

  #sync(capture: SyncCapture): void {
    if (this.#strikes('sync-error')) {
      this.#file.failSync(capture);
      throw failure(this.#path, 'failed', 'sync');
    }
    this.#file.endSync(capture, this.#disk.landing(this.#path, this.#file));
  }
}

function failure(path: string, kind: DiskErrorKind, method: string): DiskError {
  return new DiskError(kind, path, kind === 'no-room' ? 'The disk is full.' : `The disk failed (${method}).`);
}
