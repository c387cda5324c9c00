import type { LoggosError } from '../base/errors.ts';
import type { Opening } from '../base/opening.ts';
import type { DocumentReader } from '../documents/document-reader.ts';
import type { DocumentProposal, ProposalOutcome } from '../documents/machine/types.ts';

/** How long a request may wait, as an absolute time on the monotonic clock (milliseconds). */
export type Deadline = number;

/** One database as the REST interface needs it; `server/` puts it together. */
export interface Database {
  readonly name: string;
  /** Of one that stands in for a database that is being opened: when another has taken its place. */
  readonly opening?: Opening;
  /**
   * Of one that stands in for a database that is not open: why whoever asks for data is refused, before anything of the
   * request is judged by what the database holds.
   */
  readonly refusal?: () => LoggosError;
  readonly read: DocumentReader;
  /** Keys, depth and bytes as the replicated settings have them. */
  readonly limits: { readonly documentBytesMax: number; readonly keysMax: number; readonly depthMax: number };
  /**
   * Proposes once and resolves when the outcome is applied here.
   * @throws LoggosError `no-leader`, `busy`, `no-room`, `log-damaged`, `stopped`: surely not done; `outcome-unknown`: perhaps
   */
  write(proposal: DocumentProposal, deadline: Deadline): Promise<ProposalOutcome>;
  /** Resolves when a read begun now is linearizable. @throws LoggosError `no-leader`, `position-not-reached` */
  linearizable(deadline: Deadline): Promise<void>;
  /** Resolves when `position` is applied here. @throws LoggosError `position-not-reached` */
  reached(position: number, deadline: Deadline): Promise<void>;
  /** Resolves when the checkpoint (pages, queries) has reached `position`. @throws LoggosError `position-not-reached` */
  checkpointReached(position: number, deadline: Deadline): Promise<void>;
  readonly checkpoint: CheckpointControl;
  readonly snapshots: Snapshots;
  /** Whether a linearizable read would be answered now; the checks by name, for `/readyz?verbose`. */
  readiness(): readonly { readonly name: string; readonly ok: boolean; readonly detail?: string }[];
  cluster(): ClusterStatus;
}

/** Of one replica's checkpoint, as `/v1/checkpoint` shows and sets it. */
export interface CheckpointControl {
  status(): Promise<CheckpointStatus>;
  configure(change: CheckpointChange): Promise<CheckpointStatus>;
  digest(instance: number | undefined, deadline: Deadline): Promise<DigestAnswer>;
}

export interface CheckpointStatus {
  readonly minChosenInstance: number;
  readonly checkpointInstance: number;
  readonly maxChosenInstance: number;
  readonly appliedInstance: number;
  readonly holdCount: number;
  readonly holdBytes: number;
  readonly holdSeconds: number;
  readonly log: { readonly segments: number; readonly bytes: number };
  readonly replayer: { readonly state: 'running' | 'paused' | 'failed'; readonly lag: number };
  readonly cleaner: { readonly state: 'running' | 'paused' };
  readonly transfers: readonly TransferStatus[];
  readonly digest: string;
}

export interface TransferStatus {
  readonly direction: 'send' | 'receive';
  readonly peer: string;
  readonly instance: number;
  readonly bytes: number;
  readonly doneBytes: number;
  readonly state: 'running' | 'done' | 'failed';
  readonly startedAt: string;
}

export interface CheckpointChange {
  readonly holdCount?: number;
  readonly holdBytes?: number;
  readonly holdSeconds?: number;
  readonly replayer?: { readonly state: 'running' | 'paused' };
  readonly cleaner?: { readonly state: 'running' | 'paused' };
}

/** Chain and digest are base64url. */
export interface DigestAnswer {
  readonly instance: number;
  readonly position: number;
  readonly chain: string;
  readonly digest: string;
}

export interface SnapshotInfo {
  readonly instance: number;
  readonly position: number;
  readonly time: string;
  readonly bytes: number;
  readonly digest: string;
  readonly locks: number;
}

/** A snapshot's tar, held (one reader's lock) until `release`. */
export interface SnapshotTar {
  readonly instance: number;
  readonly bytes: number;
  /** Strong: the manifest's seal. */
  readonly etag: string;
  /** The bytes `first` to `last` (inclusive), without packing again. */
  read(first: number, last: number): AsyncIterable<Uint8Array>;
  release(): Promise<void>;
}

export interface Snapshots {
  /**
   * Seals one of the newest state; the one that is there already where nothing was written since. A `kept` one (the
   * default) stays until it is removed; of `automatic` ones the newest two stay, and for an hour those begun to be read.
   */
  create(kind?: 'kept' | 'automatic'): Promise<SnapshotInfo>;
  list(): Promise<readonly SnapshotInfo[]>;
  /** @throws LoggosError `not-found`, `in-use` */
  remove(instance: number): Promise<void>;
  /** @throws LoggosError `not-found` */
  open(instance: number): Promise<SnapshotTar>;
}

export interface ClusterStatus {
  readonly clusterId: string;
  readonly historyId: string;
  readonly database: string;
  readonly self: string;
  readonly leader: string | null;
  readonly ballot: string;
  readonly members: readonly {
    readonly id: number;
    readonly name: string;
    readonly role: 'voter' | 'learner';
    readonly address: string;
    readonly state: 'up' | 'catching-up' | 'installing' | 'down';
    readonly appliedInstance: number;
    readonly lag: number;
    readonly lastSeen: string | null;
  }[];
}
