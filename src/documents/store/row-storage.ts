import type { HistoryEnd } from '../history/history-end.ts';
import type { DedupeEntry, DocumentRow } from '../machine/types.ts';
import type { OpenTransaction } from './open-transaction.ts';
import type { CommittedCheckpoint, RecordedDigest, StoredDocument } from './schema.ts';

/** Point reads of what is committed, each compared with its checksum. @throws LoggosError `checkpoint-damaged` */
export interface CommittedRows {
  document(collection: string, documentId: string): StoredDocument | undefined;
  dedupe(actor: string, key: string, line: number): DedupeEntry | undefined;
}

/** Reads committed rows in the order of their ids; each call sees the newest commit of its moment. */
export interface RowPages {
  open(): void;
  /** Deleted ones too, ascending by the ids' UTF-8 bytes, after `afterId` (exclusive). */
  page(collection: string, afterId: string | undefined, countMax: number): readonly DocumentRow[];
  /** How far history goes, as printed: it changes with each commit and with nothing else. */
  historyEnd(): string;
  close(): void;
}

/** What the last commit states. */
export interface StoredHead {
  readonly committed: CommittedCheckpoint;
  readonly historyEnd: HistoryEnd;
}

/** Reads every row in bounded steps, over and over, commits in between included. */
export interface RowScrub {
  /** Begins a new pass. */
  restart(): void;
  /** Reads on from where the last step ended. @throws LoggosError `checkpoint-damaged` */
  step(bytesMax: number, committed: CommittedCheckpoint): { readonly bytes: number; readonly done: boolean };
}

/**
 * Where a checkpoint keeps its rows, its recorded digests and what it states: SQLite in the product, something smaller
 * in the simulator. History is not here. One owner calls it; calls run one after the other. A commit that failed has
 * changed nothing.
 */
export interface RowStorage {
  /**
   * Opens what the last commit left, or makes one that states `first` and the empty history.
   * @throws LoggosError `checkpoint-damaged`, `directory-unusable`; DiskError
   */
  open(first: CommittedCheckpoint): Promise<StoredHead>;
  readonly rows: CommittedRows;
  readonly scrubber: RowScrub;
  /** What a copy of it would have. */
  readonly bytes: number;
  /** Runs many point reads as one. */
  inOneRead<Value>(action: () => Value): Value;
  /** Rows, remembered outcomes and what is stated, all or nothing; durable when it resolves. `historyEnd` is already. */
  commit(
    before: CommittedCheckpoint,
    transaction: OpenTransaction,
    historyEnd: HistoryEnd,
  ): Promise<CommittedCheckpoint>;
  recordDigest(committed: CommittedCheckpoint): Promise<void>;
  digestAt(instance: number): RecordedDigest | undefined;
  /** The recorded instance nearest to `instance`. */
  nearestDigest(instance: number): number | undefined;
  /** From here to `thaw` a copy is whole. @throws LoggosError `busy` */
  freeze(): Promise<void>;
  /** While frozen. @param instance - what the copy has to be exact at */
  copyTo(path: string, instance: number, signal?: AbortSignal): Promise<void>;
  thaw(): void;
  close(): Promise<void>;
}

/** The one of two recorded instances, at or below and at or above, that is nearer to `instance`. */
export function nearer(instance: number, below: number | undefined, above: number | undefined): number | undefined {
  if (below === undefined || above === undefined) return below ?? above;
  return above - instance < instance - below ? above : below;
}
