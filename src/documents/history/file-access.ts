import { crc32 } from 'node:zlib';
import { type Disk, DiskError, type DiskFile } from '../../base/disk.ts';
import { damagedFile } from './damage.ts';
import type { PlainFileEnd } from './history-end.ts';

const WRITE_BYTES_MAX = 1024 * 1024;

/** @throws DiskError; a short write is one too (A9) */
export async function writeWhole(file: DiskFile, path: string, offset: number, bytes: Uint8Array): Promise<void> {
  const written = await file.write(offset, bytes);
  if (written !== bytes.length) throw new DiskError('no-room', path, 'a write was cut short');
}

/** A new file, durable but for its name. What lay there before is thrown away. */
export async function writeFileWhole(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  await disk.remove(path);
  const file = await disk.open(path, 'create');
  try {
    for (let at = 0; at < bytes.length; at += WRITE_BYTES_MAX) {
      await writeWhole(file, path, at, bytes.subarray(at, at + WRITE_BYTES_MAX));
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The committed bytes of a file of plain lines. @throws LoggosError `checkpoint-damaged` where they are not those */
export async function readPlainFile(disk: Disk, path: string, end: PlainFileEnd): Promise<Buffer> {
  const file = await openCommitted(disk, path);
  try {
    const bytes = await file.read(0, end.bytes);
    const name = baseName(path);
    if (bytes.length < end.bytes) throw damagedFile(name, 'committed lines are missing');
    if (crc32(bytes) !== end.crc) throw damagedFile(name, 'its checksum is another one');
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  } finally {
    await file.close();
  }
}

async function openCommitted(disk: Disk, path: string): Promise<DiskFile> {
  try {
    return await disk.open(path, 'read');
  } catch (error) {
    if (error instanceof DiskError && error.kind === 'absent') throw damagedFile(baseName(path), 'it is missing');
    throw error;
  }
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
