import { assert } from '../base/assert.ts';
import { TransientMap } from '../base/transient-map.ts';
import { type Ballot, ballotZero, compareBallots, type ReplicaId } from './ballot.ts';
import { encodeChosenValue } from './chosen-value.ts';
import { type MembershipHistory, pipelineWindow, ruling } from './membership.ts';
import type { Promised } from './messages.ts';
import type { CoreOutput } from './outputs.ts';
import { Promises } from './phase-one.ts';
import { isQuorum } from './quorum.ts';

/** A proposer: phase 1 once for every instance that is not known to be chosen, then phase 2, instance by instance. */
export interface LeaderState {
  phase: 'following' | 'preparing' | 'leading';
  /** Its own, while preparing or leading; then it is also what its own acceptor promised. */
  ballot: Ballot;
  /** The highest round that anyone refused it with. */
  roundSeen: number;
  /** What the promises say of older proposals; let go once every such instance was proposed again. */
  promises: Promises;
  promisedBy: Set<ReplicaId>;
  /** The next instance to propose at: at most chosenTo + `pipelineWindow` + 1. */
  nextInstance: number;
  /** The first instance with nothing older in it. Once it is applied, all that was chosen before is as well (C2). */
  openingInstance: number | undefined;
  readonly proposals: TransientMap<number, { readonly value: Uint8Array; readonly acceptedBy: Set<ReplicaId> }>;
}

export function createLeader(): LeaderState {
  return {
    phase: 'following',
    ballot: ballotZero,
    roundSeen: 0,
    promises: new Promises(),
    promisedBy: new Set(),
    nextInstance: 0,
    openingInstance: undefined,
    proposals: new TransientMap(),
  };
}

/** Starts phase 1. The caller has raised its own promise to `ballot`, so that no process uses it again (B1). */
export function campaign(
  state: LeaderState,
  memberships: MembershipHistory,
  chosenTo: number,
  ballot: Ballot,
  outputs: CoreOutput[],
): void {
  stepDown(state);
  state.phase = 'preparing';
  state.ballot = ballot;
  const firstInstance = chosenTo + 1;
  for (const to of votersWithin(memberships, chosenTo)) {
    outputs.push({ kind: 'send', to, message: { kind: 'prepare', ballot, firstInstance }, afterSync: true });
  }
}

export function onPromised(state: LeaderState, from: ReplicaId, promised: Promised): void {
  if (state.phase === 'following' || compareBallots(promised.ballot, state.ballot) !== 0) return;
  state.promisedBy.add(from);
  if (state.openingInstance === undefined) state.promises.add(from, promised);
}

/**
 * Goes on as far as promises and window allow: ends phase 1 once a quorum answered for every instance of the window,
 * proposes again what may have been chosen, fills gaps, and opens its own instances with one that it may fill freely.
 */
export function advance(
  state: LeaderState,
  memberships: MembershipHistory,
  chosenTo: number,
  outputs: CoreOutput[],
): void {
  if (state.phase === 'preparing' && windowIsAnswered(state, memberships, chosenTo)) {
    state.phase = 'leading';
    state.nextInstance = chosenTo + 1;
  }
  if (state.phase !== 'leading') return;
  state.nextInstance = Math.max(state.nextInstance, chosenTo + 1);
  while (state.openingInstance === undefined && state.nextInstance <= chosenTo + pipelineWindow) {
    const instance = state.nextInstance;
    const verdict = state.promises.verdict(instance, ruling(memberships, instance).voters);
    if (verdict.kind === 'open') return;
    const isOpening = instance > state.promises.lastListed;
    send(state, memberships, verdict.kind === 'value' ? verdict.value : filler(memberships, instance), outputs);
    if (isOpening) {
      state.openingInstance = instance;
      state.promises = new Promises();
    }
  }
}

/** Whether a value of one's own may be proposed now. */
export function hasRoom(state: LeaderState, memberships: MembershipHistory, chosenTo: number): boolean {
  return (
    state.phase === 'leading' &&
    state.openingInstance !== undefined &&
    state.nextInstance <= chosenTo + pipelineWindow &&
    isQuorum(ruling(memberships, state.nextInstance).voters, state.promisedBy)
  );
}

export function propose(
  state: LeaderState,
  memberships: MembershipHistory,
  chosenTo: number,
  value: Uint8Array,
  outputs: CoreOutput[],
): void {
  assert(hasRoom(state, memberships, chosenTo), 'a value is proposed by a leader with room in its window');
  send(state, memberships, value, outputs);
}

/** Counts a vote; gives the value once a quorum of the membership that rules the instance has voted for it. */
export function onAccepted(
  state: LeaderState,
  memberships: MembershipHistory,
  from: ReplicaId,
  ballot: Ballot,
  instance: number,
): Uint8Array | undefined {
  if (state.phase !== 'leading' || compareBallots(ballot, state.ballot) !== 0) return undefined;
  const proposal = state.proposals.get(instance);
  if (proposal === undefined) return undefined;
  proposal.acceptedBy.add(from);
  if (!isQuorum(ruling(memberships, instance).voters, proposal.acceptedBy)) return undefined;
  state.proposals.delete(instance);
  return proposal.value;
}

/** Someone leads at a higher ballot. What was proposed may still be chosen; this leader will not hear of it by votes. */
export function stepDown(state: LeaderState): void {
  state.phase = 'following';
  state.promises = new Promises();
  state.promisedBy = new Set();
  state.openingInstance = undefined;
  state.proposals.clear();
}

function send(state: LeaderState, memberships: MembershipHistory, value: Uint8Array, outputs: CoreOutput[]): void {
  const { ballot, nextInstance: instance } = state;
  state.nextInstance++;
  state.proposals.set(instance, { value, acceptedBy: new Set() });
  const message = { kind: 'accept', ballot, instance, value } as const;
  for (const to of ruling(memberships, instance).voters) {
    outputs.push({ kind: 'send', to, message, afterSync: false });
  }
}

/** Instance 1 of every group is its membership; anywhere else a no-op harms nobody. */
function filler(memberships: MembershipHistory, instance: number): Uint8Array {
  if (instance > 1) return encodeChosenValue({ kind: 'no-op' });
  return encodeChosenValue({ kind: 'membership', membership: ruling(memberships, 1).membership });
}

function windowIsAnswered(state: LeaderState, memberships: MembershipHistory, chosenTo: number): boolean {
  for (let instance = chosenTo + 1; instance <= chosenTo + pipelineWindow; instance++) {
    if (state.promises.verdict(instance, ruling(memberships, instance).voters).kind === 'open') return false;
  }
  return true;
}

/** Everyone who votes on an instance that may be proposed now. */
function votersWithin(memberships: MembershipHistory, chosenTo: number): Set<ReplicaId> {
  const now = ruling(memberships, chosenTo + 1).voters;
  return new Set([...now, ...ruling(memberships, chosenTo + pipelineWindow).voters]);
}
