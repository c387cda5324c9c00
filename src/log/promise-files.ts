import { type Disk, DiskError, type DiskFile } from '../base/disk.ts';
import type { Hashes } from '../base/hashes.ts';
import { type Ballot, compareBallots } from '../paxos/ballot.ts';
import { readBallot, writeBallot } from './bytes.ts';
import type { Seal } from './format.ts';
import { type ReadAround, readAround } from './read-around.ts';

// A promise file, version 1: magic, version, ballot (24 bytes), CRC-32 started from whose log it is; in one sector.

const fileBytes = 512;
const magic = Buffer.of(0xfe, 0x4c, 0x50, 0xff);
const formatVersion = 1;
const crcOffset = 32;
const names = ['promise.a', 'promise.b'] as const;

interface Copy {
  readonly path: string;
  /** Nothing: absent or unreadable. */
  readonly ballot: Ballot | undefined;
  readonly isThere: boolean;
  /** The disk cannot give it, and might not let it be written over either. */
  readonly isUnreadable: boolean;
}

/** What both copies say together. */
export interface PromiseCopies {
  /** The higher one: the lower was left behind by a crash between the two. */
  readonly promised: Ballot | undefined;
  readonly copies: readonly Copy[];
}

/** Reads both copies and changes nothing. */
export async function readPromises(disk: Disk, directory: string, seal: Seal, hashes: Hashes): Promise<PromiseCopies> {
  const copies: Copy[] = [];
  for (const name of names) {
    const path = `${directory}/${name}`;
    const read = await readWhole(disk, path);
    copies.push({
      path,
      ballot: read && decode(read.bytes, seal, hashes),
      isThere: read !== undefined,
      isUnreadable: read?.failure !== undefined,
    });
  }
  const ballots = copies.flatMap(({ ballot }) => ballot ?? []).sort(compareBallots);
  return { promised: ballots.at(-1), copies };
}

/**
 * The promised ballot on disk: two copies, each synced before the other is touched, so that one is always whole (A7).
 * They are written over in place and need no room. One owner, one call at a time.
 */
export class PromiseFiles {
  readonly #files: readonly DiskFile[];
  readonly #seal: Seal;
  readonly #hashes: Hashes;
  #promised: Ballot;

  private constructor(files: readonly DiskFile[], promised: Ballot, seal: Seal, hashes: Hashes) {
    this.#files = files;
    this.#promised = promised;
    this.#seal = seal;
    this.#hashes = hashes;
  }

  /**
   * Opens both copies and makes both say `promised`. A copy that says so already is written again too: after a sync that
   * failed it reads well from the cache alone, and must not be what the other one is written over for (A7, A8).
   */
  static async open(
    disk: Disk,
    directory: string,
    found: PromiseCopies,
    promised: Ballot,
    seal: Seal,
    hashes: Hashes,
  ): Promise<PromiseFiles> {
    const files: DiskFile[] = [];
    // The copies that are good stay untouched until the others are as good.
    const worstFirst = [...found.copies].sort(compareCopies);
    for (const copy of worstFirst) {
      if (copy.isUnreadable) await disk.remove(copy.path);
      const isThere = copy.isThere && !copy.isUnreadable;
      const file = await disk.open(copy.path, isThere ? 'write' : 'create');
      files.push(file);
      await writeCopy(file, copy.path, encode(promised, seal, hashes));
      if (!isThere) await disk.syncDirectory(directory);
    }
    return new PromiseFiles(files, promised, seal, hashes);
  }

  get promised(): Ballot {
    return this.#promised;
  }

  /** Resolves when both copies are durable. A failure is fatal for the log. */
  async write(ballot: Ballot): Promise<void> {
    const bytes = encode(ballot, this.#seal, this.#hashes);
    for (const file of this.#files) await writeCopy(file, 'promise', bytes);
    this.#promised = ballot;
  }

  async close(): Promise<void> {
    for (const file of this.#files) await file.close();
  }
}

/** Absent, then unreadable, then by ballot. */
function compareCopies(left: Copy, right: Copy): number {
  if (left.ballot !== undefined && right.ballot !== undefined) return compareBallots(left.ballot, right.ballot);
  return worth(left) - worth(right);
}

function worth({ ballot, isThere }: Copy): number {
  if (!isThere) return 0;
  return ballot === undefined ? 1 : 2;
}

async function writeCopy(file: DiskFile, path: string, bytes: Buffer): Promise<void> {
  const count = await file.writeAndSync(0, bytes);
  if (count !== bytes.byteLength) throw new DiskError('failed', path, `short write: ${count} of ${bytes.byteLength}`);
}

function encode(ballot: Ballot, seal: Seal, hashes: Hashes): Buffer {
  const bytes = Buffer.alloc(fileBytes);
  magic.copy(bytes);
  bytes.writeUInt32BE(formatVersion, 4);
  writeBallot(bytes, 8, ballot);
  bytes.writeUInt32BE(hashes.crc32(bytes.subarray(0, crcOffset), seal.crc), crcOffset);
  return bytes;
}

function decode(bytes: Buffer, seal: Seal, hashes: Hashes): Ballot | undefined {
  if (bytes.byteLength < fileBytes || magic.compare(bytes, 0, magic.byteLength) !== 0) return undefined;
  if (bytes.readUInt32BE(4) !== formatVersion) return undefined;
  if (hashes.crc32(bytes.subarray(0, crcOffset), seal.crc) !== bytes.readUInt32BE(crcOffset)) return undefined;
  return readBallot(bytes, 8);
}

async function readWhole(disk: Disk, path: string): Promise<ReadAround | undefined> {
  let file: DiskFile;
  try {
    file = await disk.open(path, 'read');
  } catch (error) {
    if (error instanceof DiskError && error.kind === 'absent') return undefined;
    throw error;
  }
  try {
    return await readAround(file, 0, fileBytes);
  } finally {
    await file.close();
  }
}
