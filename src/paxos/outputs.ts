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

/** What the caller must do, in this order. */
export type CoreOutput =
  | { readonly kind: 'persist-promise'; readonly ballot: Ballot }
  | { readonly kind: 'persist'; readonly record: InstanceRecord }
  /** `afterSync`: not before everything persisted so far, by this step and all earlier ones, is on disk (A1). */
  | { readonly kind: 'send'; readonly to: ReplicaId; readonly message: PaxosMessage; readonly afterSync: boolean }
  /** A chosen value, in instance order, each once. */
  | { readonly kind: 'execute'; readonly instance: number; readonly ballot: Ballot; readonly value: Uint8Array }
  /** A read that began before `round` may be answered once `instance` is applied. */
  | { readonly kind: 'read-confirmed'; readonly round: number; readonly instance: number };
