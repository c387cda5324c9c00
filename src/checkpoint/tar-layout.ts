import { createHash } from 'node:crypto';
import { pack } from 'tar-stream';
import { assert } from '../base/assert.ts';
import type { Disk } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import { readSmallFile, writeNewFile } from './files.ts';
import { type Manifest, manifestName, type SealedManifest } from './manifest.ts';

export const layoutName = 'tar.headers';
export const tarBlockBytes = 512;
/** Two zero blocks end an archive. */
const endBytes = 2 * tarBlockBytes;
const layoutHashBytes = 32;
const layoutBytesMax = 128 * 1024 * 1024;

/** A piece of the tar: bytes at hand, or a range of a file (both ends inclusive). */
export type TarPiece =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'file'; readonly name: string; readonly first: number; readonly last: number };

interface TarEntry {
  readonly name: string;
  readonly bytes: number;
}

/**
 * Where everything lies in a snapshot's tar: header, content and padding of each file, then the end. The headers are
 * kept, so that the tar stays the same bytes whatever a later version would print.
 */
export class TarLayout {
  /** Of the whole tar. */
  readonly bytes: number;
  readonly #entries: readonly TarEntry[];
  readonly #headers: Uint8Array;
  /** Where each entry's header begins, and at last the end marker. */
  readonly #offsets: readonly number[];

  constructor(entries: readonly TarEntry[], headers: Uint8Array) {
    assert(headers.byteLength === entries.length * tarBlockBytes, 'a tar has a header for each file');
    this.#entries = entries;
    this.#headers = headers;
    this.#offsets = offsetsOf(entries);
    this.bytes = (this.#offsets.at(-1) ?? 0) + endBytes;
  }

  /** What the bytes `first` to `last` (inclusive) are made of, in order. */
  *pieces(first: number, last: number): Generator<TarPiece> {
    assert(first >= 0 && last < this.bytes, 'a range lies inside the tar', { first, last, bytes: this.bytes });
    for (let index = this.#entryAt(first); index < this.#entries.length; index += 1) {
      const offset = this.#offsets[index] ?? 0;
      if (offset > last) return;
      const { name, bytes } = this.#entries[index] as TarEntry;
      const header = this.#headers.subarray(index * tarBlockBytes, (index + 1) * tarBlockBytes);
      yield* bytesWithin(header, offset, first, last);
      const content = offset + tarBlockBytes;
      const contentFirst = Math.max(first, content);
      const contentLast = Math.min(last, content + bytes - 1);
      if (contentFirst <= contentLast) {
        yield { kind: 'file', name, first: contentFirst - content, last: contentLast - content };
      }
      yield* bytesWithin(new Uint8Array(paddingOf(bytes)), content + bytes, first, last);
    }
    yield* bytesWithin(new Uint8Array(endBytes), this.bytes - endBytes, first, last);
  }

  /** Keeps the layout in the snapshot's directory, under a hash. */
  async save(disk: Disk, directory: string): Promise<void> {
    await writeNewFile(disk, `${directory}/${layoutName}`, Buffer.concat([this.#headers, sha256(this.#headers)]));
  }

  /** @throws LoggosError `snapshot-damaged` */
  static async load(disk: Disk, directory: string, sealed: SealedManifest): Promise<TarLayout> {
    const path = `${directory}/${layoutName}`;
    const kept = await readSmallFile(disk, path, layoutBytesMax);
    const entries = entriesOf(sealed);
    const headers = kept?.subarray(0, -layoutHashBytes);
    if (
      kept === undefined ||
      headers === undefined ||
      headers.byteLength !== entries.length * tarBlockBytes ||
      Buffer.compare(sha256(headers), kept.subarray(-layoutHashBytes)) !== 0
    ) {
      throw new LoggosError('snapshot-damaged', `${path} is damaged`);
    }
    return new TarLayout(entries, headers);
  }

  #entryAt(offset: number): number {
    let low = 0;
    let high = this.#offsets.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#offsets[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Lays out the tar of a manifest: itself first, then its files in its order. The same manifest gives the same bytes. */
export async function makeLayout(sealed: SealedManifest): Promise<TarLayout> {
  const entries = entriesOf(sealed);
  const modified = modificationTime(sealed.manifest);
  const headers: Uint8Array[] = [];
  for (const entry of entries) headers.push(await tarHeader(entry, modified));
  return new TarLayout(entries, Buffer.concat(headers));
}

/** Bytes of the tar of a manifest. */
export function tarBytes(sealed: SealedManifest): number {
  return (offsetsOf(entriesOf(sealed)).at(-1) ?? 0) + endBytes;
}

/** Zeros after a content of so many bytes. */
export function paddingOf(bytes: number): number {
  const rest = bytes % tarBlockBytes;
  return rest === 0 ? 0 : tarBlockBytes - rest;
}

/** The header as tar-stream prints it: everything that is not the file's name and length is fixed. */
async function tarHeader({ name, bytes }: TarEntry, modified: Date): Promise<Uint8Array> {
  const archive = pack();
  // Both end without their content, since only the header is wanted; that is no error here.
  archive.on('error', () => undefined);
  const entry = archive.entry({ name, size: bytes, mode: 0o600, uid: 0, gid: 0, mtime: modified, type: 'file' });
  entry.on('error', () => undefined);
  for await (const header of archive as AsyncIterable<Uint8Array>) {
    const plain = header.byteLength === tarBlockBytes && header[156] === '0'.charCodeAt(0);
    assert(plain, 'a snapshot file needs no extended header', { name });
    return header;
  }
  throw new LoggosError('internal', `tar-stream gave no header for ${name}`);
}

/** The last event's time, so that the tar is the same on every replica; within what a plain header takes. */
function modificationTime(manifest: Manifest): Date {
  const seconds = Math.floor(Date.parse(manifest.time) / 1000);
  return new Date(Math.min(Math.max(seconds, 1), 2 ** 31 - 1) * 1000);
}

function entriesOf(sealed: SealedManifest): readonly TarEntry[] {
  return [{ name: manifestName, bytes: sealed.bytes.byteLength }, ...sealed.manifest.files];
}

function offsetsOf(entries: readonly TarEntry[]): readonly number[] {
  const offsets = [0];
  let offset = 0;
  for (const { bytes } of entries) {
    offset += tarBlockBytes + bytes + paddingOf(bytes);
    offsets.push(offset);
  }
  return offsets;
}

/** The part of some bytes at `offset` that lies in a range. */
function* bytesWithin(bytes: Uint8Array, offset: number, first: number, last: number): Generator<TarPiece> {
  const from = Math.max(first, offset) - offset;
  const to = Math.min(last, offset + bytes.byteLength - 1) - offset;
  if (from <= to) yield { kind: 'bytes', bytes: bytes.subarray(from, to + 1) };
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}
