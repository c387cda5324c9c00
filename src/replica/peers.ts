import type { ReplicaId } from '../paxos/ballot.ts';
import type { Member } from '../paxos/chosen-value.ts';
import type { PaxosMessage } from '../paxos/messages.ts';

/** The other replicas, as one replica reaches them. What is sent may be lost, late, or come twice. */
export interface Peers {
  /** Never throws and never waits; the message is not changed after. */
  send(to: ReplicaId, message: PaxosMessage): void;
  /** Who is in the group now, this replica too, and where each is reached. */
  know(clusterId: string | undefined, members: readonly Pick<Member, 'id' | 'name' | 'address'>[]): void;
}

/** Of a replica that nobody can reach. */
export const noPeers: Peers = { send() {}, know() {} };
