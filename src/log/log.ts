import type { Ballot } from '../paxos/ballot.ts';

/** What the log keeps of an instance: accepted at a ballot, or learned as chosen. */
export interface LogRecord {
  readonly kind: 'accepted' | 'chosen';
  readonly instance: number;
  readonly ballot: Ballot;
  /** An encoded `ChosenValue`. */
  readonly value: Uint8Array;
}

/** What boot can say of an instance above what is proved chosen. */
export type BootInstance =
  | {
      readonly state: 'accepted';
      readonly record: LogRecord;
      /**
       * An unreadable record behind it may have been a newer one of the same instance: *cannot tell* until that is
       * settled, and this record where it is settled as never answered (a group of one: at once).
       */
      readonly maybeSuperseded?: 'ambiguous' | 'damaged';
    }
  /** Its record is damaged, or might have been in an ambiguous tail (A5, A6). */
  | { readonly state: 'cannot-tell'; readonly instance: number; readonly proof: 'ambiguous' | 'damaged' };

/** What opening the log found. */
export interface LogBoot {
  readonly promised: Ballot;
  /** Both copies of the promise are unreadable: this replica may not vote before `loggos recover` (A7). */
  readonly promiseLost: boolean;
  /** The oldest instance held; `lastInstance + 1` where nothing is held. */
  readonly firstInstance: number;
  readonly lastInstance: number;
  /** Everything up to it is proved chosen by the log itself, without a hole from `firstInstance`; at least `checkpointInstance`. */
  readonly chosenTo: number;
  /** Instances above `chosenTo`, ascending. */
  readonly above: readonly BootInstance[];
  /**
   * Every instance above this is *cannot tell* (an unreadable header hid what followed); never below `lastInstance`,
   * since those up to it are in `above`. Absent: none.
   */
  readonly cannotTellAbove?: number;
  /** Why, where there is `cannotTellAbove`. */
  readonly cannotTellAboveProof?: 'ambiguous' | 'damaged';
  /** Damage proved above the checkpoint: a group of one refuses writes (`log-damaged`). */
  readonly damaged: readonly {
    readonly instance: number;
    readonly segment: string;
    readonly offset: number;
    readonly what: string;
  }[];
  /** A tail that was cut, and how much; 0: clean. */
  readonly cutBytes: number;
}

/**
 * What this replica promised and accepted, in append-only segment files, in instance order per write. One owner calls
 * it; calls that wait together share one write and one `fdatasync`.
 */
export interface Log {
  /** The oldest instance held. */
  readonly firstInstance: number;
  /** The newest instance that is durable in it. */
  readonly lastInstance: number;
  readonly segmentCount: number;
  readonly bytes: number;
  /**
   * Bytes of records that fit without new room on the disk: the rest of this segment and the next one, which is
   * zero-filled or being filled (a record then waits for it), less the reserve for promises and no-ops. Whoever proposes keeps what is in flight below it and
   * answers `no-room` beyond (A11); it grows again by itself when the disk has room. Sure as long as one call's records
   * are not larger than the reserve (an eighth of a segment, at most 4 MiB); a record takes `recordBytes(value)`.
   */
  readonly roomBytes: number;
  /** The largest value that a record may have: it fits an empty segment. */
  readonly valueBytesMax: number;
  /**
   * Appends and resolves when durable, with all before; in more than one write where they do not fit a segment
   * together. Records above the promise must come after `promise`.
   * @throws LoggosError `no-room`: nothing of it was written, and it may be tried again. Any other failure is fatal:
   * the log is stopped and the process must end (A8).
   */
  append(records: readonly LogRecord[]): Promise<void>;
  /** Makes the promised ballot durable in both copies, one after the other. Never below what was promised (A3). */
  promise(ballot: Ballot): Promise<void>;
  /**
   * Tells the log what is known to be chosen; records appended later carry it. Call it when the deciding records up to
   * `instance` were given to `append`. Lower than before: nothing happens.
   */
  chosenTo(instance: number): void;
  /**
   * What an ambiguous tail may have hidden matters no more; what that rests on is durable. Later boots no longer report
   * it. Resolves when durable; at once where nothing was ambiguous.
   */
  settleAmbiguous(): Promise<void>;
  /**
   * Records of consecutive instances from `firstInstance`, the deciding one of each (highest ballot, or learned as
   * chosen), at most `bytesMax` of values but at least one; fewer at the end. Served from memory while recent.
   * @throws LoggosError `log-damaged` where the first is rotten or the disk does not give it; `history-trimmed` where it is below `firstInstance`
   */
  read(firstInstance: number, countMax: number, bytesMax: number): Promise<readonly LogRecord[]>;
  /** Bytes on disk of the instances from `instance` on (whole records; an estimate by segment is enough). */
  bytesFrom(instance: number): number;
  /**
   * Drops whole segments whose records all lie below `instance`, oldest first, one directory sync each. Resolves with
   * the new `firstInstance`.
   */
  dropBelow(instance: number): Promise<number>;
  /** Wall-clock time (ms) of the newest record at or below `instance`'s segment; for holds by time. Undefined: not held. */
  timeOf(instance: number): number | undefined;
  close(): Promise<void>;
}
