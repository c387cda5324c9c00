/**
 * The seed's interface (PhxPaxos `StateMachine`, include/phxpaxos/sm.h) in TypeScript's habits: the library's public
 * contract for whoever replicates a machine of their own. Several machines may share a Paxos group; every machine is
 * called for every instance, with `undefined` where the value is another machine's, a no-op or a membership, so that
 * its checkpoint instance moves on. The group's effective checkpoint instance is the minimum over its machines.
 */
export interface StateMachine {
  /** Unique in its group; 1 to 2^31 − 1. The document machine is 1. */
  readonly id: number;
  /**
   * Executes a chosen value on the live state: in instance order, each instance once. Total and deterministic: any
   * bytes give outcomes, never a throw. A throw means that this replica's own storage failed, and stops the replica
   * (D7). Synchronous: it runs on the path of every write.
   * @param context - what the proposer handed in with its proposals, on the proposing replica only
   */
  execute(instance: number, value: MachineValue | undefined, context?: unknown): ExecuteResult;
  /**
   * Replays a chosen value into the checkpoint: in instance order from `checkpointInstance() + 1`, without waiting for
   * the promise of the one before. An instance that the checkpoint already covers does nothing (D6). Waits while the
   * checkpoint is locked. Resolves when executed, which need not be durable yet; gives the same fingerprint as `execute`.
   */
  executeForCheckpoint(instance: number, value: MachineValue | undefined): Promise<Fingerprint>;
  /** Makes durable all that `executeForCheckpoint` resolved. Absent: each `executeForCheckpoint` was durable when it resolved. */
  commitCheckpoint?(): Promise<void>;
  /**
   * Told after the checkpoint's commit, with the durable checkpoint instance: what was kept in memory for instances up
   * to it may go.
   */
  checkpointCommitted?(instance: number): void;
  /** The last instance that the *durable* checkpoint covers. 0: none, and nothing of the log is ever cleaned. */
  checkpointInstance(): number;
  /** The fingerprint after `checkpointInstance()`; 32 zero bytes at 0. */
  checkpointFingerprint(): Fingerprint;
  /** After it resolves, the files of `checkpointState` may not change, move or go until it is unlocked. Short. */
  lockCheckpointState(): Promise<CheckpointLock>;
  checkpointState(
    lock: CheckpointLock,
  ): Promise<{ readonly directory: string; readonly files: readonly CheckpointFile[] }>;
  unlockCheckpointState(lock: CheckpointLock): Promise<void>;
  /**
   * Checks received files and converts them where they lie, so that a machine opened on `directory` reports
   * `instance`. Nothing that runs changes: the switch is `CURRENT`, the group's.
   * @throws LoggosError `snapshot-damaged`
   */
  loadCheckpointState(directory: string, files: readonly CheckpointFile[], instance: number): Promise<void>;
  /**
   * Reads the files whole and recomputes what they claim. Ends soon with the signal's reason once it is aborted.
   * @throws LoggosError `snapshot-damaged`
   */
  verifyCheckpointState?(
    directory: string,
    files: readonly CheckpointFile[],
    signal?: AbortSignal,
  ): Promise<VerifiedCheckpoint>;
  /**
   * Gives the checkpoint files in `directory`, opened by nobody, a new history that forks off at their position: what
   * a restore does. Resolves with the fingerprint that the new history starts from. Absent: no history ids are kept.
   */
  forkCheckpointState?(directory: string, historyId: string): Promise<{ readonly fingerprint: Fingerprint }>;
  /**
   * Takes the checkpoint files in `directory`, opened by nobody, back to an earlier moment: to the last event not after
   * it, of a transaction to its last. A fork has to follow. Absent: these files are of one moment only.
   * @throws LoggosError `invalid-parameter`: the moment is later than the files
   */
  rewindCheckpointState?(directory: string, moment: CheckpointMoment): Promise<RewoundCheckpoint>;
  /**
   * The digest of the whole checkpoint as it was recorded at a multiple of 1,000 instances, for comparison with the other
   * replicas; undefined: none was. Absent: none are.
   */
  checkpointDigest?(instance: number): Promise<Uint8Array | undefined>;
  /** Facts of the last durable checkpoint that go into a snapshot's manifest. Absent: zeros. */
  checkpointFacts?(): CheckpointFacts;
}

/** A machine's part of a chosen value: what was proposed to it, batched, in order. */
export interface MachineValue {
  /** The leader's stamp in milliseconds since 1970. A machine that keeps time takes max(its last, this). */
  readonly time: number;
  readonly proposals: readonly Uint8Array[];
}

/** 32 bytes over all that a machine has executed; equal on every replica at equal instances. */
export type Fingerprint = Uint8Array;

/** What `execute` gives. */
export interface ExecuteResult {
  readonly fingerprint: Fingerprint;
  /** One for each proposal, in order; the machine's own kind, handed to whoever proposed. */
  readonly outcomes: readonly unknown[];
}

/** Given by `lockCheckpointState`, taken by the calls under the lock. */
export interface CheckpointLock {
  /** The checkpoint instance that the locked files are exact at. */
  readonly instance: number;
}

/** One file of a machine's checkpoint. */
export interface CheckpointFile {
  /** Relative, plain: `[a-z0-9._-]` parts joined by `/`. */
  readonly name: string;
  readonly bytes: number;
  /** Nothing writes to the file again: it may be hard-linked. */
  readonly sealed: boolean;
  /**
   * How to copy it where a plain open would harm its owner (an open SQLite file). Ends soon once the signal is aborted.
   * Absent: copy or link by the file system.
   */
  copyTo?(path: string, signal?: AbortSignal): Promise<void>;
}

/** What reading a checkpoint whole found. Texts are base64url; `position` and `chain` where the machine keeps them. */
export interface VerifiedCheckpoint {
  readonly instance: number;
  readonly fingerprint: Fingerprint;
  readonly digest: string;
  readonly position?: number;
  readonly chain?: string;
}

/** A position, or milliseconds since 1970. */
export type CheckpointMoment = { readonly position: number } | { readonly time: number };

/** What checkpoint files are exact at after they were taken back. */
export interface RewoundCheckpoint extends CheckpointFacts {
  readonly instance: number;
}

/** What a manifest says of a machine's checkpoint beside its files. Texts are base64url. */
export interface CheckpointFacts {
  readonly position: number;
  /** Milliseconds since 1970 of the last instance with a time; 0: none yet. */
  readonly time: number;
  readonly chain: string;
  readonly digest: string;
}
