import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LoggosError } from '../base/errors.ts';
import type { Client } from '../client/client.ts';
import { ProblemError } from '../client/problem-error.ts';
import { startProgress } from './progress.ts';
import { readTarManifest } from './tar-manifest.ts';

/** What lies in a file that an interrupted download left. */
interface Part {
  readonly instance: number;
  readonly etag: string;
  readonly bytes: number;
}

/**
 * Downloads a snapshot into `<path>.part`, synced. An interrupted one is taken up where it broke, if that very snapshot
 * is still at the server.
 * @param resume - begin with what an earlier run left; the backup is then of that run's state
 * @returns the path of the part
 */
export async function downloadPart(client: Client, path: string, resume: boolean): Promise<string> {
  const partPath = `${path}.part`;
  const part = resume ? await readPart(partPath) : undefined;
  if (part !== undefined && (await takeUp(client, partPath, part))) return partPath;
  const { instance } = await client.snapshots.create();
  await write(client, partPath, { instance, bytes: 0 });
  return partPath;
}

/** Gives a part its name, for good. */
export async function keepPart(partPath: string, path: string): Promise<void> {
  await rename(partPath, path);
  const directory = await open(dirname(path), 'r');
  await directory.sync().finally(() => directory.close());
}

export async function removePart(partPath: string): Promise<void> {
  await rm(partPath, { force: true });
}

async function takeUp(client: Client, partPath: string, part: Part): Promise<boolean> {
  try {
    await write(client, partPath, part);
    return true;
  } catch (error) {
    const gone = error instanceof ProblemError && ['not-found', 'snapshot-changed'].includes(error.code);
    if (gone) return false;
    throw error;
  }
}

async function write(client: Client, partPath: string, part: Omit<Part, 'etag'> & { etag?: string }): Promise<void> {
  const etag = part.etag === undefined ? {} : { etag: part.etag };
  const download = await client.snapshots.download(part.instance, { firstByte: part.bytes, ...etag });
  const file = await open(partPath, part.bytes === 0 ? 'w' : 'r+', 0o600);
  const progress = startProgress('Downloading', download.bytes);
  try {
    let offset = part.bytes;
    for await (const chunk of download.chunks) {
      await writeAll(file, chunk, offset);
      offset += chunk.length;
      progress.at(offset);
    }
    await file.sync();
  } finally {
    progress.end();
    await file.close();
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array, offset: number): Promise<void> {
  const { bytesWritten } = await file.write(chunk, 0, chunk.length, offset);
  if (bytesWritten !== chunk.length) throw new LoggosError('no-room', 'the file took only a part of what was written');
}

/** What an interrupted run left; undefined where that is nothing to go on with. */
async function readPart(partPath: string): Promise<Part | undefined> {
  try {
    const { manifest, seal, fileBytes } = await readTarManifest(partPath);
    return { instance: manifest.instance, etag: `"${seal}"`, bytes: fileBytes };
  } catch (error) {
    if (error instanceof LoggosError) return undefined;
    throw error;
  }
}
