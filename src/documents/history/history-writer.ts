import { crc32 } from 'node:zlib';
import { assert } from '../../base/assert.ts';
import type { Disk, DiskFile } from '../../base/disk.ts';
import type { Hashes } from '../../base/hashes.ts';
import type { HistoryLine } from '../store/checkpoint-reader.ts';
import type { HistoryFileInfo } from '../store/checkpoint-store.ts';
import { chainStart } from './chain-walk.ts';
import { damagedFile } from './damage.ts';
import { readPlainFile, writeFileWhole, writeWhole } from './file-access.ts';
import { fileIsFull, type HistoryCuts, historyCuts, plainFileName, sealedFileName, sealingFileName } from './format.ts';
import { emptyHistory, type HistoryEnd } from './history-end.ts';
import { openHistory } from './open-history.ts';
import { type ChainMark, readSealedIndex, sealLines } from './sealed-file.ts';

/** Lines wait here until there are so many, or until they are synced. */
const BUFFER_BYTES = 1024 * 1024;
/** Of one UTF-16 code unit. */
const UTF8_BYTES_MAX = 3;
/** Between two marks, at least. */
const MARK_POSITIONS = 8;
const NEWLINE = 0x0a;
const encoder = new TextEncoder();

/** A file of plain lines; `end` values count what is written, not what waits in the buffer. */
interface PlainFile {
  readonly first: number;
  last: number;
  bytes: number;
  crc: number;
  file: DiskFile | undefined;
  isSynced: boolean;
}

/**
 * The writing side of history. One owner calls it, one call after the other:
 * `append` … `sync`, then the commit that states what `sync` answered, then `sealReady` with it. A file is sealed only
 * when a durable commit covers it whole, so nothing sealed ever has to be undone. After a failure the writer is done
 * for: it is opened again from the last commit.
 */
export class HistoryWriter {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #hashes: Hashes;
  readonly #cuts: HistoryCuts;
  readonly #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #buffered = 0;
  #position = 0;
  /** Ascending; only the last may grow. */
  #plain: PlainFile[] = [];
  #sealed: HistoryFileInfo[] = [];
  #sealedBytes = 0;
  /** The last position in sealed files and c after it; undefined until it is needed. */
  #chainAfterSealed: { readonly position: number; readonly chain: Uint8Array } | undefined;
  /** In files that are not sealed yet; ascending. */
  #marks: ChainMark[] = [];
  #directoryIsSynced = true;

  constructor(options: {
    readonly disk: Disk;
    readonly directory: string;
    readonly hashes: Hashes;
    readonly cuts?: HistoryCuts;
  }) {
    this.#disk = options.disk;
    this.#directory = options.directory;
    this.#hashes = options.hashes;
    this.#cuts = options.cuts ?? historyCuts;
  }

  /**
   * Takes up history where the last commit left it and cuts what lies beyond (D5).
   * @throws LoggosError `checkpoint-damaged` where committed lines are missing or changed
   */
  async open(end: HistoryEnd = emptyHistory): Promise<void> {
    const opened = await openHistory(this.#disk, this.#directory, end);
    this.#position = end.position;
    this.#sealed = [...opened.sealed];
    this.#sealedBytes = this.#sealed.reduce((sum, file) => sum + file.bytes, 0);
    this.#plain = opened.plain.map((file) => ({ ...file, file: undefined, isSynced: true }));
    this.#buffered = 0;
    this.#chainAfterSealed = undefined;
    this.#marks = [];
    this.#directoryIsSynced = true;
  }

  /** The last position appended. */
  get position(): number {
    return this.#position;
  }

  /** Bytes on disk, and those that wait to be written. */
  get bytes(): number {
    return this.#plain.reduce((sum, file) => sum + file.bytes, this.#sealedBytes) + this.#buffered;
  }

  /** Every file, ascending, as of the last `sync` or `sealReady`. */
  files(): readonly HistoryFileInfo[] {
    const plain = this.#plain.map(({ first, bytes }) => ({ name: plainFileName(first), bytes, sealed: false }));
    return [...this.#sealed, ...plain];
  }

  /**
   * Takes lines in order, without gaps. They are not durable, and perhaps not yet written.
   * @param chainAfter - c after the last of them, which saves hashing when the file is sealed; the caller leaves it alone
   */
  async append(lines: readonly HistoryLine[], chainAfter?: Uint8Array): Promise<void> {
    for (const { position, line } of lines) {
      assert(position === this.#position + 1, 'history is appended in order, without gaps');
      let file = this.#plain.at(-1);
      if (file === undefined || this.#isFull(file, this.#buffered)) file = await this.#startFile();
      if (!this.#tryBuffer(line)) {
        await this.#flush();
        if (!this.#tryBuffer(line)) await this.#write(file, Buffer.from(`${line}\n`));
      }
      file.last = position;
      this.#position = position;
    }
    const isMark = this.#position >= (this.#marks.at(-1)?.position ?? 0) + MARK_POSITIONS;
    if (chainAfter !== undefined && isMark) this.#marks.push({ position: this.#position, chain: chainAfter });
  }

  /** Makes durable what was appended. The answer is what the commit has to state. */
  async sync(): Promise<HistoryEnd> {
    await this.#flush();
    for (const file of this.#plain) {
      if (file.isSynced) continue;
      await file.file?.sync();
      file.isSynced = true;
      if (this.#isFull(file)) await closeFile(file);
    }
    if (!this.#directoryIsSynced) await this.#disk.syncDirectory(this.#directory);
    this.#directoryIsSynced = true;
    const plain = this.#plain.map(({ first, last, bytes, crc }) => ({ first, last, bytes, crc }));
    return { position: this.#position, plain };
  }

  /**
   * Seals the files that are full and that a durable commit covers whole, oldest first. Done again after a failure or
   * a crash it comes to the same files. `no-room` harms nothing: the plain lines stay.
   * @param committed - what `sync` answered and the commit stated
   * @returns how many files were sealed
   * @throws LoggosError `checkpoint-damaged` where the plain lines are not those that were written; DiskError
   */
  async sealReady(committed: HistoryEnd, filesMax = Number.POSITIVE_INFINITY): Promise<number> {
    let count = 0;
    for (;;) {
      const file = this.#plain[0];
      if (count >= filesMax || file === undefined || !this.#isReady(file, committed.position)) return count;
      await this.#seal(file);
      count++;
    }
  }

  async close(): Promise<void> {
    for (const file of this.#plain) await closeFile(file);
  }

  #isReady(file: PlainFile, committedPosition: number): boolean {
    return file.isSynced && file.last <= committedPosition && this.#isFull(file);
  }

  #isFull(file: PlainFile, bufferedBytes = 0): boolean {
    return fileIsFull(file.last - file.first + 1, file.bytes + bufferedBytes, this.#cuts);
  }

  /** The buffer holds lines of the last file only: a file is cut by its content, whenever it is written. */
  async #startFile(): Promise<PlainFile> {
    await this.#flush();
    const first = this.#position + 1;
    const file = { first, last: this.#position, bytes: 0, crc: 0, file: undefined, isSynced: true };
    this.#plain.push(file);
    return file;
  }

  /** False where the line may not fit. */
  #tryBuffer(line: string): boolean {
    if (BUFFER_BYTES - this.#buffered < line.length * UTF8_BYTES_MAX + 1) return false;
    this.#buffered += encoder.encodeInto(line, this.#buffer.subarray(this.#buffered)).written;
    this.#buffer[this.#buffered++] = NEWLINE;
    return true;
  }

  async #flush(): Promise<void> {
    const file = this.#plain.at(-1);
    if (this.#buffered === 0 || file === undefined) return;
    await this.#write(file, this.#buffer.subarray(0, this.#buffered));
    this.#buffered = 0;
  }

  async #write(file: PlainFile, bytes: Uint8Array): Promise<void> {
    const path = `${this.#directory}/${plainFileName(file.first)}`;
    file.isSynced = false;
    if (file.file === undefined) {
      file.file = await this.#disk.open(path, file.bytes === 0 ? 'create' : 'write');
      if (file.bytes === 0) this.#directoryIsSynced = false;
    }
    await writeWhole(file.file, path, file.bytes, bytes);
    file.crc = crc32(bytes, file.crc);
    file.bytes += bytes.length;
  }

  async #seal(file: PlainFile): Promise<void> {
    const plainPath = `${this.#directory}/${plainFileName(file.first)}`;
    const name = sealedFileName(file.first, file.last);
    const chainBefore = await this.#chainBefore(file.first);
    const plain = await readPlainFile(this.#disk, plainPath, file);
    const marks = this.#marks.filter(({ position }) => position >= file.first && position <= file.last);
    const { first } = file;
    const { bytes, chainAfter } = sealLines({
      plain,
      first,
      chainBefore,
      marks,
      hashes: this.#hashes,
      cuts: this.#cuts,
    });
    await writeFileWhole(this.#disk, `${this.#directory}/${sealingFileName(file.first)}`, bytes);
    await this.#disk.rename(`${this.#directory}/${sealingFileName(file.first)}`, `${this.#directory}/${name}`);
    await this.#disk.syncDirectory(this.#directory);
    await closeFile(file);
    await this.#disk.remove(plainPath);
    this.#plain.shift();
    this.#marks = this.#marks.filter(({ position }) => position > file.last);
    this.#sealed.push({ name, bytes: bytes.length, sealed: true });
    this.#sealedBytes += bytes.length;
    this.#chainAfterSealed = { position: file.last, chain: chainAfter };
  }

  async #chainBefore(first: number): Promise<Uint8Array> {
    if (first === 1) return chainStart;
    const known = this.#chainAfterSealed;
    if (known?.position === first - 1) return known.chain;
    const last = this.#sealed.at(-1);
    assert(last !== undefined, 'the files before a plain one are sealed first');
    const file = await this.#disk.open(`${this.#directory}/${last.name}`, 'read');
    try {
      const index = await readSealedIndex(file);
      if (index?.lastPosition !== first - 1) throw damagedFile(last.name, 'its index cannot be read');
      return index.chainAfter;
    } finally {
      await file.close();
    }
  }
}

async function closeFile(file: PlainFile): Promise<void> {
  await file.file?.close();
  file.file = undefined;
}
