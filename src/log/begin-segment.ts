import { type Disk, DiskError, type DiskFile } from '../base/disk.ts';
import { isPlanted } from '../base/planted-bugs.ts';
import { nameSpare, type Spare } from './segment-supply.ts';

/**
 * Gives the spare its first bytes (its header, at boot records too) and then its name. A file that is named `.segment`
 * therefore always has a durable header.
 */
export async function beginSegment(
  disk: Disk,
  directory: string,
  spare: Spare,
  content: Uint8Array,
): Promise<DiskFile> {
  const file = await disk.open(spare.path, 'write');
  await writeWhole(file, spare.path, 0, content);
  await nameSpare(disk, directory, spare);
  return file;
}

/** One write and one sync. A short write is a failure (A9): the reason would show on the next call only. */
export async function writeWhole(file: DiskFile, path: string, offset: number, bytes: Uint8Array): Promise<void> {
  const isRetried = isPlanted('retry-failed-sync');
  const count = await (isRetried ? writeAndRetry(file, offset, bytes) : file.writeAndSync(offset, bytes));
  if (count !== bytes.byteLength && !isPlanted('ignore-short-write')) {
    throw new DiskError('failed', path, `short write at ${offset}: ${count} of ${bytes.byteLength}`);
  }
}

/** Of the planted bug alone: a second sync may succeed although the first lost the pages. */
async function writeAndRetry(file: DiskFile, offset: number, bytes: Uint8Array): Promise<number> {
  return await file.writeAndSync(offset, bytes).catch(() => file.sync().then(() => bytes.byteLength));
}
