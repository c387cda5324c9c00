import type { Disk } from '../base/disk.ts';
import { readSmallFile, replaceFile } from './files.ts';

const markName = 'damaged';
const markBytesMax = 64 * 1024;

/**
 * A mark in a checkpoint's directory that says: damage was found in it, never serve it again. It goes where the
 * directory goes, so that a rebuilt checkpoint has none.
 */
export async function markDamaged(disk: Disk, checkpointDirectory: string, what: string): Promise<void> {
  await replaceFile(disk, checkpointDirectory, markName, Buffer.from(what.slice(0, 4_096)));
}

/** What was found; undefined: nothing. A mark that itself cannot be read is one. */
export async function readDamageMark(disk: Disk, checkpointDirectory: string): Promise<string | undefined> {
  const bytes = await readSmallFile(disk, `${checkpointDirectory}/${markName}`, markBytesMax);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
}
