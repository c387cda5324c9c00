/**
 * Who should lead, as a question of time: it is told by `tick`, and decides when to ask for an election and when a
 * leader gives up. Pre-vote and stickiness keep a replica that hears nobody from deposing a good leader, check-quorum
 * ends the office of one that hears nobody (B7).
 */
import { compareBallots, type ReplicaId } from './ballot.ts';
import { isBehind } from './catch-up.ts';
import type { CoreState } from './core-state.ts';
import { epochOf, pipelineWindow, reignsWithin, ruling } from './membership.ts';
import type { PreVote, PreVoteAnswer } from './messages.ts';
import type { CoreOutput } from './outputs.ts';
import type { Peer } from './peer.ts';
import { isQuorum } from './quorum.ts';
import { electionTicks, heartbeatTicks } from './timing.ts';
import { isVoter } from './trust.ts';

interface Heard {
  /** Of its last answer. */
  readonly tick: number;
  /** What it then knew to be chosen. */
  readonly chosenTo: number;
  /** The tick of its first answer since it cannot tell what it voted at this leader's ballot; absent: it can. */
  readonly doubtSince?: number;
}

export interface ElectionState {
  /** Whom this replica follows; itself while it leads. */
  leader: ReplicaId | undefined;
  /** Since the leader's last word; of a candidate, since it asked; of a leader, since it took office. */
  ticks: number;
  /** Drawn anew each time, so that two candidates do not meet for ever. */
  timeout: number;
  random: number;
  preVote: { readonly round: number; readonly grantedBy: Set<ReplicaId> } | undefined;
  /** A leader's memory of its members. */
  readonly heard: Map<ReplicaId, Heard>;
}

export function createElection(random: number): ElectionState {
  const state: ElectionState = {
    leader: undefined,
    ticks: 0,
    timeout: 0,
    random: random >>> 0,
    preVote: undefined,
    heard: new Map(),
  };
  drawTimeout(state);
  return state;
}

/** A leader spoke. */
export function onWordOfLeader({ election }: CoreState, leader: ReplicaId): void {
  election.leader = leader;
  election.ticks = 0;
  election.preVote = undefined;
}

/** Nobody is followed any more: the next election is a full timeout away. */
export function forgetLeader({ election }: CoreState): void {
  election.leader = undefined;
  election.ticks = 0;
  election.preVote = undefined;
  election.heard.clear();
  drawTimeout(election);
}

/** Whether it is time to ask for an election. Whoever is a quorum alone need not wait to hear of others. */
export function isElectionDue(state: CoreState): boolean {
  const { election, self, memberships, learner } = state;
  // A candidate that cannot learn what is chosen would never take office, and keep others from it.
  if (!isVoter(state, self) || isBehind(state)) return false;
  const { voters } = ruling(memberships, learner.chosenTo + 1);
  return election.ticks >= election.timeout || isQuorum(voters, new Set([self.replica]));
}

export function askForPreVotes(state: CoreState, outputs: CoreOutput[]): void {
  const { election, acceptor, leader, memberships, learner } = state;
  forgetLeader(state);
  const round = Math.max(acceptor.promised.round, leader.roundSeen) + 1;
  election.preVote = { round, grantedBy: new Set() };
  const { chosenTo } = learner;
  const message = { kind: 'pre-vote', round, epoch: epochOf(memberships), chosenTo } as const;
  for (const to of ruling(memberships, chosenTo + 1).voters) {
    outputs.push({ kind: 'send', to, message, afterSync: false });
  }
}

/** Grants where no leader is alive here, the round is new, and the candidate is not far behind. */
export function onPreVote(
  state: CoreState,
  from: ReplicaId,
  { round, chosenTo }: PreVote,
  outputs: CoreOutput[],
): void {
  const { acceptor, learner, self } = state;
  // In a new group nobody is named yet; whoever asks was told by all of them that they are there.
  const mayVote = isVoter(state, self) || (state.forming !== undefined && state.memberships.reigns.length === 0);
  const isGranted =
    mayVote &&
    !hasLiveLeader(state, from) &&
    round > acceptor.promised.round &&
    chosenTo + pipelineWindow >= learner.chosenTo;
  const message = {
    kind: 'pre-vote-answer',
    round,
    isGranted,
    promised: acceptor.promised,
    chosenTo: learner.chosenTo,
  } as const;
  // After the sync: what is said of a promise must survive this process.
  outputs.push({ kind: 'send', to: from, message, afterSync: true });
}

/** Whether a quorum now welcomes an election. */
export function onPreVoteAnswer(state: CoreState, from: ReplicaId, answer: PreVoteAnswer): boolean {
  const { election, leader, memberships, learner } = state;
  leader.roundSeen = Math.max(leader.roundSeen, answer.promised.round);
  const { preVote } = election;
  if (preVote === undefined || leader.phase !== 'following' || answer.round !== preVote.round) return false;
  if (!answer.isGranted) return false;
  preVote.grantedBy.add(from);
  return isQuorum(ruling(memberships, learner.chosenTo + 1).voters, preVote.grantedBy);
}

/** Whether this replica has heard of a leader lately, other than `candidate`: then no election is helped along. */
export function hasLiveLeader({ election, leader }: CoreState, candidate: ReplicaId): boolean {
  if (leader.phase === 'leading') return true;
  return election.leader !== undefined && election.leader !== candidate && election.ticks < electionTicks;
}

/** A leader's member answered. */
export function onHeard({ election, leader }: CoreState, from: Peer, chosenTo: number): void {
  if (leader.phase !== 'leading') return;
  const { ticks, heard } = election;
  const before = heard.get(from.replica);
  const now = { tick: ticks, chosenTo: Math.max(before?.chosenTo ?? 0, chosenTo) };
  const isInDoubt = from.isDoubtful && compareBallots(from.promised, leader.ballot) >= 0;
  heard.set(from.replica, isInDoubt ? { ...now, doubtSince: before?.doubtSince ?? ticks } : now);
}

/**
 * Whether this leader should ask for promises anew: a voter came back that cannot tell what it voted at this very ballot.
 * Only a higher one settles that, and without it the next election would need every voter. Not as long as this leader's
 * own election is not done with, nor before a quorum that can tell has answered since.
 */
export function isDoubtToSettle({ election, leader, memberships, learner, self }: CoreState): boolean {
  const { openingInstance = Number.POSITIVE_INFINITY } = leader;
  if (openingInstance > learner.chosenTo || leader.handingOver !== undefined) return false;
  const reigns = reignsWithin(memberships, learner.chosenTo);
  const doubts = reigns.flatMap(({ voters }) => voters.flatMap((voter) => election.heard.get(voter)?.doubtSince ?? []));
  if (doubts.length === 0) return false;
  const answeredAfter = Math.max(...doubts) + heartbeatTicks;
  const canTell = (voter: ReplicaId) => {
    const heard = election.heard.get(voter);
    return voter === self.replica || (heard?.doubtSince === undefined && (heard?.tick ?? 0) > answeredAfter);
  };
  return reigns.every(({ voters }) => isQuorum(voters, new Set(voters.filter(canTell))));
}

/** Whether a member has answered this leader within an election timeout. */
export function isActive({ election, self }: CoreState, replica: ReplicaId): boolean {
  if (replica === self.replica) return true;
  const heard = election.heard.get(replica);
  return heard !== undefined && election.ticks - heard.tick <= electionTicks;
}

/** Whether a leader still hears a quorum. At the beginning of its office it has an election timeout to do so. */
export function hearsQuorum(state: CoreState): boolean {
  const { election, memberships, learner } = state;
  if (election.ticks < electionTicks) return true;
  const { voters } = ruling(memberships, learner.chosenTo + 1);
  return isQuorum(voters, new Set(voters.filter((voter) => isActive(state, voter))));
}

/** A small generator (an xorshift of 32 bits): timeouts need to differ, not to be unguessable. */
function drawTimeout(state: ElectionState): void {
  let random = state.random === 0 ? 0x9e3779b9 : state.random;
  random ^= random << 13;
  random ^= random >>> 17;
  random ^= random << 5;
  state.random = random >>> 0;
  state.timeout = electionTicks + (state.random % electionTicks);
}
