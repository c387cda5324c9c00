import type { LogRecord } from '../log/log.ts';

/**
 * The replica as checkpoints see it (`replica/` implements it): what is applied, the chosen values behind it, and the
 * log that may be dropped.
 */
export interface AppliedLog {
  readonly appliedInstance: number;
  readonly maxChosenInstance: number;
  readonly minChosenInstance: number;
  /** Called after each time that `appliedInstance` moved; the answer unsubscribes. */
  onApplied(listener: (appliedInstance: number) => void): () => void;
  /** The live machine's fingerprint after an instance, kept from the checkpoint instance to the applied one; undefined else. */
  liveFingerprint(machineId: number, instance: number): Uint8Array | undefined;
  /** Chosen values, as `Log.read`; never beyond `appliedInstance`. */
  readChosen(firstInstance: number, countMax: number, bytesMax: number): Promise<readonly LogRecord[]>;
  /** Drops log below an instance (the Cleaner alone decides which) and resolves with the new `minChosenInstance`. */
  dropBelow(instance: number): Promise<number>;
  bytesFrom(instance: number): number;
  timeOf(instance: number): number | undefined;
  /** The checkpoint is durable to `instance`: fingerprints at and below it may be forgotten. */
  checkpointed(instance: number): void;
}
