import { assert } from '../base/assert.ts';
import { isPlanted } from '../base/planted-bugs.ts';
import { TransientMap } from '../base/transient-map.ts';
import { settleFrom } from './acceptor.ts';
import { type Ballot, ballotZero, compareBallots, type ReplicaId } from './ballot.ts';
import { encodeChosenValue, membershipIn } from './chosen-value.ts';
import type { CoreState } from './core-state.ts';
import { epochOf, type MembershipHistory, pipelineWindow, reignsWithin, ruling } from './membership.ts';
import type { Promised } from './messages.ts';
import type { CoreOutput } from './outputs.ts';
import { type Hindrance, Promises } from './phase-one.ts';
import { isQuorum } from './quorum.ts';

interface Proposal {
  readonly value: Uint8Array;
  readonly acceptedBy: Set<ReplicaId>;
  /** Since it was sent last. */
  ticks: number;
}

/** A proposer: phase 1 once for every instance that is not known to be chosen, then phase 2, instance by instance. */
export interface LeaderState {
  phase: 'following' | 'preparing' | 'leading';
  /** Its own, while preparing or leading; then it is also what its own acceptor promised. */
  ballot: Ballot;
  /** The highest round that anyone refused it with. */
  roundSeen: number;
  /** The leader asked for this election: acceptors do not stick to it. */
  isTransfer: boolean;
  /** What the promises say of older proposals; let go once every such instance was proposed again. */
  promises: Promises;
  promisedBy: Set<ReplicaId>;
  /** Voters that were asked for a promise. */
  askedForPromise: Set<ReplicaId>;
  /** The next instance to propose at: at most chosenTo + `pipelineWindow` + 1. */
  nextInstance: number;
  /** The first instance with nothing older in it. Once it is applied, all that was chosen before is as well (C2). */
  openingInstance: number | undefined;
  /** Where this leader proposed a membership last; no-ops follow until it rules. 0: nowhere. */
  membershipInstance: number;
  /** The newest instance that its own acceptor has voted for, on disk, since this process began; 0: none. */
  votedTo: number;
  /** Nothing is proposed while the office is handed over. */
  handingOver: { readonly to: ReplicaId; ticks: number } | undefined;
  readonly proposals: TransientMap<number, Proposal>;
}

export function createLeader(): LeaderState {
  return {
    phase: 'following',
    ballot: ballotZero,
    roundSeen: 0,
    isTransfer: false,
    promises: new Promises(),
    promisedBy: new Set(),
    askedForPromise: new Set(),
    nextInstance: 0,
    openingInstance: undefined,
    membershipInstance: 0,
    votedTo: 0,
    handingOver: undefined,
    proposals: new TransientMap(),
  };
}

/** Starts phase 1. The caller has raised its own promise to `ballot`, so that no process uses it again (B1). */
export function campaign(state: CoreState, ballot: Ballot, isTransfer: boolean, outputs: CoreOutput[]): void {
  const { leader } = state;
  stepDown(leader);
  leader.phase = 'preparing';
  leader.ballot = ballot;
  leader.isTransfer = isTransfer;
  askForPromises(state, outputs);
}

export function onPromised({ leader }: CoreState, from: ReplicaId, promised: Promised): void {
  if (leader.phase === 'following' || compareBallots(promised.ballot, leader.ballot) !== 0) return;
  leader.promisedBy.add(from);
  if (leader.openingInstance === undefined) leader.promises.add(from, promised);
}

/**
 * Goes on as far as promises and window allow: ends phase 1 once a quorum answered for every instance of the window,
 * proposes again what may have been chosen, fills gaps, and opens its own instances with one that it may fill freely.
 * @returns whether it took office now
 */
export function advance(state: CoreState, outputs: CoreOutput[]): boolean {
  const { leader, learner, memberships } = state;
  if (leader.phase === 'following') return false;
  askForPromises(state, outputs);
  const { chosenTo } = learner;
  let tookOffice = false;
  if (leader.phase === 'preparing' && windowIsAnswered(leader, memberships, chosenTo)) {
    leader.phase = 'leading';
    leader.nextInstance = chosenTo + 1;
    tookOffice = true;
  }
  if (leader.phase !== 'leading') return false;
  leader.nextInstance = Math.max(leader.nextInstance, chosenTo + 1);
  while (leader.openingInstance === undefined && leader.nextInstance <= chosenTo + pipelineWindow) {
    const instance = leader.nextInstance;
    const verdict = leader.promises.verdict(instance, ruling(memberships, instance).voters);
    if (verdict.kind === 'open') break;
    const isOpening = instance > leader.promises.lastListed;
    send(state, verdict.kind === 'value' ? verdict.value : filler(memberships, instance), outputs);
    if (isOpening) {
      leader.openingInstance = instance;
      settleFrom(state.acceptor, leader.ballot, instance);
      leader.promises = new Promises();
    }
  }
  fillUntilMembershipRules(state, outputs);
  return tookOffice;
}

/** Whether a value of one's own may be proposed now. */
export function hasRoom({ leader, learner, memberships }: CoreState): boolean {
  return (
    leader.phase === 'leading' &&
    leader.openingInstance !== undefined &&
    leader.nextInstance <= learner.chosenTo + pipelineWindow &&
    isQuorum(ruling(memberships, leader.nextInstance).voters, leader.promisedBy)
  );
}

export function propose(state: CoreState, value: Uint8Array, outputs: CoreOutput[]): void {
  assert(hasRoom(state), 'a value is proposed by a leader with room in its window');
  send(state, value, outputs);
  fillUntilMembershipRules(state, outputs);
}

/** Counts a vote; gives the value once a quorum of the membership that rules the instance has voted for it. */
export function onAccepted(
  { leader, memberships }: CoreState,
  from: ReplicaId,
  ballot: Ballot,
  instance: number,
): Uint8Array | undefined {
  if (leader.phase !== 'leading' || compareBallots(ballot, leader.ballot) !== 0) return undefined;
  const proposal = leader.proposals.get(instance);
  if (proposal === undefined) return undefined;
  proposal.acceptedBy.add(from);
  if (!isQuorum(ruling(memberships, instance).voters, proposal.acceptedBy)) return undefined;
  leader.proposals.delete(instance);
  return proposal.value;
}

/** Someone leads at a higher ballot. What was proposed may still be chosen; this leader will not hear of it by votes. */
export function stepDown(leader: LeaderState): void {
  leader.phase = 'following';
  leader.promises = new Promises();
  leader.promisedBy = new Set();
  leader.askedForPromise = new Set();
  leader.openingInstance = undefined;
  leader.membershipInstance = 0;
  leader.handingOver = undefined;
  leader.proposals.clear();
}

/** Asks again those who did not answer; a candidate for promises, a leader for votes, of those that are alive. */
export function resend(
  state: CoreState,
  resendTicks: number,
  isActive: (replica: ReplicaId) => boolean,
  outputs: CoreOutput[],
): void {
  const { leader, memberships } = state;
  for (const to of leader.askedForPromise) {
    if (!leader.promisedBy.has(to) && state.election.ticks % resendTicks === 0) prepare(state, to, outputs);
  }
  for (const [instance, proposal] of leader.proposals) {
    proposal.ticks++;
    if (proposal.ticks < resendTicks) continue;
    proposal.ticks = 0;
    const message = { kind: 'accept', ballot: leader.ballot, instance, value: proposal.value } as const;
    for (const to of ruling(memberships, instance).voters) {
      if (to === state.self.replica || proposal.acceptedBy.has(to) || !isActive(to)) continue;
      outputs.push({ kind: 'send', to, message, afterSync: false });
    }
  }
}

function send(state: CoreState, value: Uint8Array, outputs: CoreOutput[]): void {
  const { leader, memberships, self } = state;
  const { ballot, nextInstance: instance } = leader;
  leader.nextInstance++;
  const acceptedBy = new Set<ReplicaId>(isPlanted('leader-counts-itself-early') ? [self.replica] : []);
  leader.proposals.set(instance, { value, acceptedBy, ticks: 0 });
  if (membershipIn(value) !== undefined) leader.membershipInstance = instance;
  const message = { kind: 'accept', ballot, instance, value } as const;
  for (const to of ruling(memberships, instance).voters) {
    outputs.push({ kind: 'send', to, message, afterSync: false });
  }
}

/** A membership rules only from a window after it, so a leader without work makes some (G1). */
function fillUntilMembershipRules(state: CoreState, outputs: CoreOutput[]): void {
  const { leader, memberships } = state;
  const newest = Math.max(leader.membershipInstance, epochOf(memberships));
  if (newest <= 1) return;
  while (leader.nextInstance < newest + pipelineWindow && hasRoom(state)) {
    send(state, filler(memberships, leader.nextInstance), outputs);
  }
}

/** Instance 1 of every group is its membership; anywhere else a no-op harms nobody. */
function filler(memberships: MembershipHistory, instance: number): Uint8Array {
  if (instance > 1) return encodeChosenValue({ kind: 'no-op' });
  return encodeChosenValue({ kind: 'membership', membership: ruling(memberships, 1).membership });
}

function windowIsAnswered(leader: LeaderState, memberships: MembershipHistory, chosenTo: number): boolean {
  for (let instance = chosenTo + 1; instance <= chosenTo + pipelineWindow; instance++) {
    if (leader.promises.verdict(instance, ruling(memberships, instance).voters).kind === 'open') return false;
  }
  return true;
}

/** What keeps this candidate, or new leader, from going on though a quorum has answered it. */
export function hindrance({ leader, memberships, learner: { chosenTo } }: CoreState): Hindrance | undefined {
  if (leader.phase === 'following' || leader.openingInstance !== undefined) return undefined;
  for (let instance = chosenTo + 1; instance <= chosenTo + pipelineWindow; instance++) {
    const found = leader.promises.hindrance(instance, ruling(memberships, instance).voters);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Asks every voter of an instance that may be proposed now, once; those of a new membership when it comes in reach. */
function askForPromises(state: CoreState, outputs: CoreOutput[]): void {
  const { leader, learner, memberships } = state;
  for (const { voters } of reignsWithin(memberships, learner.chosenTo)) {
    for (const to of voters) {
      if (leader.askedForPromise.has(to)) continue;
      leader.askedForPromise.add(to);
      prepare(state, to, outputs);
    }
  }
}

function prepare({ leader, learner, memberships }: CoreState, to: ReplicaId, outputs: CoreOutput[]): void {
  const { ballot, isTransfer } = leader;
  const epoch = epochOf(memberships);
  const message = { kind: 'prepare', ballot, epoch, firstInstance: learner.chosenTo + 1, isTransfer } as const;
  // After the sync: a ballot is durable before it is used (B1).
  outputs.push({ kind: 'send', to, message, afterSync: true });
}
