import { setImmediate as turn } from 'node:timers/promises';
import { assert } from '../../base/assert.ts';
import { type Disk, DiskError, type DiskFile } from '../../base/disk.ts';

const chunkBytes = 1024 * 1024;
/** Where SQLite's header says which versions may write and read: 2 is WAL, 1 is a rollback journal. */
const versionOffset = 18;
const walVersion = 2;
const rollbackVersion = 1;

/**
 * Copies the main file of a frozen database through a descriptor that is open already: opening and closing it anew in
 * this process would drop SQLite's locks on it. The copy says of itself that it needs no WAL. Synced when it resolves.
 * @param bytes - the main file's length when it was frozen
 * @param signal - looked at between two chunks
 */
export async function copyFrozenDatabase(
  source: DiskFile,
  bytes: number,
  disk: Disk,
  path: string,
  signal?: AbortSignal,
): Promise<void> {
  const target = await disk.open(path, 'create');
  try {
    for (let offset = 0; offset < bytes; ) {
      // A disk that works in this thread ends no turn, in which an abort could come.
      await turn();
      signal?.throwIfAborted();
      const chunk = await source.read(offset, Math.min(chunkBytes, bytes - offset));
      assert(chunk.byteLength > 0, 'a frozen database keeps its length', { offset, bytes });
      if (offset === 0) withoutWal(chunk);
      const written = await target.write(offset, chunk);
      if (written !== chunk.byteLength) throw new DiskError('failed', path, 'a write was cut short');
      offset += written;
    }
    await target.sync();
  } finally {
    await target.close();
  }
}

/** The buffer is the reader's own, so it is changed in place. */
function withoutWal(firstChunk: Uint8Array): void {
  for (const offset of [versionOffset, versionOffset + 1]) {
    assert(firstChunk[offset] === walVersion || firstChunk[offset] === rollbackVersion, 'the file is a database');
    firstChunk[offset] = rollbackVersion;
  }
}
