import type { DocumentRow } from './machine/types.ts';
import type { EventFilter, HistoryLine } from './store/checkpoint-reader.ts';

/** A document's content at one of its revisions. `body` is empty where that revision is a deletion. */
export interface DocumentVersion {
  readonly collection: string;
  readonly documentId: string;
  readonly revision: number;
  readonly position: number;
  readonly time: number;
  readonly deleted: boolean;
  readonly body: string;
}

/** Which moment of a document is asked for. A position inside a transaction means the transaction's last. */
export type AsOf = { readonly revision: number } | { readonly position: number } | { readonly time: number };

/**
 * Everything that is read: the tail's view first, then the checkpoint's. Exact at the applied position of the moment
 * of the call, except pages, which are answered from the checkpoint.
 */
export interface DocumentReader {
  /** The last applied position. */
  readonly position: number;
  readonly appliedInstance: number;
  /** The present history's id and the whole line of histories, oldest first. */
  readonly histories: readonly { readonly id: string; readonly fork: number }[];
  /** The present row (a deleted one too); undefined: never was. */
  current(collection: string, documentId: string): DocumentRow | undefined;
  /**
   * The document as it was. A time beyond the last event's is taken as now: whether it lies in the future, the caller's
   * clock knows.
   * @throws LoggosError `not-found` where it did not exist yet; `invalid-parameter` for a revision or position beyond
   * what is here; `history-trimmed` where its content was erased
   */
  asOf(collection: string, documentId: string, at: AsOf): Promise<DocumentVersion>;
  /**
   * The document's event lines. `after`/`before` are exclusive positions. Fewer than `limit` only at the end, or where
   * they would be more than about 16 MiB; never none where there is one. Undefined: the document never was.
   */
  history(
    collection: string,
    documentId: string,
    request: {
      readonly after?: number;
      readonly before?: number;
      readonly order: 'asc' | 'desc';
      readonly limit: number;
    },
  ): Promise<readonly HistoryLine[] | undefined>;
  /** Events of the total order; see `CheckpointReader.lines`. Never waits for the Replayer. */
  events(request: {
    readonly after: number;
    readonly filter?: EventFilter;
    readonly countMax: number;
    readonly bytesMax: number;
    readonly scanMax: number;
  }): Promise<{ readonly lines: readonly HistoryLine[]; readonly scannedTo: number }>;
  /** The line at a position; undefined: above what is applied. */
  event(position: number): Promise<string | undefined>;
  /** Full chain hash (32 bytes) after a position; position 0: 32 zero bytes; undefined: above what is applied. */
  chainAt(position: number): Promise<Uint8Array | undefined>;
  /** First 8 characters of the chain after a position, as its line shows them; undefined: above what is applied. */
  chainPrefixAt(position: number): Promise<string | undefined>;
  /** The last position whose time is not later; 0: none. */
  positionAtTime(time: number): Promise<number>;
  /**
   * A page of a collection as of `pinned` (which the checkpoint must have reached: the caller waits for it), in id
   * order after `afterId`; live documents only. A page may have fewer than `limit` items, or none, and yet not be the
   * last: where bodies are long or many documents deleted.
   * @returns `nextAfterId` while there may be more
   */
  page(
    collection: string,
    request: { readonly afterId?: string; readonly limit: number; readonly pinned: number },
  ): Promise<{ readonly items: readonly DocumentVersion[]; readonly nextAfterId?: string }>;
  /** Calls back after each applied instance; the answer unsubscribes. */
  onApplied(listener: () => void): () => void;
}
