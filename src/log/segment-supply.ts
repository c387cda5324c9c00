import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { type Disk, DiskError } from '../base/disk.ts';
import type { Observer } from '../base/observer.ts';
import { isPlanted } from '../base/planted-bugs.ts';
import { segmentName, spareName } from './format.ts';
import { readAround } from './read-around.ts';

const chunk = new Uint8Array(1024 * 1024);
const chunksPerSync = 4;
const retryAfterMs = 1000;

export interface SupplyOptions {
  /** Not the one that the log is written by: filling a segment must not stand in its way. */
  readonly disk: Disk;
  readonly directory: string;
  readonly segmentBytes: number;
  /** Room that is left to others on this file system: no segment is made below it. */
  readonly keepFreeBytes: number;
  readonly clock: Clock;
  readonly observer: Observer;
}

/** A zero-filled, durable segment that has no name of its own yet. */
export interface Spare {
  readonly segment: number;
  readonly path: string;
  readonly bytes: number;
}

/**
 * Keeps the next segment ready: filled with zeros and durable before it is needed, so that a full disk is met here and
 * never while a record is written (A10, A11). Tries again by itself when there was no room.
 */
export class SegmentSupply {
  readonly #options: SupplyOptions;
  #wanted: number | undefined;
  #spare: Spare | undefined;
  #attempt: Promise<void> | undefined;
  #failed = false;
  #cancelRetry: (() => void) | undefined;
  #stopped = false;

  constructor(options: SupplyOptions) {
    this.#options = options;
  }

  get spare(): Spare | undefined {
    return this.#spare;
  }

  /** Of the spare, or of the one that is being filled and for which there was room: a record that needs it waits. */
  get bytes(): number {
    if (this.#spare !== undefined) return this.#spare.bytes;
    return this.#attempt !== undefined && !this.#failed ? this.#options.segmentBytes : 0;
  }

  /** Starts to make that segment ready, in the background. */
  prepare(segment: number): void {
    assert(this.#spare === undefined, 'one segment is made ready at a time');
    this.#wanted = segment;
    this.retry();
  }

  /** The spare, waited for while it is being filled; nothing where there is no room. */
  async ready(): Promise<Spare | undefined> {
    if (this.#spare === undefined && !this.#failed) await this.#attempt;
    return this.#spare;
  }

  /** Hands the spare over. */
  take(): Spare {
    const spare = this.#spare;
    assert(spare !== undefined, 'a spare is taken when it is ready');
    this.#spare = undefined;
    this.#wanted = undefined;
    return spare;
  }

  /** Tries at once: room may have been made. */
  retry(): void {
    if (this.#stopped || this.#attempt !== undefined || this.#spare !== undefined || this.#wanted === undefined) return;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#attempt = this.#fill(this.#wanted).finally(() => {
      this.#attempt = undefined;
      if (this.#spare === undefined && !this.#stopped) {
        this.#cancelRetry = this.#options.clock.after(retryAfterMs, () => this.retry());
      }
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelRetry?.();
    await this.#attempt;
  }

  async #fill(segment: number): Promise<void> {
    const { disk, directory, segmentBytes, keepFreeBytes, observer } = this.#options;
    try {
      const freeBytes = await disk.freeBytes(directory);
      if (freeBytes < segmentBytes + keepFreeBytes) {
        throw new DiskError('no-room', directory, `${freeBytes} bytes are free`);
      }
      this.#spare = await makeSpare(disk, directory, segment, segmentBytes, () => this.#stopped);
      if (this.#failed) observer.report('info', 'log-has-room-again', { segment });
      this.#failed = false;
    } catch (error) {
      if (!this.#failed && !this.#stopped) {
        observer.report('warn', 'log-segment-not-prepared', { segment, error: String(error) });
      }
      this.#failed = true;
    }
  }
}

/** Makes a segment's file, filled with zeros and durable with its name. Leaves nothing behind where it fails. */
export async function makeSpare(
  disk: Disk,
  directory: string,
  segment: number,
  bytes: number,
  stopped: () => boolean = () => false,
): Promise<Spare> {
  const path = `${directory}/${spareName(segment)}`;
  await disk.remove(path);
  try {
    await fillWithZeros(disk, path, bytes, stopped);
    if (!isPlanted('no-directory-sync')) await disk.syncDirectory(directory);
  } catch (error) {
    // What it took is given back at once: others may need the room more.
    await disk.remove(path).catch(() => undefined);
    throw error;
  }
  return { segment, path, bytes };
}

/**
 * A spare that an earlier process left ready, if it is whole and can be read; made durable, since that process may not
 * have got so far.
 */
export async function findSpare(
  disk: Disk,
  directory: string,
  segment: number,
  bytes: number,
): Promise<Spare | undefined> {
  const path = `${directory}/${spareName(segment)}`;
  if ((await disk.stat(path))?.bytes !== bytes) return undefined;
  const file = await disk.open(path, 'write');
  try {
    for (let offset = 0; offset < bytes; offset += chunk.byteLength) {
      const { bytes: read } = await readAround(file, offset, chunk.byteLength);
      if (Buffer.compare(read, chunk.subarray(0, read.byteLength)) !== 0) return undefined;
    }
    await file.sync();
    await disk.syncDirectory(directory);
    return { segment, path, bytes };
  } finally {
    await file.close();
  }
}

/** Gives the spare its segment's name, durably. */
export async function nameSpare(disk: Disk, directory: string, spare: Spare): Promise<void> {
  await disk.rename(spare.path, `${directory}/${segmentName(spare.segment)}`);
  if (!isPlanted('no-directory-sync')) await disk.syncDirectory(directory);
}

async function fillWithZeros(disk: Disk, path: string, bytes: number, stopped: () => boolean): Promise<void> {
  const file = await disk.open(path, 'create');
  try {
    for (let offset = 0, chunks = 1; offset < bytes; chunks += 1) {
      if (stopped()) throw new DiskError('failed', path, 'the log is closing');
      const part = chunk.subarray(0, Math.min(chunk.byteLength, bytes - offset));
      const count = await file.write(offset, part);
      if (count !== part.byteLength)
        throw new DiskError('no-room', path, `short write: ${count} of ${part.byteLength}`);
      offset += count;
      // Often and little: a sync of much would hold up the log's own.
      if (chunks % chunksPerSync === 0) await file.sync();
    }
    await file.sync();
  } finally {
    await file.close();
  }
}
