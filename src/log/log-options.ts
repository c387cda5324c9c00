import type { Clock } from '../base/clock.ts';
import type { Disk } from '../base/disk.ts';
import type { Hashes } from '../base/hashes.ts';
import type { Observer } from '../base/observer.ts';

/** What a log is opened with. */
export interface LogOptions {
  /** What the log is written by: best a thread of its own. */
  readonly disk: Disk;
  /** What it is read, zero-filled ahead and dropped by. Absent: `disk`. */
  readonly readDisk?: Disk;
  /** Made where it is absent, and durable in its parent, which must be durable itself. */
  readonly directory: string;
  /** Whose log it is (cluster, incarnation, database): 1 to 256 bytes, the same for the life of the directory. */
  readonly identity: string;
  /** The last instance that the durable checkpoint covers; 0: none. */
  readonly checkpointInstance: number;
  readonly hashes: Hashes;
  readonly clock: Clock;
  readonly observer: Observer;
  /** Bytes of a segment: more makes fewer and larger steps of cleaning. Default 64 MiB, at least 64 KiB. */
  readonly segmentBytes?: number;
  /** Bytes of the newest values kept in memory. Default 8 MiB. */
  readonly cacheBytes?: number;
  /** Room that the log leaves to others on the disk. Default: a segment. */
  readonly keepFreeBytes?: number;
  /** Default 10. */
  readonly sealAfterMs?: number;
  /** Told once when a write or a sync has failed: the process must end (A8). */
  readonly onFailure?: (error: Error) => void;
}

export const logDefaults = {
  segmentBytes: 64 * 1024 * 1024,
  segmentBytesMin: 64 * 1024,
  /** Of a process's first segment, where none was left ready. */
  firstSegmentBytes: 8 * 1024 * 1024,
  cacheBytes: 8 * 1024 * 1024,
  reserveBytesMax: 4 * 1024 * 1024,
  sealAfterMs: 10,
};
