import type { ReplicaId } from './ballot.ts';

/** One member of a Paxos group. */
export interface Member {
  readonly id: ReplicaId;
  readonly name: string;
  /** 16 lower-case hexadecimal digits. */
  readonly incarnation: string;
  readonly role: 'voter' | 'learner';
  /** Where other replicas dial it; empty in a group of one that never had peers. */
  readonly address: string;
}

/** Who may vote; instance 1 of every group is one. */
export interface Membership {
  readonly clusterId: string;
  /** The first history of the group's database (a restore starts others). */
  readonly historyId: string;
  readonly members: readonly Member[];
}

/**
 * What an instance holds: a no-op, a membership, or a batch of proposals to one state machine. The codec
 * (`encodeChosenValue`, `decodeChosenValue`) is the one definition of the bytes, version 1.
 */
export type ChosenValue =
  | { readonly kind: 'no-op' }
  | { readonly kind: 'membership'; readonly membership: Membership }
  | {
      readonly kind: 'batch';
      readonly machineId: number;
      /** The leader's stamp, milliseconds since 1970. */
      readonly time: number;
      readonly proposals: readonly Uint8Array[];
    };
