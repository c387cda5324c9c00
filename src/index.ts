/**
 * The library's public face: what it takes to talk to Loggos, and to replicate a state machine of one's own on its log.
 * docs/own-state-machine.md walks through an example that runs.
 */

export type { Clock } from './base/clock.ts';
export type { Disk, DiskFile } from './base/disk.ts';
// The machine around it, and the errors that mean something.
export { type ErrorCode, LoggosError } from './base/errors.ts';
export { type Observer, silentObserver } from './base/observer.ts';
// Its checkpoint, snapshots and backups.
export { CheckpointManager, type CheckpointManagerOptions } from './checkpoint/checkpoint-manager.ts';
export { machineDirectory, openCurrent } from './checkpoint/current.ts';
export { type RestoreOptions, restoreBackup } from './checkpoint/restore.ts';
export { type VerifyOptions, verifySnapshot } from './checkpoint/verify.ts';
// Talking to a server.
export { Client } from './client/client.ts';
export type { DocumentEvent, Page, StoredDocument, TransactionOperation, Written } from './client/documents.ts';
export type { EventQuery, FollowedEvent } from './client/events.ts';
export { ProblemError, UnreachableError } from './client/problem-error.ts';
export type { ClientOptions } from './client/requests.ts';
// The documents, as the machine that Loggos itself replicates.
export { DocumentStateMachine } from './documents/document-state-machine.ts';
export { InThreadCheckpointReader } from './documents/store/in-thread-reader.ts';
export { InThreadCheckpointStore } from './documents/store/in-thread-store.ts';
export { LiveRows } from './documents/store/live-rows.ts';
export { TailAndCheckpointReader } from './documents/tail-and-checkpoint-reader.ts';
export type { Log, LogBoot } from './log/log.ts';
export type { LogOptions } from './log/log-options.ts';
export { openLog } from './log/open-log.ts';
export type { Membership } from './paxos/chosen-value.ts';
export type { ReplicaState } from './replica/life.ts';
export type { ReplicaLimits } from './replica/limits.ts';
export type { ReplicaOptions } from './replica/options.ts';
export { Replica } from './replica/replica.ts';
export { Machines } from './statemachine/machines.ts';
// Replicating a machine of one's own.
export type {
  CheckpointFacts,
  CheckpointFile,
  CheckpointLock,
  ExecuteResult,
  Fingerprint,
  MachineValue,
  StateMachine,
  VerifiedCheckpoint,
} from './statemachine/state-machine.ts';
export { systemClock } from './system/clock.ts';
export { systemHashes } from './system/hashes.ts';
export { PoolDisk } from './system/pool-disk.ts';
export { systemRandom } from './system/random.ts';
export { SyncDisk } from './system/sync-disk.ts';
export { WorkerDisk } from './system/worker-disk.ts';
