/** Bounds of one replica's queues and how long it goes on; see each for what more and less of it does. */
export interface ReplicaLimits {
  /** Proposals in one value, in bytes; a larger proposal goes alone. More: fewer instances, each later. */
  readonly batchBytesMax: number;
  /** Proposals in one value. */
  readonly batchCountMax: number;
  /**
   * Values on their way to this replica's disk, or, where others are quicker, not chosen yet. 1: a batch forms while the
   * one before is synced. More: the disk never waits, batches are smaller, and each costs more; measured, that is slower.
   */
  readonly appendsInFlightMax: number;
  /** Values that wait for this replica's disk, in bytes; beyond it nothing more is proposed, and what others send is dropped. */
  readonly unsyncedBytesMax: number;
  /** Answers that wait for this replica's disk; beyond it what others send is dropped. */
  readonly unsyncedAnswersMax: number;
  /** Proposals waiting to be batched, in bytes; beyond it `busy`. */
  readonly waitingBytesMax: number;
  /** Reads that wait to be confirmed or for an instance; beyond it `busy`. */
  readonly waitingReadsMax: number;
  /** How often deadlines are looked at, in milliseconds: an answer at a deadline is at most this late. */
  readonly deadlineSweepMs: number;
  /** How long `stop` waits for what is in flight, in milliseconds. */
  readonly stopGraceMs: number;
}

export const defaultReplicaLimits: ReplicaLimits = {
  batchBytesMax: 1024 * 1024,
  batchCountMax: 4096,
  appendsInFlightMax: 1,
  unsyncedBytesMax: 64 * 1024 * 1024,
  unsyncedAnswersMax: 16_384,
  waitingBytesMax: 64 * 1024 * 1024,
  waitingReadsMax: 65_536,
  deadlineSweepMs: 20,
  stopGraceMs: 2_000,
};
