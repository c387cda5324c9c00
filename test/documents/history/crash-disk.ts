import { type Disk, DiskError, type DiskFile } from '../../../src/base/disk.ts';

/** The power went away: what was not synced is lost, or not. */
export class PowerCut extends Error {}

interface Content {
  bytes: Buffer;
  durable: Buffer;
}

/** What one call did to the directory: it survives whole or not at all. */
type Change = readonly { readonly path: string; readonly content: Content | undefined }[];

/**
 * A disk in memory that forgets, at a power cut, some of what was not synced: of each file a tail of its unsynced
 * bytes, and of the changes to directories any. Files synced under a name that was not keep their bytes only if the
 * name survives.
 */
export class CrashDisk implements Disk {
  readonly files = new Map<string, Content>();
  #durable = new Map<string, Content>();
  #changes: Change[] = [];
  /** Counts what changes the disk. */
  operations = 0;
  cutAt: number | undefined;
  /** What may still be written. */
  roomBytes = Number.POSITIVE_INFINITY;
  /** Called before each open for reading. */
  onRead: ((path: string) => void) | undefined;

  /** The disk as the next boot finds it. `random`: 0 to 1. */
  afterPowerCut(random: () => number): CrashDisk {
    const next = new CrashDisk();
    const kept = new Map(this.#durable);
    for (const { path, content } of this.#changes.filter(() => random() < 0.5).flat()) {
      if (content === undefined) kept.delete(path);
      else kept.set(path, content);
    }
    for (const [path, { bytes, durable }] of kept) {
      const common = Math.min(bytes.length, durable.length);
      const isAppended = bytes.subarray(0, common).equals(durable.subarray(0, common));
      const length = durable.length + Math.floor(random() * Math.max(0, bytes.length - durable.length + 1));
      const survived = Buffer.from(isAppended && bytes.length >= durable.length ? bytes.subarray(0, length) : durable);
      next.files.set(path, { bytes: survived, durable: survived });
    }
    next.#durable = new Map(next.files);
    return next;
  }

  /** A process that ended without a power cut: all that was done is there. */
  afterKill(): CrashDisk {
    return this.#copy(this.files);
  }

  read(path: string): Buffer {
    const content = this.files.get(path);
    if (content === undefined) throw new DiskError('absent', path, 'absent');
    return content.bytes;
  }

  /** Rot. */
  flip(path: string, offset: number, bit = 0): void {
    const bytes = Buffer.from(this.read(path));
    bytes.writeUInt8(bytes.readUInt8(offset) ^ (1 << bit), offset);
    this.files.set(path, { bytes, durable: bytes });
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    if (mode === 'read') this.onRead?.(path);
    if (mode === 'create') {
      if (this.files.has(path)) throw new DiskError('exists', path, 'exists');
      this.#step();
      this.#change([{ path, content: { bytes: Buffer.alloc(0), durable: Buffer.alloc(0) } }]);
    }
    const content = this.files.get(path);
    if (content === undefined) throw new DiskError('absent', path, 'absent');
    return this.#handle(content);
  }

  async list(directory: string): Promise<readonly string[]> {
    const prefix = `${directory}/`;
    return [...this.files.keys()]
      .filter((path) => path.startsWith(prefix))
      .map((path) => path.slice(prefix.length))
      .sort();
  }

  async stat(path: string): Promise<{ readonly kind: 'file'; readonly bytes: number } | undefined> {
    const content = this.files.get(path);
    return content === undefined ? undefined : { kind: 'file', bytes: content.bytes.length };
  }

  async makeDirectory(): Promise<void> {}

  async rename(from: string, to: string): Promise<void> {
    this.#step();
    const content = this.files.get(from);
    if (content === undefined) throw new DiskError('absent', from, 'absent');
    this.#change([
      { path: to, content },
      { path: from, content: undefined },
    ]);
  }

  async remove(path: string): Promise<void> {
    if (!this.files.has(path)) return;
    this.#step();
    this.#change([{ path, content: undefined }]);
  }

  async removeTree(path: string): Promise<void> {
    for (const name of await this.list(path)) await this.remove(`${path}/${name}`);
  }

  async link(from: string, to: string): Promise<void> {
    this.#step();
    const content = this.files.get(from);
    if (content === undefined) throw new DiskError('absent', from, 'absent');
    this.#change([{ path: to, content }]);
  }

  async syncDirectory(): Promise<void> {
    this.#step();
    this.#durable = new Map(this.files);
    this.#changes = [];
  }

  async freeBytes(): Promise<number> {
    return Number.MAX_SAFE_INTEGER;
  }

  #copy(files: ReadonlyMap<string, Content>): CrashDisk {
    const next = new CrashDisk();
    for (const [path, { bytes }] of files) next.files.set(path, { bytes, durable: bytes });
    next.#durable = new Map(next.files);
    return next;
  }

  #change(change: Change): void {
    this.#changes.push(change);
    for (const { path, content } of change) {
      if (content === undefined) this.files.delete(path);
      else this.files.set(path, content);
    }
  }

  #step(): void {
    if (this.operations === this.cutAt) throw new PowerCut();
    this.operations++;
  }

  #handle(content: Content): DiskFile {
    const step = () => this.#step();
    return {
      size: async () => content.bytes.length,
      read: async (offset, length) => Uint8Array.from(content.bytes.subarray(offset, offset + length)),
      write: async (offset, bytes) => {
        if (this.operations === this.cutAt) put(content, offset, bytes.subarray(0, Math.floor(bytes.length / 2)));
        step();
        const taken = Math.min(bytes.length, this.roomBytes);
        this.roomBytes -= taken;
        put(content, offset, bytes.subarray(0, taken));
        return taken;
      },
      sync: async () => {
        step();
        content.durable = Buffer.from(content.bytes);
      },
      writeAndSync: async () => {
        throw new Error('history does not use it');
      },
      truncate: async (bytes) => {
        step();
        content.bytes = Buffer.from(content.bytes.subarray(0, bytes));
      },
      close: async () => {},
    };
  }
}

function put(content: Content, offset: number, bytes: Uint8Array): void {
  const length = Math.max(content.bytes.length, offset + bytes.length);
  const next = Buffer.alloc(length);
  next.set(content.bytes);
  next.set(bytes, offset);
  content.bytes = next;
}
