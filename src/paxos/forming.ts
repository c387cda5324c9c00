/**
 * The first boot of a group whose members only know each other's addresses (A4). The replica with the lowest number
 * asks every one who it is; only when all have answered, and none has accepted a membership of other incarnations, does
 * it propose the membership as instance 1, by the ordinary protocol.
 */
import type { ReplicaId } from './ballot.ts';
import type { Member, Membership } from './chosen-value.ts';
import type { CoreState } from './core-state.ts';
import { addMembership } from './membership.ts';
import type { FormAnswer } from './messages.ts';
import type { CoreOutput } from './outputs.ts';
import type { Peer } from './peer.ts';

/** What a replica is told of a group that is to be. */
export interface NewGroup {
  /** Every founding member, this one too. All must be given the same. */
  readonly peers: readonly Omit<Member, 'incarnation' | 'role'>[];
  /** The names of the cluster and of its first history, where this replica proposes them. */
  readonly clusterId: string;
  readonly historyId: string;
}

export interface FormingState extends NewGroup {
  readonly incarnations: Map<ReplicaId, string>;
}

export function createForming(group: NewGroup): FormingState {
  return { ...group, incarnations: new Map() };
}

/**
 * Asks those that have not answered, where it is this replica's to ask. @returns whether nobody needs to be asked any
 * more, and the membership is known
 */
export function askWhoIsThere(state: CoreState, outputs: CoreOutput[]): boolean {
  const { self, forming } = state;
  if (forming === undefined || !isFormer(forming, self.replica)) return false;
  forming.incarnations.set(self.replica, self.incarnation);
  if (isComplete(forming)) return know(state, complete(forming));
  for (const { id } of forming.peers) {
    if (forming.incarnations.has(id)) continue;
    outputs.push({ kind: 'send', to: id, message: { kind: 'form' }, afterSync: false });
  }
  return false;
}

export function onForm({ memberships }: CoreState, from: ReplicaId, outputs: CoreOutput[]): void {
  const membership = memberships.reigns[0]?.membership;
  const message: FormAnswer = membership === undefined ? { kind: 'form-answer' } : { kind: 'form-answer', membership };
  // After the sync: an accepted membership that this process forgets must not have been counted on.
  outputs.push({ kind: 'send', to: from, message, afterSync: true });
}

/** Whether the membership is now complete, and known to this replica. */
export function onFormAnswer(state: CoreState, from: Peer, { membership }: FormAnswer, outputs: CoreOutput[]): boolean {
  const { forming, self } = state;
  if (forming === undefined || !isFormer(forming, self.replica)) return false;
  if (!forming.peers.some(({ id }) => id === from.replica)) return false;
  if (membership !== undefined && !isNamed(membership, self)) {
    state.isExcluded = true;
    outputs.push({ kind: 'excluded', exclusion: { kind: 'formed-before', peer: from.replica } });
    return false;
  }
  // One that this very incarnation proposed, and does not remember: it was on its way when the process ended.
  if (membership !== undefined) return know(state, membership);
  forming.incarnations.set(from.replica, from.incarnation);
  return isComplete(forming) && know(state, complete(forming));
}

function know(state: CoreState, membership: Membership): true {
  addMembership(state.memberships, { instance: 1, membership });
  state.forming = undefined;
  return true;
}

function isNamed({ members }: Membership, { replica, incarnation }: Peer): boolean {
  return members.some((member) => member.id === replica && member.incarnation === incarnation);
}

function isFormer({ peers }: FormingState, replica: ReplicaId): boolean {
  return replica === Math.min(...peers.map(({ id }) => id));
}

function isComplete({ peers, incarnations }: FormingState): boolean {
  return peers.every(({ id }) => incarnations.has(id));
}

function complete({ peers, clusterId, historyId, incarnations }: FormingState): Membership {
  const members = peers.map(({ id, name, address }) => ({
    id,
    name,
    incarnation: incarnations.get(id) ?? '',
    role: 'voter' as const,
    address,
  }));
  return { clusterId, historyId, members };
}
