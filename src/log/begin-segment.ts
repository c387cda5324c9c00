import { type Disk, DiskError, type DiskFile } from '../base/disk.ts';
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
  const count = await file.writeAndSync(offset, bytes);
  if (count !== bytes.byteLength) {
    throw new DiskError('failed', path, `short write at ${offset}: ${count} of ${bytes.byteLength}`);
  }
}
