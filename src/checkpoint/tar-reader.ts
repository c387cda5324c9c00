import { createHash } from 'node:crypto';
import { type Extract, extract } from 'tar-stream';
import type { Clock } from '../base/clock.ts';
import { type Disk, DiskError } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import { makeParent, syncDirectories, withFile, writeAll, writeNewFile } from './files.ts';
import {
  contentBytes,
  type ManifestFile,
  manifestBytesMax,
  manifestName,
  readManifest,
  type SealedManifest,
} from './manifest.ts';
import { guardTar } from './tar-guard.ts';

/** Without a byte for so long a source is given up. */
const stallMsDefault = 60_000;
/** Left free beside what a snapshot takes. */
const spareBytes = 16 * 1024 * 1024;

/** What is done with a snapshot's parts as they arrive. */
interface TarVisitor {
  onManifest(sealed: SealedManifest): Promise<void>;
  /** Must read the content to its end; it fails there when it is not what the manifest says. */
  onFile(file: ManifestFile, content: AsyncIterable<Uint8Array>): Promise<void>;
}

export interface ExtractOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  /** Must not be there: it is made, 0700, and everything in it is created new. */
  readonly directory: string;
  readonly stallMs?: number;
  readonly onBytes?: (bytes: number) => void;
  /** May refuse before anything is written: another cluster, an instance that is not newer. */
  readonly onManifest?: (sealed: SealedManifest) => void;
}

/**
 * Unpacks a snapshot's tar into a fresh directory, every file checked against the manifest and synced. What it refuses
 * leaves the directory half full: the caller's to remove.
 * @throws LoggosError `snapshot-damaged`, saying what is wrong; `no-room`, before anything is written
 */
export async function extractSnapshot(
  source: AsyncIterable<Uint8Array>,
  options: ExtractOptions,
): Promise<SealedManifest> {
  const { disk, clock, directory, stallMs = stallMsDefault, onBytes } = options;
  const sealed = await readSnapshotTar(withStallLimit(source, clock, stallMs), {
    onManifest: async (manifest) => {
      options.onManifest?.(manifest);
      await makeFreshDirectory(disk, directory, manifest);
    },
    onFile: async (file, content) => writeFile(disk, directory, file.name, content, onBytes),
  });
  await syncDirectories(
    disk,
    directory,
    sealed.manifest.files.map((file) => file.name),
  );
  return sealed;
}

/** Makes the directory of an incoming snapshot with its manifest in it; refuses early where there is no room. */
export async function makeFreshDirectory(disk: Disk, directory: string, sealed: SealedManifest): Promise<void> {
  if ((await disk.stat(directory)) !== undefined) {
    throw new LoggosError('directory-unusable', `${directory} is there already`);
  }
  await disk.makeDirectory(directory);
  const needed = contentBytes(sealed.manifest) + sealed.bytes.byteLength + spareBytes;
  const free = await disk.freeBytes(directory);
  if (free < needed) {
    throw new LoggosError('no-room', `The snapshot needs ${needed} bytes; ${free} are free`, { needed, free });
  }
  await writeNewFile(disk, `${directory}/${manifestName}`, sealed.bytes);
}

/** Writes one file of a snapshot into its fresh directory, created new, and syncs it. */
export async function writeFile(
  disk: Disk,
  directory: string,
  name: string,
  content: AsyncIterable<Uint8Array>,
  onBytes?: (bytes: number) => void,
): Promise<void> {
  await makeParent(disk, directory, name);
  const path = `${directory}/${name}`;
  await withFile(disk, path, 'create', async (file) => {
    let offset = 0;
    for await (const block of content) {
      await writeAll(file, path, offset, block);
      offset += block.byteLength;
      onBytes?.(block.byteLength);
    }
    await file.sync();
  });
}

/** Passes content on and fails at its end when it is not what the manifest says. */
export async function* checkContent(
  file: ManifestFile,
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const block of content) {
    bytes += block.byteLength;
    if (bytes > file.bytes) throw refuse(`${file.name} is longer than the manifest says`);
    hash.update(block);
    yield block;
  }
  if (bytes !== file.bytes) throw refuse(`${file.name} has ${bytes} bytes; the manifest says ${file.bytes}`);
  if (hash.digest('base64url') !== file.sha256) throw refuse(`${file.name} does not match its SHA-256`);
}

/** Reads a snapshot's tar once, in order: the manifest first, then exactly its files. */
async function readSnapshotTar(source: AsyncIterable<Uint8Array>, visitor: TarVisitor): Promise<SealedManifest> {
  const archive = extract();
  const feeding = new Feeding();
  void feeding.feed(guardTar(feeding.watch(source)), archive);
  try {
    return await takeEntries(archive, visitor);
  } catch (error) {
    if (feeding.failure !== undefined) throw feeding.failure;
    if (error instanceof LoggosError || error instanceof DiskError) throw error;
    throw new LoggosError('snapshot-damaged', `The archive is damaged: ${String(error)}`, {}, error);
  } finally {
    archive.destroy(null);
  }
}

async function takeEntries(archive: Extract, visitor: TarVisitor): Promise<SealedManifest> {
  let sealed: SealedManifest | undefined;
  const missing = new Map<string, ManifestFile>();
  for await (const entry of archive) {
    const { name, size } = entry.header;
    const content = entry as AsyncIterable<Uint8Array>;
    if (sealed === undefined) {
      if (name !== manifestName) throw refuse(`The archive begins with ${printName(name)}, not with ${manifestName}`);
      sealed = readManifest(await readWhole(content, size));
      for (const file of sealed.manifest.files) missing.set(file.name, file);
      await visitor.onManifest(sealed);
      continue;
    }
    const file = missing.get(name);
    if (file === undefined)
      throw refuse(`The archive holds ${printName(name)} twice, or the manifest does not list it`);
    if (size !== file.bytes) throw refuse(`${name} has ${size} bytes; the manifest says ${file.bytes}`);
    missing.delete(name);
    // The name on disk is the manifest's, which matches one fixed pattern.
    await visitor.onFile(file, checkContent(file, content));
  }
  if (sealed === undefined) throw refuse(`The archive has no ${manifestName}`);
  const [absent] = missing.keys();
  if (absent !== undefined) throw refuse(`The archive lacks ${missing.size} files, ${absent} first`);
  return sealed;
}

/** Writes a source into tar-stream at its pace, and remembers whether the source itself failed. */
class Feeding {
  failure: unknown;

  async *watch(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* source;
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }

  async feed(source: AsyncIterable<Uint8Array>, archive: Extract): Promise<void> {
    try {
      for await (const chunk of source) {
        if (archive.destroyed) return;
        if (!archive.write(chunk)) await drained(archive);
      }
      archive.end(undefined);
    } catch (error) {
      archive.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

function drained(archive: Extract): Promise<void> {
  return new Promise((resolve) => {
    if (archive.destroyed) return resolve();
    const done = () => {
      archive.off('drain', done);
      archive.off('close', done);
      resolve();
    };
    archive.on('drain', done);
    archive.on('close', done);
  });
}

async function readWhole(content: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
  if (size > manifestBytesMax) throw refuse(`${manifestName} is larger than ${manifestBytesMax} bytes`);
  const blocks: Uint8Array[] = [];
  for await (const block of content) blocks.push(block);
  return Buffer.concat(blocks);
}

/** Gives up on a source that sends nothing for too long. */
async function* withStallLimit(
  source: AsyncIterable<Uint8Array>,
  clock: Clock,
  stallMs: number,
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  for (;;) {
    const stalled = Promise.withResolvers<never>();
    const cancel = clock.after(stallMs, () =>
      stalled.reject(refuse(`Nothing came from the source for ${stallMs / 1000} s`)),
    );
    let next: IteratorResult<Uint8Array>;
    try {
      next = await Promise.race([iterator.next(), stalled.promise]);
    } finally {
      cancel();
    }
    if (next.done === true) return;
    yield next.value;
  }
}

/** A hostile name, fit for a message. */
function printName(name: string): string {
  return JSON.stringify(name.slice(0, 200));
}

function refuse(why: string): LoggosError {
  return new LoggosError('snapshot-damaged', why);
}
