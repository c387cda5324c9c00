import type { Ballot, ReplicaId } from './ballot.ts';
import type { PaxosMessage } from './messages.ts';

/** What must be on disk of an instance. */
export interface InstanceRecord {
  /** By this acceptor's vote, or learned from someone who knew it to be chosen. */
  readonly kind: 'accepted' | 'chosen';
  readonly instance: number;
  readonly ballot: Ballot;
  readonly value: Uint8Array;
}

/** Why a replica may take no part any more; it keeps its data. */
export type Exclusion =
  /** A membership without it rules (G3). */
  | { readonly kind: 'removed'; readonly epoch: number }
  /** A peer heard more from this incarnation than its disk remembers (A4). */
  | { readonly kind: 'distrusted'; readonly by: ReplicaId; readonly lastInstance: number }
  /** A quorum executed an instance otherwise than this replica, or no quorum agrees (E5). */
  | { readonly kind: 'diverged'; readonly machineId: number; readonly instance: number; readonly isAlone: boolean }
  /** A named peer of a new group has already accepted a membership with other incarnations (A4). */
  | { readonly kind: 'formed-before'; readonly peer: ReplicaId };

/** What the caller must do, in this order. */
export type CoreOutput =
  | { readonly kind: 'persist-promise'; readonly ballot: Ballot }
  | { readonly kind: 'persist'; readonly record: InstanceRecord }
  /** `afterSync`: not before everything persisted so far, by this step and all earlier ones, is on disk (A1). */
  | { readonly kind: 'send'; readonly to: ReplicaId; readonly message: PaxosMessage; readonly afterSync: boolean }
  /** A chosen value, in instance order, each once. */
  | { readonly kind: 'execute'; readonly instance: number; readonly ballot: Ballot; readonly value: Uint8Array }
  /** A read that began before `round` may be answered once `instance` is applied. */
  | { readonly kind: 'read-confirmed'; readonly round: number; readonly instance: number }
  /**
   * Send `to` a bounded `learned` with chosen values from the log, from `firstInstance` on and without gaps, or
   * `trimmed` where the log begins later. One at a time for each replica; another meanwhile may be ignored.
   */
  | { readonly kind: 'supply'; readonly to: ReplicaId; readonly firstInstance: number }
  /** The logs of the others begin after what this replica lacks: only a snapshot helps. */
  | { readonly kind: 'behind'; readonly minChosenInstance: number }
  | { readonly kind: 'excluded'; readonly exclusion: Exclusion };
