/**
 * The file system as Loggos needs it. Real ones are in `system/` (direct, or in a worker thread so that a sync never
 * waits behind other work); the simulator has its own. Paths are `/`-separated and absolute or relative to the
 * process; every failure is a `DiskError`.
 */
export interface Disk {
  /** `create` fails with `exists` where the file is there; `write` opens an existing file for reading and writing. */
  open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile>;
  /** Names in a directory, sorted by code unit; empty where the directory is absent. */
  list(directory: string): Promise<readonly string[]>;
  stat(path: string): Promise<{ readonly kind: 'file' | 'directory' | 'other'; readonly bytes: number } | undefined>;
  /** With its parents, mode 0700. Nothing happens where it is there. */
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Nothing happens where the file is absent. */
  remove(path: string): Promise<void>;
  /** A directory and all below it; nothing happens where it is absent. */
  removeTree(path: string): Promise<void>;
  /** A hard link `to` for the file `from`. */
  link(from: string, to: string): Promise<void>;
  /** Makes the entries of a directory durable (fsync of the directory). */
  syncDirectory(path: string): Promise<void>;
  /** Bytes that a file may still take on the file system of `path`. */
  freeBytes(path: string): Promise<number>;
}

/** An open file. At most one write may be in flight (RELIABILITY 5.2); the caller keeps to it. */
export interface DiskFile {
  size(): Promise<number>;
  /** At most `length` bytes; fewer only at the end of the file. The buffer is the caller's. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Answers how many bytes were taken: fewer than given is a short write, which the caller must treat as a failure (A9). */
  write(offset: number, bytes: Uint8Array): Promise<number>;
  /** fdatasync: data and size are durable when it resolves. A failure is fatal for whoever wrote (A8). */
  sync(): Promise<void>;
  /** `write`, then `sync` unless the write was short, in one go. */
  writeAndSync(offset: number, bytes: Uint8Array): Promise<number>;
  truncate(bytes: number): Promise<void>;
  close(): Promise<void>;
}

/** `no-room`: ENOSPC, EDQUOT. `absent`: ENOENT. `exists`: EEXIST. `not-permitted`: EACCES, EPERM, EROFS. `failed`: all else (EIO …). */
export type DiskErrorKind = 'no-room' | 'absent' | 'exists' | 'not-permitted' | 'failed';

/** A failure of the disk, with the kernel's own word for it in `cause`. */
export class DiskError extends Error {
  readonly kind: DiskErrorKind;
  readonly path: string;
  constructor(kind: DiskErrorKind, path: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'DiskError';
    this.kind = kind;
    this.path = path;
  }
}
