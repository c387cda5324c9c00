import { assert } from '../base/assert.ts';
import { isPlanted } from '../base/planted-bugs.ts';
import { TransientMap } from '../base/transient-map.ts';
import type { AcceptorState } from './acceptor.ts';
import { type Ballot, ballotZero } from './ballot.ts';
import type { CatchUpState } from './catch-up.ts';
import { membershipIn } from './chosen-value.ts';
import { createElection, type ElectionState } from './election.ts';
import { createFingerprints, type FingerprintState } from './fingerprints.ts';
import { createForming, type FormingState, type NewGroup } from './forming.ts';
import { createLeader, type LeaderState } from './leader.ts';
import type { LearnerState } from './learner.ts';
import { addMembership, type ChosenMembership, createMembershipHistory, type MembershipHistory } from './membership.ts';
import type { CannotTellProof } from './messages.ts';
import type { InstanceRecord } from './outputs.ts';
import type { Peer } from './peer.ts';
import type { ReadIndexState } from './read-index.ts';
import type { TrustState } from './trust.ts';

/** All that one member of a group has in mind. Only `step` changes it. */
export interface CoreState {
  readonly self: Peer;
  readonly memberships: MembershipHistory;
  readonly acceptor: AcceptorState;
  readonly learner: LearnerState;
  readonly leader: LeaderState;
  readonly election: ElectionState;
  readonly reads: ReadIndexState;
  readonly catchUp: CatchUpState;
  readonly trust: TrustState;
  readonly fingerprints: FingerprintState;
  /** Until the membership of a new group is known. */
  forming: FormingState | undefined;
  /** It takes no part any more: every input is ignored, but for what a removed member still answers. */
  isExcluded: boolean;
  /** It was removed, and what it knows is right: those who stayed may have forgotten, in a crash, what removed it. */
  isRemoved: boolean;
}

/** What a member finds on its disk when it starts. */
export interface CoreBoot {
  readonly self: Peer;
  /** 32 bits; election timeouts are drawn from them, and must differ between replicas. */
  readonly random: number;
  /** Everything up to it is chosen and covered by the checkpoint; `replay` goes on from there. */
  readonly chosenTo: number;
  /** The deciding record of each instance above what the log proves chosen that has one. */
  readonly records: readonly (InstanceRecord & { readonly maybeSuperseded?: CannotTellProof })[];
  readonly cannotTell: readonly { readonly instance: number; readonly proof: CannotTellProof }[];
  readonly cannotTellAbove?: { readonly instance: number; readonly proof: CannotTellProof };
  /** Those chosen up to `chosenTo`, ascending; in a new group of known members the one that instance 1 will hold. */
  readonly memberships: readonly ChosenMembership[];
  /** First boot of a group whose members only know each other's addresses. */
  readonly forming?: NewGroup;
}

export function createCore(boot: CoreBoot): CoreState {
  const promised: Ballot = isPlanted('forget-promise-on-restart') ? ballotZero : boot.self.promised;
  const state: CoreState = {
    self: boot.self,
    memberships: createMembershipHistory(boot.memberships),
    acceptor: {
      promised,
      bootPromised: promised,
      accepted: new TransientMap(),
      acceptedBytes: 0,
      cannotTell: new Map(boot.cannotTell.map(({ instance, proof }) => [instance, proof])),
      cannotTellAbove: boot.cannotTellAbove,
    },
    learner: { chosenTo: boot.chosenTo, ahead: new TransientMap(), noticed: new TransientMap() },
    leader: createLeader(),
    election: createElection(boot.random),
    reads: { rounds: new TransientMap() },
    catchUp: { knownBy: new Map(), trimmedBy: new Map(), trimmedTicks: 0, asked: undefined, lastAsked: 0 },
    trust: { words: new Map(), distrusted: new Set() },
    fingerprints: createFingerprints(),
    forming: boot.forming === undefined ? undefined : createForming(boot.forming),
    isExcluded: false,
    isRemoved: false,
  };
  for (const record of boot.records) {
    const { kind, instance, ballot, value } = record;
    assert(instance > boot.chosenTo, 'a vote found at boot is for what is not known to be chosen', { instance });
    state.acceptor.accepted.set(instance, record);
    state.acceptor.acceptedBytes += value.length;
    if (kind === 'chosen') state.learner.ahead.set(instance, { instance, ballot, value });
    knowFirstMembership(state, instance, value);
  }
  if (state.memberships.reigns.length > 0) state.forming = undefined;
  return state;
}

/** Whoever accepted instance 1 of a new group knows its members: nobody proposes others once they were asked (A4). */
export function knowFirstMembership({ memberships, learner }: CoreState, instance: number, value: Uint8Array): void {
  if (instance !== 1 || learner.chosenTo > 0) return;
  const membership = membershipIn(value);
  if (membership === undefined) return;
  memberships.reigns.length = 0;
  addMembership(memberships, { instance, membership });
}
