import type { DocumentRow } from '../machine/types.ts';

/** One event line out of history. */
export interface HistoryLine {
  readonly position: number;
  /** Without its newline. */
  readonly line: string;
}

/** What selects events; all given must hold. Times are milliseconds since 1970, `since` inclusive, `until` exclusive. */
export interface EventFilter {
  readonly collection?: string;
  readonly documentId?: string;
  readonly idPrefix?: string;
  readonly type?: string;
  readonly actor?: string;
  readonly operation?: string;
  readonly since?: number;
  readonly until?: number;
  readonly correlationId?: string;
  readonly idempotencyKey?: string;
  readonly eventId?: string;
}

/**
 * The reading side of the durable checkpoint: pages of rows and walks through history. The real one runs in a worker
 * thread of its own; a twin runs in the calling thread, over the same code. Many may wait at once. Everything it
 * answers is at or below the newest commit at the time; rot is never answered (LoggosError `checkpoint-damaged`).
 */
export interface CheckpointReader {
  open(): Promise<void>;
  /** The last position that the checkpoint holds durably. */
  lastPosition(): Promise<number>;
  /** Rows of a collection, deleted ones too, in ascending order of the ids' UTF-8 bytes, after `afterId` (exclusive). */
  rows(collection: string, afterId: string | undefined, countMax: number): Promise<readonly DocumentRow[]>;
  /** The line at a position; undefined above what the checkpoint holds. */
  line(position: number): Promise<string | undefined>;
  /**
   * Lines that pass `filter` with positions above `after`, ascending, up to `countMax` lines, `bytesMax` bytes or
   * `scanMax` lines read.
   * @returns the lines, and `scannedTo`: the last position looked at, from which to go on
   */
  lines(request: {
    readonly after: number;
    readonly filter?: EventFilter;
    readonly countMax: number;
    readonly bytesMax: number;
    readonly scanMax: number;
  }): Promise<{ readonly lines: readonly HistoryLine[]; readonly scannedTo: number }>;
  /**
   * Follows `back` pointers from the event at `from`: events of that one document, newest first, beginning with the
   * newest one at or below both bounds. `revisionMax` and `positionMax` are inclusive.
   */
  walk(request: {
    readonly from: number;
    readonly revisionMax?: number;
    readonly positionMax?: number;
    readonly countMax: number;
    /** Stop before positions at or below it. */
    readonly positionAfter?: number;
  }): Promise<readonly HistoryLine[]>;
  /** The last position whose time is not later; 0: none. */
  positionAtTime(time: number): Promise<number>;
  /** Full chain hash (32 bytes) after a position, recomputed from the frame's stored chain; undefined above what is held. */
  chainAt(position: number): Promise<Uint8Array | undefined>;
  /** Forgets cached file handles: files were sealed, or an install switched them. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}
