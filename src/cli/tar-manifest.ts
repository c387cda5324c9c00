import { open } from 'node:fs/promises';
import { LoggosError } from '../base/errors.ts';
import { manifestBytesMax, readManifest, type SealedManifest } from '../checkpoint/manifest.ts';
import { unusable } from './files.ts';

const headerBytes = 512;

/**
 * The manifest of a backup, which is the first entry of its tar; nothing else of the file is read.
 * @throws LoggosError `usage`, by the name that was given; `snapshot-damaged` where the file does not begin with a whole manifest
 */
export async function readTarManifest(path: string): Promise<SealedManifest & { readonly fileBytes: number }> {
  const file = await open(path, 'r').catch((error: Error) => {
    throw unusable(path, error);
  });
  try {
    const { size } = await file.stat();
    const header = Buffer.alloc(headerBytes);
    await file.read(header, 0, headerBytes, 0);
    const manifestBytes = Number.parseInt(header.toString('latin1', 124, 136), 8);
    const isWhole = manifestBytes > 0 && manifestBytes <= manifestBytesMax && size >= headerBytes + manifestBytes;
    if (!isWhole) throw new LoggosError('snapshot-damaged', `${path} does not begin with a manifest`);
    const bytes = Buffer.alloc(manifestBytes);
    await file.read(bytes, 0, manifestBytes, headerBytes);
    return { ...readManifest(bytes), fileBytes: size };
  } finally {
    await file.close();
  }
}
