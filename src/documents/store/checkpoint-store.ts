import type { MachineValue } from '../../statemachine/state-machine.ts';
import type { MachineState } from '../machine/types.ts';

/** What the durable checkpoint is exact at. */
export interface CheckpointHead {
  readonly state: MachineState;
  /** Sum of the rows' hashes modulo 2^256: 32 bytes. */
  readonly digest: Uint8Array;
  readonly documentCount: number;
  readonly databaseBytes: number;
  readonly historyBytes: number;
}

/** One history file as it lies in the checkpoint. */
export interface HistoryFileInfo {
  readonly name: string;
  readonly bytes: number;
  readonly sealed: boolean;
}

/** What lies in a frozen checkpoint. */
export interface FrozenFiles {
  /** Length of `documents.sqlite`. */
  readonly databaseBytes: number;
  readonly history: readonly HistoryFileInfo[];
}

/**
 * The writing side of the document machine's checkpoint: `documents.sqlite` and `history/`. The real one runs in a
 * worker thread; a twin runs in the calling thread, over the same code. One owner calls it; calls run in order.
 */
export interface CheckpointStore {
  /** Opens or creates, cuts what is beyond the last commit (D5), and answers with what is durable. */
  open(): Promise<CheckpointHead>;
  /**
   * Executes consecutive instances on the open transaction, beginning one if none is open. An instance that is already
   * covered is skipped and answers with an empty fingerprint (D6).
   * @returns one fingerprint an item
   */
  execute(
    items: readonly { readonly instance: number; readonly value: MachineValue | undefined }[],
  ): Promise<readonly Uint8Array[]>;
  /** History lines appended and synced, then the SQLite commit. A no-op where nothing was executed since the last. */
  commit(): Promise<CheckpointHead>;
  /** Digest, chain (32 bytes each) and position recorded at an instance: multiples of 1,000, and marked ones. */
  digestAt(
    instance: number,
  ): Promise<
    | { readonly instance: number; readonly position: number; readonly chain: Uint8Array; readonly digest: Uint8Array }
    | undefined
  >;
  /** The recorded instance nearest to `instance`; undefined where none is. */
  nearestDigest(instance: number): Promise<number | undefined>;
  /** Records the digest of the present commit too (a snapshot was made of it). Commits. */
  markDigest(): Promise<void>;
  /**
   * With no transaction open: folds the WAL into the main file so that a copy of it alone is whole, and stops automatic
   * checkpoints and sealing. @throws LoggosError `busy` where readers are in the way for seconds
   */
  freeze(): Promise<FrozenFiles>;
  /**
   * Between freeze and thaw: copies `documents.sqlite` through the one descriptor that is never closed. Once the signal
   * is aborted it ends with the signal's reason, and leaves what it has copied to the caller.
   */
  copyDatabase(path: string, signal?: AbortSignal): Promise<void>;
  thaw(): Promise<void>;
  /**
   * Reads part of the checkpoint at a bounded rate, recomputing row hashes, then history frames.
   * @returns what was read, and the first mismatch where there is one; `done` at the end of a whole pass
   */
  scrub(bytesMax: number): Promise<{ readonly bytes: number; readonly done: boolean; readonly damage?: string }>;
  close(): Promise<void>;
}
