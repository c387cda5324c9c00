import { type Disk, DiskError, type DiskFile } from '../../base/disk.ts';
import type { Hashes } from '../../base/hashes.ts';

/** Length, CRC-32 over number and content, number. */
const headBytes = 12;
/** A file is written anew when what was appended is more than this, and more than half of it. */
const appendedBytesMin = 32 * 1024;

/** Of a file with this one record. */
export function recordBytes(content: Uint8Array): number {
  return headBytes + content.length;
}

/**
 * Commits of a simulated checkpoint: records with a checksum, appended and synced one at a time. The first says all, the
 * others what changed since. A torn record and what is behind it never was, as in SQLite's write-ahead log.
 */
export class CommitFile {
  readonly path: string;
  readonly #directory: string;
  readonly #disk: Disk;
  readonly #hashes: Hashes;
  #file: DiskFile | undefined;
  #count = 0;
  #bytes = 0;
  #firstBytes = 0;
  /** Of an earlier process: perhaps only in the cache, because a sync of it had failed (A8). */
  #isTrusted = false;

  constructor(options: {
    readonly directory: string;
    readonly name: string;
    readonly disk: Disk;
    readonly hashes: Hashes;
  }) {
    this.#directory = options.directory;
    this.path = `${options.directory}/${options.name}`;
    this.#disk = options.disk;
    this.#hashes = options.hashes;
  }

  /** What was committed, in order; empty: nothing yet. */
  async open(): Promise<Uint8Array[]> {
    await this.#disk.makeDirectory(this.#directory);
    await this.#disk.remove(`${this.path}.new`);
    const found = await this.#disk.stat(this.path);
    if (found === undefined) return [];
    this.#file = await this.#disk.open(this.path, 'write');
    const bytes = await this.#file.read(0, await this.#file.size());
    const records: Uint8Array[] = [];
    for (let record = this.#recordAt(bytes, 0); record !== undefined; record = this.#recordAt(bytes, this.#bytes)) {
      records.push(record);
      this.#took(record.length);
    }
    return records;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the next commit had better say all: `replace` instead of `append`. */
  get isLong(): boolean {
    const appended = this.#bytes - this.#firstBytes;
    return !this.#isTrusted || appended > Math.max(appendedBytesMin, this.#firstBytes);
  }

  /** Durable when it resolves. */
  async append(content: Uint8Array): Promise<void> {
    if (this.#file === undefined) throw new DiskError('failed', this.path, 'no commit says all yet');
    await this.#write(this.#file, content);
    this.#took(content.length);
  }

  /** Writes a new file whose one record says all. */
  async replace(content: Uint8Array): Promise<void> {
    const path = `${this.path}.new`;
    await this.#disk.remove(path);
    const file = await this.#disk.open(path, 'create');
    const [count, bytes] = [this.#count, this.#bytes];
    this.#count = 0;
    this.#bytes = 0;
    try {
      await this.#write(file, content);
      await this.#disk.rename(path, this.path);
      await this.#disk.syncDirectory(this.#directory);
    } catch (error) {
      this.#count = count;
      this.#bytes = bytes;
      await file.close();
      throw error;
    }
    const before = this.#file;
    this.#file = file;
    this.#isTrusted = true;
    this.#took(content.length);
    await before?.close();
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async #write(file: DiskFile, content: Uint8Array): Promise<void> {
    const record = new Uint8Array(headBytes + content.length);
    const view = new DataView(record.buffer);
    record.set(content, headBytes);
    view.setUint32(0, content.length);
    view.setUint32(8, this.#count);
    view.setUint32(4, this.#hashes.crc32(record.subarray(8)));
    const written = await file.writeAndSync(this.#bytes, record);
    if (written !== record.length) throw new DiskError('no-room', this.path, 'a write was cut short');
  }

  #recordAt(bytes: Uint8Array, offset: number): Uint8Array | undefined {
    if (offset + headBytes > bytes.length) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset + offset, bytes.length - offset);
    const end = headBytes + view.getUint32(0);
    if (end > view.byteLength || view.getUint32(8) !== this.#count) return undefined;
    const isWhole = view.getUint32(4) === this.#hashes.crc32(bytes.subarray(offset + 8, offset + end));
    return isWhole ? bytes.subarray(offset + headBytes, offset + end) : undefined;
  }

  #took(contentBytes: number): void {
    this.#bytes += headBytes + contentBytes;
    if (this.#count === 0) this.#firstBytes = this.#bytes;
    this.#count += 1;
  }
}
