import { isPlanted } from '../base/planted-bugs.ts';
import type { TransientMap } from '../base/transient-map.ts';
import { type Ballot, compareBallots, type ReplicaId } from './ballot.ts';
import { pipelineWindow } from './membership.ts';
import type { Accept, AcceptedInstance, CannotTellProof, Heartbeat, Prepare, Promised } from './messages.ts';
import type { CoreOutput } from './outputs.ts';

/**
 * Instances above the newest known chosen one that a member takes votes and news for. Far more than a leader has in
 * flight; what lies beyond is dropped like a lost message, since whoever lags so far has to catch up first.
 */
export const aheadMax = 4096;

/** Values that a member holds before they are known to be chosen, in bytes; beyond it only the next window is taken. */
const acceptedBytesMax = 64 * 1024 * 1024;

/** The memory of a voter. It holds only what is not known to be chosen: the rest answers as truncated. */
export interface AcceptorState {
  /** Never goes back (A3); every accepted ballot is at most this. */
  promised: Ballot;
  /** What was promised when this process began: a vote that its disk has lost was at no higher ballot. */
  readonly bootPromised: Ballot;
  readonly accepted: TransientMap<number, AcceptedInstance>;
  acceptedBytes: number;
  /** Instances whose record was lost to damage or might have been: neither accepted nor never (A6). */
  readonly cannotTell: Map<number, CannotTellProof>;
  cannotTellAbove: { readonly instance: number; readonly proof: CannotTellProof } | undefined;
}

/** Promises, and answers what was accepted before. */
export function onPrepare(
  state: AcceptorState,
  chosenTo: number,
  from: ReplicaId,
  prepare: Prepare,
  outputs: CoreOutput[],
): void {
  if (refuse(state, from, prepare.ballot, outputs)) return;
  promise(state, prepare.ballot, outputs);
  outputs.push({ kind: 'send', to: from, message: answer(state, chosenTo, prepare), afterSync: isAfterSync() });
}

/** Votes, unless a higher ballot was promised. A vote is for ever: it is answered once it is on disk (A1). */
export function onAccept(
  state: AcceptorState,
  chosenTo: number,
  from: ReplicaId,
  { ballot, instance, value }: Accept,
  outputs: CoreOutput[],
): void {
  if (refuse(state, from, ballot, outputs)) return;
  if (instance > chosenTo + aheadMax) return;
  if (state.acceptedBytes > acceptedBytesMax && instance > chosenTo + pipelineWindow) return;
  promise(state, ballot, outputs);
  // At or below chosenTo nothing is written: the value is decided, and a vote for it can only be one for the same.
  if (instance > chosenTo && !holds(state, instance, ballot)) {
    forget(state, instance);
    state.accepted.set(instance, { instance, ballot, value });
    state.acceptedBytes += value.length;
    outputs.push({ kind: 'persist', record: { kind: 'accepted', instance, ballot, value } });
  }
  outputs.push({ kind: 'send', to: from, message: { kind: 'accepted', ballot, instance }, afterSync: isAfterSync() });
}

/**
 * Says that `ballot` still leads, as far as this acceptor knows. Nothing is persisted: a promise to someone higher would
 * have refused, and what was promised stays promised.
 */
export function onHeartbeat(
  state: AcceptorState,
  chosenTo: number,
  from: ReplicaId,
  { ballot, round, openingInstance }: Heartbeat,
  outputs: CoreOutput[],
): boolean {
  if (refuse(state, from, ballot, outputs)) return false;
  if (openingInstance > 0 && openingInstance <= chosenTo + aheadMax) settleFrom(state, ballot, openingInstance);
  outputs.push({
    kind: 'send',
    to: from,
    message: { kind: 'heartbeat-answer', ballot, round, chosenTo },
    afterSync: false,
  });
  return true;
}

/** Whether the vote in hand is the one cast at `ballot`. */
export function holds(state: AcceptorState, instance: number, ballot: Ballot): boolean {
  const vote = state.accepted.get(instance);
  return vote !== undefined && compareBallots(vote.ballot, ballot) === 0;
}

/** The instance is known to be chosen, or voted on anew: an older vote is asked for no more. */
export function forget(state: AcceptorState, instance: number): void {
  const vote = state.accepted.get(instance);
  if (vote !== undefined) {
    state.acceptedBytes -= vote.value.length;
    state.accepted.delete(instance);
  }
  if (state.cannotTell.size > 0) state.cannotTell.delete(instance);
}

/** Raises the promise where `ballot` is above it; the promise is on disk before what follows it (A3). */
export function promise(state: AcceptorState, ballot: Ballot, outputs: CoreOutput[]): void {
  if (compareBallots(ballot, state.promised) <= 0) return;
  state.promised = ballot;
  outputs.push({ kind: 'persist-promise', ballot });
}

/**
 * A leader that was elected after this boot asked a whole quorum, without what was lost here, and found that nothing
 * was ever accepted from its opening instance on: no vote that was lost here can matter there.
 */
export function settleFrom(state: AcceptorState, ballot: Ballot, openingInstance: number): void {
  if (state.cannotTell.size === 0 && state.cannotTellAbove === undefined) return;
  if (compareBallots(ballot, state.bootPromised) <= 0) return;
  const above = state.cannotTellAbove;
  if (above !== undefined) {
    for (let instance = above.instance + 1; instance < openingInstance; instance++) {
      if (!state.accepted.has(instance)) state.cannotTell.set(instance, above.proof);
    }
    state.cannotTellAbove = undefined;
  }
  for (const instance of state.cannotTell.keys()) {
    if (instance >= openingInstance) state.cannotTell.delete(instance);
  }
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
  if (isPlanted('damaged-is-never-accepted')) return { ...answered, cannotTell: [] };
  const isDoubtful = cannotTell.length > 0 || accepted.some((vote) => vote.maybeSuperseded !== undefined);
  if (cannotTellAbove !== undefined) return { ...answered, cannotTellAbove, lostAtMost: state.bootPromised };
  return isDoubtful ? { ...answered, lostAtMost: state.bootPromised } : answered;
}

function isAfterSync(): boolean {
  return !isPlanted('answer-before-sync');
}
