import type { TransientMap } from '../base/transient-map.ts';
import { type Ballot, compareBallots, type ReplicaId } from './ballot.ts';
import type { Accept, AcceptedInstance, CannotTellProof, Confirm, Prepare, Promised } from './messages.ts';
import type { CoreOutput } from './outputs.ts';

/**
 * Instances above the newest known chosen one that a member takes votes and news for. Far more than a leader has in
 * flight; what lies beyond is dropped like a lost message, since whoever lags so far has to catch up first.
 */
export const aheadMax = 4096;

/** The memory of a voter. It holds only what is not known to be chosen: the rest answers as truncated. */
export interface AcceptorState {
  /** Never goes back (A3); every accepted ballot is at most this. */
  promised: Ballot;
  readonly accepted: TransientMap<number, AcceptedInstance>;
  /** Instances whose record was lost to damage or might have been: neither accepted nor never (A6). */
  readonly cannotTell: Map<number, CannotTellProof>;
  readonly cannotTellAbove: { readonly instance: number; readonly proof: CannotTellProof } | undefined;
}

export function onPrepare(
  state: AcceptorState,
  chosenTo: number,
  from: ReplicaId,
  prepare: Prepare,
  outputs: CoreOutput[],
): void {
  if (refuse(state, from, prepare.ballot, outputs)) return;
  promise(state, prepare.ballot, outputs);
  outputs.push({ kind: 'send', to: from, message: answer(state, chosenTo, prepare), afterSync: true });
}

export function onAccept(
  state: AcceptorState,
  chosenTo: number,
  from: ReplicaId,
  { ballot, instance, value }: Accept,
  outputs: CoreOutput[],
): void {
  if (refuse(state, from, ballot, outputs)) return;
  if (instance > chosenTo + aheadMax) return;
  promise(state, ballot, outputs);
  // At or below chosenTo nothing is written: the value is decided, and a vote for it can only be one for the same.
  if (instance > chosenTo && !holds(state, instance, ballot)) {
    state.accepted.set(instance, { instance, ballot, value });
    state.cannotTell.delete(instance);
    outputs.push({ kind: 'persist', record: { kind: 'accepted', instance, ballot, value } });
  }
  outputs.push({ kind: 'send', to: from, message: { kind: 'accepted', ballot, instance }, afterSync: true });
}

/** Nothing is persisted: a promise to someone higher would have refused, and what was promised stays promised. */
export function onConfirm(
  state: AcceptorState,
  from: ReplicaId,
  { ballot, round }: Confirm,
  outputs: CoreOutput[],
): void {
  if (refuse(state, from, ballot, outputs)) return;
  outputs.push({ kind: 'send', to: from, message: { kind: 'confirmed', ballot, round }, afterSync: false });
}

/** Whether the vote in hand is the one cast at `ballot`. */
export function holds(state: AcceptorState, instance: number, ballot: Ballot): boolean {
  const vote = state.accepted.get(instance);
  return vote !== undefined && compareBallots(vote.ballot, ballot) === 0;
}

/** The instance is known to be chosen: its vote is asked for no more. */
export function forget(state: AcceptorState, instance: number): void {
  state.accepted.delete(instance);
  state.cannotTell.delete(instance);
}

/** Raises the promise where `ballot` is above it; the promise is on disk before what follows it (A3). */
export function promise(state: AcceptorState, ballot: Ballot, outputs: CoreOutput[]): void {
  if (compareBallots(ballot, state.promised) <= 0) return;
  state.promised = ballot;
  outputs.push({ kind: 'persist-promise', ballot });
}

function refuse(state: AcceptorState, from: ReplicaId, ballot: Ballot, outputs: CoreOutput[]): boolean {
  if (compareBallots(ballot, state.promised) >= 0) return false;
  // After the sync: what is said of a promise must survive this process as well.
  const message = { kind: 'refused', ballot, promised: state.promised } as const;
  outputs.push({ kind: 'send', to: from, message, afterSync: true });
  return true;
}

function answer(state: AcceptorState, chosenTo: number, { ballot, firstInstance }: Prepare): Promised {
  const accepted = [...state.accepted.values()]
    .filter((vote) => vote.instance >= firstInstance)
    .sort((left, right) => left.instance - right.instance);
  const cannotTell = [...state.cannotTell]
    .filter(([instance]) => instance >= firstInstance)
    .map(([instance, proof]) => ({ instance, proof }))
    .sort((left, right) => left.instance - right.instance);
  const { cannotTellAbove } = state;
  const answered: Promised = { kind: 'promised', ballot, truncatedTo: chosenTo, accepted, cannotTell };
  return cannotTellAbove === undefined ? answered : { ...answered, cannotTellAbove };
}
