/**
 * One member of one Paxos group, as a core that does nothing itself: input in, outputs out. It reads no clock and no
 * disk; whoever drives it performs the outputs in order and feeds answers back, those of the member to itself like any
 * other's.
 */

import { assert, unreachable } from '../base/assert.ts';
import { isPlanted } from '../base/planted-bugs.ts';
import { aheadMax, forget, holds, onAccept, onHeartbeat, onPrepare, promise } from './acceptor.ts';
import { type Ballot, compareBallots, type ReplicaId } from './ballot.ts';
import * as catchingUp from './catch-up.ts';
import { encodeChosenValue, type Membership, membershipIn } from './chosen-value.ts';
import { type CoreState, knowFirstMembership } from './core-state.ts';
import * as election from './election.ts';
import { onMark } from './fingerprints.ts';
import { askWhoIsThere, onForm, onFormAnswer } from './forming.ts';
import { handOver } from './hand-over.ts';
import * as leading from './leader.ts';
import { type ChosenInstance, isNoticed, learn } from './learner.ts';
import { addMembership, epochOf, includes, reignsWithin, ruling } from './membership.ts';
import { membershipRefusal } from './membership-change.ts';
import type {
  Accept,
  Accepted,
  Chosen,
  FingerprintMark,
  Heartbeat,
  HeartbeatAnswer,
  Learned,
  Outdated,
  PaxosMessage,
  Prepare,
  Promised,
  Refused,
  TakeOver,
} from './messages.ts';
import type { CoreOutput, Exclusion } from './outputs.ts';
import type { Peer } from './peer.ts';
import { onConfirmed } from './read-index.ts';
import { isMember, isTrusted, isVoter, rememberWord } from './trust.ts';

export { type CoreBoot, type CoreState, createCore } from './core-state.ts';

export type CoreInput =
  /** What the member's own log proves to be chosen; at boot, in order from `chosenTo` + 1, before anything else. */
  | { readonly kind: 'replay'; readonly chosen: ChosenInstance }
  /** `tickMs` have passed. */
  | { readonly kind: 'tick' }
  /** Tries to become the leader at once, whoever leads, at a ballot above all that this member has seen. */
  | { readonly kind: 'campaign' }
  /** Proposes a value of this member's own; only while `canPropose`. */
  | { readonly kind: 'propose'; readonly value: Uint8Array }
  /** Proposes a membership; only where `membershipRefusal` has nothing against it. */
  | { readonly kind: 'change-membership'; readonly membership: Membership }
  /** Hands the office over to another voter; only while leading. Given up after an election timeout. */
  | { readonly kind: 'transfer'; readonly to: ReplicaId }
  /** Asks for a read index; only while `canRead`. `round`, from 1, is new for every question. */
  | { readonly kind: 'read'; readonly round: number }
  /** What a state machine of this member became. */
  | { readonly kind: 'mark'; readonly mark: FingerprintMark }
  /** From a peer, or from the member to itself: then `from` is its own `self`. */
  | { readonly kind: 'message'; readonly from: Peer; readonly message: PaxosMessage };

/** Changes `state` and nothing else. Same state and input: same outputs, on every member. */
export function step(state: CoreState, input: CoreInput): CoreOutput[] {
  const outputs: CoreOutput[] = [];
  if (state.isExcluded) return outputs;
  switch (input.kind) {
    case 'replay':
      choose(state, input.chosen, outputs);
      break;
    case 'tick':
      onTick(state, outputs);
      break;
    case 'campaign':
      campaign(state, true, outputs);
      break;
    case 'propose':
      assert(state.leader.handingOver === undefined, 'nothing is proposed while the office is handed over');
      leading.propose(state, input.value, outputs);
      break;
    case 'change-membership':
      assert(membershipRefusal(state, input.membership) === undefined, 'a change of membership is allowed');
      leading.propose(state, encodeChosenValue({ kind: 'membership', membership: input.membership }), outputs);
      break;
    case 'transfer':
      assert(state.leader.phase === 'leading', 'a leader hands its office over');
      state.leader.handingOver = { to: input.to, ticks: 0 };
      handOver(state, outputs);
      break;
    case 'read':
      onRead(state, input.round, outputs);
      break;
    case 'mark':
      onOwnMark(state, input.mark, outputs);
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
  return state.leader.handingOver === undefined && leading.hasRoom(state);
}

/** Whether `read` is allowed now: all that was chosen before this member led is known to it (C2). */
export function canRead({ leader, learner }: CoreState): boolean {
  const { phase, openingInstance } = leader;
  if (phase === 'leading' && isPlanted('read-before-own-instance')) return true;
  return phase === 'leading' && openingInstance !== undefined && openingInstance <= learner.chosenTo;
}

/** Whether this leader has a promise of every voter: what an ambiguous tail may have hidden was never accepted. */
export function everyVoterPromised({ leader, memberships, learner }: CoreState): boolean {
  const { voters } = ruling(memberships, learner.chosenTo + 1);
  return leader.phase === 'leading' && voters.every((voter) => leader.promisedBy.has(voter));
}

function onTick(state: CoreState, outputs: CoreOutput[]): void {
  if (state.forming !== undefined) {
    if (state.election.ticks++ % election.resendTicks === 0) askWhoIsThere(state, outputs);
    return;
  }
  state.election.ticks++;
  catchingUp.tickCatchUp(state, outputs);
  const { leader } = state;
  if (leader.phase === 'leading') {
    onTickOfLeader(state, outputs);
  } else if (leader.phase === 'preparing') {
    if (state.election.ticks >= state.election.timeout) standBack(state);
    else leading.resend(state, election.resendTicks, () => true, outputs);
  } else if (election.isElectionDue(state)) {
    election.askForPreVotes(state, outputs);
  }
}

function onTickOfLeader(state: CoreState, outputs: CoreOutput[]): void {
  if (!election.hearsQuorum(state)) {
    standBack(state);
    return;
  }
  if (state.election.ticks % election.heartbeatTicks === 0) sendHeartbeats(state, outputs);
  leading.resend(state, election.resendTicks, (replica) => election.isActive(state, replica), outputs);
  const { handingOver } = state.leader;
  if (handingOver === undefined) return;
  handingOver.ticks++;
  if (handingOver.ticks >= election.electionTicks) state.leader.handingOver = undefined;
  else handOver(state, outputs);
}

function onMessage(state: CoreState, from: Peer, message: PaxosMessage, outputs: CoreOutput[]): void {
  if (from !== state.self && !isHeard(state, from, message, outputs)) return;
  switch (message.kind) {
    case 'pre-vote':
      election.onPreVote(state, from.replica, message, outputs);
      catchingUp.onKnownBy(state, from.replica, message.chosenTo, outputs);
      break;
    case 'pre-vote-answer':
      catchingUp.onKnownBy(state, from.replica, message.chosenTo, outputs);
      if (election.onPreVoteAnswer(state, from.replica, message)) campaign(state, false, outputs);
      break;
    case 'prepare':
      onPrepareFrom(state, from.replica, message, outputs);
      break;
    case 'promised':
      onPromisedBy(state, from.replica, message, outputs);
      break;
    case 'accept':
      onAcceptFrom(state, from, message, outputs);
      break;
    case 'accepted':
      onAcceptedBy(state, from.replica, message, outputs);
      break;
    case 'refused':
      onRefused(state, message);
      break;
    case 'chosen':
      onChosen(state, message, outputs);
      break;
    case 'heartbeat':
      onHeartbeatFrom(state, from.replica, message, outputs);
      break;
    case 'heartbeat-answer':
      onHeartbeatAnswer(state, from.replica, message, outputs);
      break;
    case 'fetch':
      catchingUp.onFetch(state, from.replica, message, outputs);
      break;
    case 'learned':
      onLearned(state, from.replica, message, outputs);
      break;
    case 'trimmed':
      catchingUp.onTrimmed(state, from.replica, message, outputs);
      break;
    case 'take-over':
      onTakeOver(state, message, outputs);
      break;
    case 'fingerprints':
      for (const mark of message.marks) exclude(state, onMark(state, from.replica, mark), outputs);
      break;
    case 'form':
      onForm(state, from.replica, outputs);
      break;
    case 'form-answer':
      if (onFormAnswer(state, from, message, outputs)) campaign(state, false, outputs);
      break;
    case 'outdated':
      onOutdated(state, from.replica, message, outputs);
      break;
    case 'distrusted':
      onDistrusted(state, from.replica, message.lastInstance, outputs);
      break;
    default:
      unreachable(message);
  }
}

/**
 * Whether a message of another replica is taken at all: of this cluster, from a memory that is whole, of no older
 * membership where it asks for something, and of a member where it votes.
 */
function isHeard(state: CoreState, from: Peer, message: PaxosMessage, outputs: CoreOutput[]): boolean {
  const clusterId = state.memberships.reigns[0]?.membership.clusterId ?? state.self.clusterId;
  if (clusterId !== undefined && from.clusterId !== undefined && clusterId !== from.clusterId) return false;
  if (!isTrusted(state, from, outputs)) return false;
  rememberWord(state, from, message);
  switch (message.kind) {
    case 'pre-vote':
    case 'prepare':
    case 'heartbeat':
      return isUpToDate(state, from, message.epoch, outputs);
    case 'pre-vote-answer':
    case 'promised':
    case 'accepted':
    case 'heartbeat-answer':
    case 'fingerprints':
      return isMember(state, from) || isPlanted('vote-with-lost-memory');
    default:
      return true;
  }
}

/** Whoever asks for something in an older epoch is refused and told the newer membership (G1, G3). */
function isUpToDate(state: CoreState, from: Peer, epoch: number, outputs: CoreOutput[]): boolean {
  const { memberships } = state;
  const newest = memberships.reigns.at(-1);
  if (newest === undefined) return true;
  catchingUp.onKnownBy(state, from.replica, epoch, outputs);
  if (epoch >= newest.instance) return epoch > newest.instance || isMember(state, from);
  const message = { kind: 'outdated', epoch: newest.instance, membership: newest.membership } as const;
  outputs.push({ kind: 'send', to: from.replica, message, afterSync: false });
  return false;
}

function campaign(state: CoreState, isTransfer: boolean, outputs: CoreOutput[]): void {
  const { self, acceptor, leader } = state;
  const round = Math.max(acceptor.promised.round, leader.roundSeen) + 1;
  const ballot = { round, replica: self.replica, incarnation: self.incarnation };
  if (isPlanted('reuse-ballot-after-restart')) acceptor.promised = ballot;
  promise(acceptor, ballot, outputs);
  standBack(state);
  leading.campaign(state, ballot, isTransfer, outputs);
}

function onPrepareFrom(state: CoreState, from: ReplicaId, message: Prepare, outputs: CoreOutput[]): void {
  if (!mayVote(state, message.firstInstance)) return;
  if (!message.isTransfer && election.hasLiveLeader(state, from)) return;
  onPrepare(state.acceptor, state.learner.chosenTo, from, message, outputs);
  followHigher(state);
}

function onPromisedBy(state: CoreState, from: ReplicaId, message: Promised, outputs: CoreOutput[]): void {
  leading.onPromised(state, from, message);
  advance(state, outputs);
  catchingUp.onKnownBy(state, from, message.truncatedTo, outputs);
}

function onAcceptFrom(state: CoreState, from: Peer, message: Accept, outputs: CoreOutput[]): void {
  const { acceptor, learner, self } = state;
  if (!mayVote(state, message.instance) || isMembershipOfOthers(state, message)) return;
  onAccept(acceptor, learner.chosenTo, from.replica, message, outputs);
  if (holds(acceptor, message.instance, message.ballot)) knowFirstMembership(state, message.instance, message.value);
  if (state.memberships.reigns.length > 0) state.forming = undefined;
  if (from !== self && compareBallots(message.ballot, acceptor.promised) === 0) {
    election.onWordOfLeader(state, from.replica);
  }
  followHigher(state);
  learnNoticed(state, message.instance, message.ballot, outputs);
}

/** Instance 1 of a new group is accepted only with this very incarnation in it (A4). */
function isMembershipOfOthers({ self, learner }: CoreState, { instance, value }: Accept): boolean {
  if (instance !== 1 || learner.chosenTo > 0) return false;
  const membership = membershipIn(value);
  const isNamed = membership?.members.some(
    (member) => member.id === self.replica && member.incarnation === self.incarnation,
  );
  return isNamed !== true;
}

/** A replica votes where its incarnation is named a voter; on instance 1 of a new group, where nobody is named yet. */
function mayVote(state: CoreState, instance: number): boolean {
  if (state.memberships.reigns.length === 0) return state.forming !== undefined && instance === 1;
  return isVoter(state, state.self) || isPlanted('vote-with-lost-memory');
}

/** With a quorum the value is chosen: the others are told by its ballot. */
function onAcceptedBy(state: CoreState, from: ReplicaId, { ballot, instance }: Accepted, outputs: CoreOutput[]): void {
  const value = leading.onAccepted(state, from, ballot, instance);
  if (value === undefined) return;
  for (const to of ruling(state.memberships, instance).members) {
    if (to === state.self.replica) continue;
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
  if (!isNoticed(state.learner, instance, ballot)) return;
  if (!holds(state.acceptor, instance, ballot) && !isPlanted('chosen-notice-without-ballot')) return;
  const vote = state.acceptor.accepted.get(instance);
  if (vote !== undefined) choose(state, { instance, ballot, value: vote.value }, outputs);
}

function onLearned(state: CoreState, from: ReplicaId, message: Learned, outputs: CoreOutput[]): void {
  for (const { instance, ballot, value } of message.entries) {
    const { chosenTo, ahead } = state.learner;
    if (instance <= chosenTo || instance > chosenTo + aheadMax || ahead.has(instance)) continue;
    // A vote of that very ballot is on disk already, or on its way there before what is told of it.
    if (!holds(state.acceptor, instance, ballot)) {
      outputs.push({ kind: 'persist', record: { kind: 'chosen', instance, ballot, value } });
    }
    choose(state, { instance, ballot, value }, outputs);
  }
  catchingUp.onAnswer(state, from, message, outputs);
}

function onRead(state: CoreState, round: number, outputs: CoreOutput[]): void {
  assert(canRead(state), 'a read is asked of a leader that knows all that was chosen before it led');
  const { chosenTo } = state.learner;
  state.reads.rounds.set(round, { instance: chosenTo, confirmedBy: new Set() });
  const message = heartbeat(state, round);
  for (const to of ruling(state.memberships, chosenTo + 1).voters) {
    outputs.push({ kind: 'send', to, message, afterSync: false });
  }
}

function sendHeartbeats(state: CoreState, outputs: CoreOutput[]): void {
  const message = heartbeat(state, 0);
  const members = new Set(reignsWithin(state.memberships, state.learner.chosenTo).flatMap((reign) => reign.members));
  for (const to of members) {
    if (to !== state.self.replica) outputs.push({ kind: 'send', to, message, afterSync: false });
  }
}

function heartbeat({ leader, learner, memberships }: CoreState, round: number): Heartbeat {
  const { ballot, openingInstance = 0 } = leader;
  const { chosenTo } = learner;
  return { kind: 'heartbeat', ballot, epoch: epochOf(memberships), round, chosenTo, openingInstance };
}

function onHeartbeatFrom(state: CoreState, from: ReplicaId, message: Heartbeat, outputs: CoreOutput[]): void {
  if (!onHeartbeat(state.acceptor, state.learner.chosenTo, from, message, outputs)) return;
  if (from === state.self.replica) return;
  if (state.leader.phase !== 'following') standBack(state);
  election.onWordOfLeader(state, from);
  catchingUp.onKnownBy(state, from, message.chosenTo, outputs);
}

function onHeartbeatAnswer(state: CoreState, from: ReplicaId, answer: HeartbeatAnswer, outputs: CoreOutput[]): void {
  const { reads, leader, learner, memberships } = state;
  if (compareBallots(answer.ballot, leader.ballot) !== 0) return;
  election.onHeard(state, from, answer.chosenTo);
  catchingUp.onKnownBy(state, from, answer.chosenTo, outputs);
  const newestRound = isPlanted('read-on-old-confirmation') ? [...reads.rounds.keys()].at(-1) : undefined;
  const round = newestRound ?? answer.round;
  const instance = onConfirmed(reads, ruling(memberships, learner.chosenTo + 1).voters, from, round);
  if (instance !== undefined) outputs.push({ kind: 'read-confirmed', round, instance });
}

function onRefused(state: CoreState, { ballot, promised }: Refused): void {
  const { leader } = state;
  leader.roundSeen = Math.max(leader.roundSeen, promised.round);
  if (leader.phase !== 'following' && compareBallots(ballot, leader.ballot) === 0) standBack(state);
}

function onTakeOver(state: CoreState, { ballot }: TakeOver, outputs: CoreOutput[]): void {
  const isOfPresentLeader = compareBallots(ballot, state.acceptor.promised) === 0;
  if (isOfPresentLeader && state.leader.phase === 'following' && isVoter(state, state.self)) {
    campaign(state, true, outputs);
  }
}

function onOwnMark(state: CoreState, mark: FingerprintMark, outputs: CoreOutput[]): void {
  const { self, memberships, learner } = state;
  const message = { kind: 'fingerprints', marks: [mark] } as const;
  for (const to of ruling(memberships, learner.chosenTo + 1).members) {
    if (to !== self.replica) outputs.push({ kind: 'send', to, message, afterSync: false });
  }
  exclude(state, onMark(state, self.replica, mark), outputs);
}

function onOutdated(state: CoreState, from: ReplicaId, message: Outdated, outputs: CoreOutput[]): void {
  const { self, memberships } = state;
  const { epoch, membership } = message;
  if (epoch <= epochOf(memberships)) return;
  const isNamed = membership.members.some(
    ({ id, incarnation }) => id === self.replica && incarnation === self.incarnation,
  );
  if (isNamed) catchingUp.onKnownBy(state, from, epoch, outputs);
  else exclude(state, { kind: 'removed', epoch }, outputs);
}

function onDistrusted(state: CoreState, by: ReplicaId, lastInstance: number, outputs: CoreOutput[]): void {
  exclude(state, { kind: 'distrusted', by, lastInstance }, outputs);
}

/** A member that promised to someone higher leads no more. */
function followHigher(state: CoreState): void {
  const { leader, acceptor } = state;
  if (leader.phase !== 'following' && compareBallots(acceptor.promised, leader.ballot) > 0) standBack(state);
}

function standBack(state: CoreState): void {
  leading.stepDown(state.leader);
  election.forgetLeader(state);
  state.reads.rounds.clear();
}

function exclude(state: CoreState, exclusion: Exclusion | undefined, outputs: CoreOutput[]): void {
  if (exclusion === undefined || state.isExcluded) return;
  standBack(state);
  state.isExcluded = true;
  outputs.push({ kind: 'excluded', exclusion });
}

function choose(state: CoreState, chosen: ChosenInstance, outputs: CoreOutput[]): void {
  for (const { instance, ballot, value } of learn(state.learner, chosen)) {
    forget(state.acceptor, instance);
    state.leader.proposals.delete(instance);
    const membership = membershipIn(value);
    if (membership !== undefined) takeMembership(state, instance, membership);
    outputs.push({ kind: 'execute', instance, ballot, value });
  }
  leaveIfRemoved(state, outputs);
  advance(state, outputs);
}

function takeMembership(state: CoreState, instance: number, membership: Membership): void {
  state.forming = undefined;
  // Instance 1 may have been accepted, and so be known, as another membership that lost.
  if (instance === 1) state.memberships.reigns.length = 0;
  addMembership(state.memberships, { instance, membership });
}

/** A member that no membership names any more goes as soon as the one without it rules. */
function leaveIfRemoved(state: CoreState, outputs: CoreOutput[]): void {
  const { self, memberships, learner } = state;
  if (memberships.reigns.length < 2) return;
  const now = ruling(memberships, learner.chosenTo + 1);
  const wasMember = memberships.reigns.some((reign) => reign.instance < now.instance && includes(reign, self));
  if (wasMember && !isMember(state, self)) exclude(state, { kind: 'removed', epoch: now.instance }, outputs);
}

function advance(state: CoreState, outputs: CoreOutput[]): void {
  if (!leading.advance(state, outputs)) return;
  election.onWordOfLeader(state, state.self.replica);
  sendHeartbeats(state, outputs);
}
