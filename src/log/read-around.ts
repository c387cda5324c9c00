import { DiskError, type DiskFile } from '../base/disk.ts';
import { asBuffer } from './bytes.ts';

export interface ReadAround {
  /** Fewer than asked for only at the end of the file. */
  readonly bytes: Buffer;
  /** Why some of it is missing. */
  readonly failure: DiskError | undefined;
}

/** In place of what cannot be read: no header and no payload is right with it, and it is no zero, as where nothing was written. */
const filler = 0xff;
/** What a kernel reads at once, and gives up as one. */
const pageBytes = 4096;
/** Where nothing of so much can be read not a sector failed, but the disk. No segment that is written to is smaller. */
const deadBytes = 64 * 1024;

/**
 * Reads what can be read: a disk that cannot give one sector fails every read that touches it, and the rest of the file
 * is as good as ever. What it does not give is as good as rotten. No place is given up after one attempt.
 * @throws DiskError where it gives nothing of `deadBytes`
 */
export async function readAround(file: DiskFile, offset: number, length: number): Promise<ReadAround> {
  try {
    return { bytes: asBuffer(await file.read(offset, length)), failure: undefined };
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    const end = Math.min(offset + length, await file.size());
    const bytes = Buffer.alloc(Math.max(0, end - offset), filler);
    const unreadableBytes = await readPages(file, offset, bytes);
    if (unreadableBytes === bytes.byteLength && unreadableBytes >= deadBytes) throw error;
    return { bytes, failure: unreadableBytes > 0 ? error : undefined };
  }
}

/** Halves what cannot be read until it is a page. Answers how many bytes are missing. */
async function readPages(file: DiskFile, offset: number, bytes: Buffer): Promise<number> {
  let unreadableBytes = 0;
  const waiting = [{ from: offset, to: offset + bytes.byteLength }];
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    const { from, to } = part;
    try {
      bytes.set(await file.read(from, to - from), from - offset);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      const middle = middleOf(from, to);
      if (middle === undefined) unreadableBytes += to - from;
      else waiting.push({ from: middle, to }, { from, to: middle });
    }
  }
  return unreadableBytes;
}

function isUnreadable(error: unknown): error is DiskError {
  return error instanceof DiskError && error.kind === 'failed';
}

/** The beginning of a page, about half way; undefined: none is in between. */
function middleOf(from: number, to: number): number | undefined {
  const half = Math.floor((from + to) / 2 / pageBytes) * pageBytes;
  const middle = half > from ? half : Math.floor(from / pageBytes + 1) * pageBytes;
  return middle < to ? middle : undefined;
}
