/** What a member does with a message: whether it is taken at all, and by which part. */
import { unreachable } from '../base/assert.ts';
import { isPlanted } from '../base/planted-bugs.ts';
import { aheadMax, holds, onAccept, onHeartbeat, onPrepare } from './acceptor.ts';
import { compareBallots, type ReplicaId } from './ballot.ts';
import * as catchingUp from './catch-up.ts';
import { learnChosen, learnNoticed } from './choose.ts';
import { membershipIn } from './chosen-value.ts';
import { type CoreState, knowFirstMembership } from './core-state.ts';
import * as election from './election.ts';
import { onMark } from './fingerprints.ts';
import { onForm, onFormAnswer } from './forming.ts';
import * as leading from './leader.ts';
import { epochOf, includes, reignsWithin, ruling } from './membership.ts';
import type {
  Accept,
  Accepted,
  Chosen,
  Distrusted,
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
import { advance, campaign, exclude, followHigher, standBack } from './office.ts';
import type { CoreOutput } from './outputs.ts';
import type { Peer } from './peer.ts';
import { newestRound, onConfirmed } from './read-index.ts';
import { isMember, isTrusted, isVoter, onChallengeAnswer, rememberWord } from './trust.ts';

export function onMessage(state: CoreState, from: Peer, message: PaxosMessage, outputs: CoreOutput[]): void {
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
      onHeartbeatAnswer(state, from, message, outputs);
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
    case 'challenge': {
      const answer = { kind: 'challenge-answer', session: message.session } as const;
      outputs.push({ kind: 'send', to: from.replica, message: answer, afterSync: false });
      break;
    }
    case 'challenge-answer':
      break;
    case 'distrusted':
      onDistrusted(state, from.replica, message, outputs);
      break;
    default:
      unreachable(message);
  }
}

/**
 * A removed member says how far it knows what is chosen, and supplies it. Those who stayed may need that to reach the
 * instance from which they rule without it.
 */
export function answerAsRemoved(state: CoreState, from: Peer, message: PaxosMessage, outputs: CoreOutput[]): void {
  if (message.kind === 'pre-vote') election.onPreVote(state, from.replica, message, outputs);
  else if (message.kind === 'fetch') catchingUp.onFetch(state, from.replica, message, outputs);
}

/**
 * Whether a message of another replica is taken at all: of this cluster, from a memory that is whole, of no older
 * membership where it asks for something, and of a member where it votes.
 */
function isHeard(state: CoreState, from: Peer, message: PaxosMessage, outputs: CoreOutput[]): boolean {
  const clusterId = state.memberships.reigns[0]?.membership.clusterId ?? state.self.clusterId;
  if (clusterId !== undefined && from.clusterId !== undefined && clusterId !== from.clusterId) return false;
  if (message.kind === 'challenge-answer') onChallengeAnswer(state, from, message, outputs);
  if (message.kind === 'challenge' || message.kind === 'challenge-answer') return true;
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
    case 'refused':
    case 'heartbeat-answer':
    case 'fingerprints':
      return isMember(state, from) || isPlanted('vote-with-lost-memory');
    default:
      return true;
  }
}

/** Whoever asks for something in an older epoch, or is no member, is refused and told the newer membership (G1, G3). */
function isUpToDate(state: CoreState, from: Peer, epoch: number, outputs: CoreOutput[]): boolean {
  const { memberships } = state;
  const newest = memberships.reigns.at(-1);
  // A founding membership may be known before it is chosen; any later one was chosen.
  if (newest !== undefined || epoch > 1) catchingUp.onKnownBy(state, from.replica, epoch, outputs);
  if (newest === undefined) return true;
  if (epoch > newest.instance || (epoch === newest.instance && isMember(state, from))) return true;
  // Whoever still has a say must not go before the membership without it rules: its votes may be needed until then.
  const { membership } =
    reignsWithin(memberships, state.learner.chosenTo).find((reign) => includes(reign, from)) ?? newest;
  const message = { kind: 'outdated', epoch: newest.instance, membership } as const;
  outputs.push({ kind: 'send', to: from.replica, message, afterSync: false });
  return false;
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
  const { leader, self } = state;
  if (from === self.replica) leader.votedTo = Math.max(leader.votedTo, instance);
  const value = leading.onAccepted(state, from, ballot, instance);
  if (value === undefined) return;
  const message = { kind: 'chosen', instance, ballot, votedTo: leader.votedTo } as const;
  for (const to of ruling(state.memberships, instance).members) {
    if (to !== self.replica) outputs.push({ kind: 'send', to, message, afterSync: false });
  }
  learnChosen(state, { instance, ballot, value }, outputs);
}

function onChosen(state: CoreState, { instance, ballot }: Chosen, outputs: CoreOutput[]): void {
  const { chosenTo, noticed, ahead } = state.learner;
  if (instance <= chosenTo || instance > chosenTo + aheadMax || ahead.has(instance)) return;
  noticed.set(instance, ballot);
  learnNoticed(state, instance, ballot, outputs);
}

function onLearned(state: CoreState, from: ReplicaId, message: Learned, outputs: CoreOutput[]): void {
  for (const { instance, ballot, value } of message.entries) {
    const { chosenTo, ahead } = state.learner;
    if (instance <= chosenTo || instance > chosenTo + aheadMax || ahead.has(instance)) continue;
    learnChosen(state, { instance, ballot, value }, outputs);
  }
  catchingUp.onAnswer(state, from, message, outputs);
}

function onHeartbeatFrom(state: CoreState, from: ReplicaId, message: Heartbeat, outputs: CoreOutput[]): void {
  if (!onHeartbeat(state.acceptor, state.learner.chosenTo, from, message, outputs)) return;
  if (from === state.self.replica) return;
  if (state.leader.phase !== 'following') standBack(state);
  election.onWordOfLeader(state, from);
  catchingUp.onKnownBy(state, from, message.chosenTo, outputs);
}

function onHeartbeatAnswer(state: CoreState, from: Peer, answer: HeartbeatAnswer, outputs: CoreOutput[]): void {
  const { reads, leader, learner, memberships } = state;
  if (compareBallots(answer.ballot, leader.ballot) !== 0) return;
  election.onHeard(state, from, answer.chosenTo);
  catchingUp.onKnownBy(state, from.replica, answer.chosenTo, outputs);
  const round = isPlanted('read-on-old-confirmation') ? newestRound(reads) : answer.round;
  for (const confirmed of onConfirmed(reads, ruling(memberships, learner.chosenTo + 1).voters, from.replica, round)) {
    outputs.push({ kind: 'read-confirmed', ...confirmed });
  }
  if (election.isDoubtToSettle(state)) campaign(state, true, outputs);
}

function onRefused(state: CoreState, { ballot, promised }: Refused): void {
  const { leader } = state;
  leader.roundSeen = Math.max(leader.roundSeen, promised.round);
  if (leader.phase !== 'following' && compareBallots(ballot, leader.ballot) === 0) standBack(state);
}

function onTakeOver(state: CoreState, { ballot }: TakeOver, outputs: CoreOutput[]): void {
  // A successor that missed this leader's election and its writes has promised less, and knows all that was chosen.
  const isOfPresentLeader = compareBallots(ballot, state.acceptor.promised) >= 0;
  if (isOfPresentLeader && state.leader.phase === 'following' && isVoter(state, state.self)) {
    campaign(state, true, outputs);
  }
}

function onOutdated(state: CoreState, from: ReplicaId, message: Outdated, outputs: CoreOutput[]): void {
  const { self, memberships } = state;
  const { epoch, membership } = message;
  // Who has no vote, as far as it knows, asks for nothing: these are words to an earlier incarnation of its number.
  if (!isVoter(state, self) || epoch < epochOf(memberships)) return;
  const isNamed = membership.members.some(
    ({ id, incarnation }) => id === self.replica && incarnation === self.incarnation,
  );
  if (isNamed) catchingUp.onKnownBy(state, from, epoch, outputs);
  else exclude(state, { kind: 'removed', epoch }, outputs);
}

function onDistrusted(state: CoreState, by: ReplicaId, message: Distrusted, outputs: CoreOutput[]): void {
  const { session, lastInstance } = message;
  // Said to an earlier process of this number, whose disk may have been replaced since.
  if (session !== state.self.session) return;
  exclude(state, { kind: 'distrusted', by, lastInstance }, outputs);
}
