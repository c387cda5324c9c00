/**
 * One member of one Paxos group, as a core that does nothing itself: input in, outputs out. It reads no clock and no
 * disk; whoever drives it performs the outputs in order and feeds answers back, those of the member to itself like any
 * other's.
 */

import { assert, unreachable } from '../base/assert.ts';
import { TransientMap } from '../base/transient-map.ts';
import { type AcceptorState, aheadMax, forget, holds, onAccept, onConfirm, onPrepare, promise } from './acceptor.ts';
import { type Ballot, compareBallots, type ReplicaId } from './ballot.ts';
import { membershipIn } from './chosen-value.ts';
import * as leading from './leader.ts';
import { type ChosenInstance, isNoticed, type LearnerState, learn } from './learner.ts';
import {
  addMembership,
  type ChosenMembership,
  createMembershipHistory,
  type MembershipHistory,
  ruling,
} from './membership.ts';
import type { Accepted, CannotTellProof, Chosen, Confirmed, Learned, PaxosMessage, Refused } from './messages.ts';
import type { CoreOutput, InstanceRecord } from './outputs.ts';
import { onConfirmed, type ReadIndexState } from './read-index.ts';

export interface CoreState {
  readonly self: ReplicaId;
  readonly incarnation: string;
  readonly memberships: MembershipHistory;
  readonly acceptor: AcceptorState;
  readonly learner: LearnerState;
  readonly leader: leading.LeaderState;
  readonly reads: ReadIndexState;
}

export type CoreInput =
  /** What the member's own log proves to be chosen; at boot, in order from `chosenTo` + 1, before anything else. */
  | { readonly kind: 'replay'; readonly chosen: ChosenInstance }
  /** Tries to become the leader, at a ballot above all that this member has seen. */
  | { readonly kind: 'campaign' }
  /** Proposes a value of this member's own; only while `canPropose`. */
  | { readonly kind: 'propose'; readonly value: Uint8Array }
  /** Asks for a read index; only while `canRead`. `round` is new for every question. */
  | { readonly kind: 'read'; readonly round: number }
  | { readonly kind: 'message'; readonly from: ReplicaId; readonly message: PaxosMessage };

/** What a member finds on its disk when it starts. */
export interface CoreBoot {
  readonly self: ReplicaId;
  readonly incarnation: string;
  readonly promised: Ballot;
  /** Everything up to it is chosen and covered by the checkpoint; `replay` goes on from there. */
  readonly chosenTo: number;
  /** The deciding record of each instance above what the log proves chosen that has one. */
  readonly records: readonly (InstanceRecord & { readonly maybeSuperseded?: CannotTellProof })[];
  readonly cannotTell: readonly { readonly instance: number; readonly proof: CannotTellProof }[];
  readonly cannotTellAbove?: { readonly instance: number; readonly proof: CannotTellProof };
  /** Those chosen up to `chosenTo`, ascending; in a new group the one that instance 1 will hold. */
  readonly memberships: readonly ChosenMembership[];
}

export function createCore(boot: CoreBoot): CoreState {
  const state: CoreState = {
    self: boot.self,
    incarnation: boot.incarnation,
    memberships: createMembershipHistory(boot.memberships),
    acceptor: {
      promised: boot.promised,
      accepted: new TransientMap(),
      cannotTell: new Map(boot.cannotTell.map(({ instance, proof }) => [instance, proof])),
      cannotTellAbove: boot.cannotTellAbove,
    },
    learner: { chosenTo: boot.chosenTo, ahead: new TransientMap(), noticed: new TransientMap() },
    leader: leading.createLeader(),
    reads: { rounds: new TransientMap() },
  };
  for (const record of boot.records) {
    const { kind, instance, ballot, value } = record;
    assert(instance > boot.chosenTo, 'a vote found at boot is for what is not known to be chosen', { instance });
    state.acceptor.accepted.set(instance, record);
    if (kind === 'chosen') state.learner.ahead.set(instance, { instance, ballot, value });
  }
  return state;
}

/** Changes `state` and nothing else. Same state and input: same outputs, on every member. */
export function step(state: CoreState, input: CoreInput): CoreOutput[] {
  const outputs: CoreOutput[] = [];
  switch (input.kind) {
    case 'replay':
      choose(state, input.chosen, outputs);
      break;
    case 'campaign':
      onCampaign(state, outputs);
      break;
    case 'propose':
      leading.propose(state.leader, state.memberships, state.learner.chosenTo, input.value, outputs);
      break;
    case 'read':
      onRead(state, input.round, outputs);
      break;
    case 'message':
      onMessage(state, input.from, input.message, outputs);
      break;
    default:
      unreachable(input);
  }
  return outputs;
}

/** Whether `propose` is allowed now: this member leads and its window has room. */
export function canPropose(state: CoreState): boolean {
  return leading.hasRoom(state.leader, state.memberships, state.learner.chosenTo);
}

/** Whether `read` is allowed now: all that was chosen before this member led is known to it (C2). */
export function canRead(state: CoreState): boolean {
  const { phase, openingInstance } = state.leader;
  return phase === 'leading' && openingInstance !== undefined && openingInstance <= state.learner.chosenTo;
}

/** Whether this leader has a promise of every voter: what an ambiguous tail may have hidden was never accepted. */
export function everyVoterPromised({ leader, memberships, learner }: CoreState): boolean {
  const { voters } = ruling(memberships, learner.chosenTo + 1);
  return leader.phase === 'leading' && voters.every((voter) => leader.promisedBy.has(voter));
}

function onMessage(state: CoreState, from: ReplicaId, message: PaxosMessage, outputs: CoreOutput[]): void {
  const { acceptor, learner, leader, memberships } = state;
  switch (message.kind) {
    case 'prepare':
      onPrepare(acceptor, learner.chosenTo, from, message, outputs);
      followHigher(state);
      break;
    case 'promised':
      leading.onPromised(leader, from, message);
      leading.advance(leader, memberships, learner.chosenTo, outputs);
      break;
    case 'accept':
      onAccept(acceptor, learner.chosenTo, from, message, outputs);
      followHigher(state);
      learnNoticed(state, message.instance, message.ballot, outputs);
      break;
    case 'accepted':
      onAccepted(state, from, message, outputs);
      break;
    case 'refused':
      onRefused(state, message);
      break;
    case 'chosen':
      onChosen(state, message, outputs);
      break;
    case 'learned':
      onLearned(state, message, outputs);
      break;
    case 'confirm':
      onConfirm(acceptor, from, message, outputs);
      break;
    case 'confirmed':
      onReadConfirmed(state, from, message, outputs);
      break;
    default:
      unreachable(message);
  }
}

function onCampaign(state: CoreState, outputs: CoreOutput[]): void {
  const { self, incarnation, acceptor, leader } = state;
  const ballot = { round: Math.max(acceptor.promised.round, leader.roundSeen) + 1, replica: self, incarnation };
  promise(acceptor, ballot, outputs);
  state.reads.rounds.clear();
  leading.campaign(leader, state.memberships, state.learner.chosenTo, ballot, outputs);
}

function onRead(state: CoreState, round: number, outputs: CoreOutput[]): void {
  assert(canRead(state), 'a read is asked of a leader that knows all that was chosen before it led');
  const { chosenTo } = state.learner;
  state.reads.rounds.set(round, { instance: chosenTo, confirmedBy: new Set() });
  const message = { kind: 'confirm', ballot: state.leader.ballot, round } as const;
  for (const to of ruling(state.memberships, chosenTo + 1).voters) {
    outputs.push({ kind: 'send', to, message, afterSync: false });
  }
}

/** With a quorum the value is chosen: the others are told by its ballot. */
function onAccepted(state: CoreState, from: ReplicaId, { ballot, instance }: Accepted, outputs: CoreOutput[]): void {
  const value = leading.onAccepted(state.leader, state.memberships, from, ballot, instance);
  if (value === undefined) return;
  for (const to of ruling(state.memberships, instance).members) {
    if (to === state.self) continue;
    outputs.push({ kind: 'send', to, message: { kind: 'chosen', instance, ballot }, afterSync: false });
  }
  choose(state, { instance, ballot, value }, outputs);
}

function onChosen(state: CoreState, { instance, ballot }: Chosen, outputs: CoreOutput[]): void {
  const { chosenTo, noticed, ahead } = state.learner;
  if (instance <= chosenTo || instance > chosenTo + aheadMax || ahead.has(instance)) return;
  noticed.set(instance, ballot);
  learnNoticed(state, instance, ballot, outputs);
}

/** A notice and a vote of one ballot together make a chosen value, whichever came first (B5). */
function learnNoticed(state: CoreState, instance: number, ballot: Ballot, outputs: CoreOutput[]): void {
  if (!isNoticed(state.learner, instance, ballot) || !holds(state.acceptor, instance, ballot)) return;
  const vote = state.acceptor.accepted.get(instance);
  if (vote !== undefined) choose(state, { instance, ballot, value: vote.value }, outputs);
}

function onLearned(state: CoreState, { instance, ballot, value }: Learned, outputs: CoreOutput[]): void {
  const { chosenTo, ahead } = state.learner;
  if (instance <= chosenTo || instance > chosenTo + aheadMax || ahead.has(instance)) return;
  outputs.push({ kind: 'persist', record: { kind: 'chosen', instance, ballot, value } });
  choose(state, { instance, ballot, value }, outputs);
}

function onReadConfirmed(
  { reads, leader, learner, memberships }: CoreState,
  from: ReplicaId,
  { ballot, round }: Confirmed,
  outputs: CoreOutput[],
): void {
  if (compareBallots(ballot, leader.ballot) !== 0) return;
  const instance = onConfirmed(reads, ruling(memberships, learner.chosenTo + 1).voters, from, round);
  if (instance !== undefined) outputs.push({ kind: 'read-confirmed', round, instance });
}

function onRefused(state: CoreState, { ballot, promised }: Refused): void {
  const { leader } = state;
  leader.roundSeen = Math.max(leader.roundSeen, promised.round);
  if (leader.phase !== 'following' && compareBallots(ballot, leader.ballot) === 0) standBack(state);
}

/** A member that promised to someone higher leads no more. */
function followHigher(state: CoreState): void {
  const { leader, acceptor } = state;
  if (leader.phase !== 'following' && compareBallots(acceptor.promised, leader.ballot) > 0) standBack(state);
}

function standBack(state: CoreState): void {
  leading.stepDown(state.leader);
  state.reads.rounds.clear();
}

function choose(state: CoreState, chosen: ChosenInstance, outputs: CoreOutput[]): void {
  for (const { instance, ballot, value } of learn(state.learner, chosen)) {
    forget(state.acceptor, instance);
    state.leader.proposals.delete(instance);
    const membership = membershipIn(value);
    if (membership !== undefined) addMembership(state.memberships, { instance, membership });
    outputs.push({ kind: 'execute', instance, ballot, value });
  }
  leading.advance(state.leader, state.memberships, state.learner.chosenTo, outputs);
}
