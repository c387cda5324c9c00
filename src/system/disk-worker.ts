import { parentPort } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import { serveCalls } from '../base/remote-calls.ts';
import { SyncDisk, type SyncDiskFile } from './sync-disk.ts';

// The thread behind WorkerDisk. Open files are known by number; each call is done before the next one starts.
assert(parentPort !== null, 'disk-worker runs as a worker thread');
const disk = new SyncDisk();
const files = new Map<number, SyncDiskFile>();
let lastFile = 0;

serveCalls(parentPort, {
  open: async (path: string, mode: 'read' | 'write' | 'create') => {
    const file = await disk.open(path, mode);
    lastFile += 1;
    files.set(lastFile, file);
    return lastFile;
  },
  list: (directory: string) => disk.list(directory),
  stat: (path: string) => disk.stat(path),
  makeDirectory: (path: string) => disk.makeDirectory(path),
  rename: (from: string, to: string) => disk.rename(from, to),
  remove: (path: string) => disk.remove(path),
  removeTree: (path: string) => disk.removeTree(path),
  link: (from: string, to: string) => disk.link(from, to),
  syncDirectory: (path: string) => disk.syncDirectory(path),
  freeBytes: (path: string) => disk.freeBytes(path),
  size: (file: number) => opened(file).size(),
  read: (file: number, offset: number, length: number) => opened(file).read(offset, length),
  write: (file: number, offset: number, bytes: Uint8Array) => opened(file).write(offset, bytes),
  sync: (file: number) => opened(file).sync(),
  writeAndSync: (file: number, offset: number, bytes: Uint8Array) => opened(file).writeAndSync(offset, bytes),
  truncate: (file: number, bytes: number) => opened(file).truncate(bytes),
  close: (file: number) => {
    const closing = opened(file);
    files.delete(file);
    return closing.close();
  },
  drain: () => undefined,
});

function opened(file: number): SyncDiskFile {
  const found = files.get(file);
  assert(found !== undefined, 'a file that is used is open', { file });
  return found;
}
