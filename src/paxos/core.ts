/**
 * One member of one Paxos group, as a core that does nothing itself: input in, outputs out. It reads no clock and no
 * disk; whoever drives it performs the outputs in order and feeds answers back, those of the member to itself like any
 * other's.
 */

import { assert, unreachable } from '../base/assert.ts';
import { isPlanted } from '../base/planted-bugs.ts';
import type { ReplicaId } from './ballot.ts';
import * as catchingUp from './catch-up.ts';
import { choose, chooseFoundAtBoot, leaveIfRemoved } from './choose.ts';
import { encodeChosenValue, type Membership } from './chosen-value.ts';
import type { CoreState } from './core-state.ts';
import * as election from './election.ts';
import { onMark } from './fingerprints.ts';
import { askWhoIsThere } from './forming.ts';
import { handOver } from './hand-over.ts';
import * as leading from './leader.ts';
import type { ChosenInstance } from './learner.ts';
import { ruling } from './membership.ts';
import { membershipRefusal } from './membership-change.ts';
import type { FingerprintMark, PaxosMessage } from './messages.ts';
import { campaign, exclude, heartbeat, sendHeartbeats, standBack } from './office.ts';
import type { CoreOutput } from './outputs.ts';
import type { Peer } from './peer.ts';
import { answerAsRemoved, onMessage } from './receive.ts';
import { electionTicks, heartbeatTicks, resendTicks } from './timing.ts';

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
  if (state.isExcluded) {
    if (state.isRemoved && input.kind === 'message') answerAsRemoved(state, input.from, input.message, outputs);
    return outputs;
  }
  if (input.kind !== 'replay') chooseFoundAtBoot(state, outputs);
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

function onTick(state: CoreState, outputs: CoreOutput[]): void {
  if (state.forming !== undefined) {
    const isTime = state.election.ticks++ % resendTicks === 0;
    if (isTime && askWhoIsThere(state, outputs)) campaign(state, false, outputs);
    // The others may have begun: what was chosen is asked for until it comes.
    catchingUp.tickCatchUp(state, outputs);
    return;
  }
  state.election.ticks++;
  leaveIfRemoved(state, outputs);
  catchingUp.tickCatchUp(state, outputs);
  const { leader } = state;
  if (leader.phase === 'leading') {
    onTickOfLeader(state, outputs);
  } else if (leader.phase === 'preparing') {
    if (state.election.ticks >= state.election.timeout) standBack(state);
    else leading.resend(state, resendTicks, () => true, outputs);
  } else if (election.isElectionDue(state)) {
    election.askForPreVotes(state, outputs);
  }
}

function onTickOfLeader(state: CoreState, outputs: CoreOutput[]): void {
  if (!election.hearsQuorum(state)) {
    standBack(state);
    return;
  }
  if (state.election.ticks % heartbeatTicks === 0) sendHeartbeats(state, outputs);
  leading.resend(state, resendTicks, (replica) => election.isActive(state, replica), outputs);
  const { handingOver } = state.leader;
  if (handingOver === undefined) return;
  handingOver.ticks++;
  if (handingOver.ticks >= electionTicks) state.leader.handingOver = undefined;
  else handOver(state, outputs);
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

function onOwnMark(state: CoreState, mark: FingerprintMark, outputs: CoreOutput[]): void {
  const { self, memberships, learner } = state;
  const message = { kind: 'fingerprints', marks: [mark] } as const;
  for (const to of ruling(memberships, learner.chosenTo + 1).members) {
    if (to !== self.replica) outputs.push({ kind: 'send', to, message, afterSync: false });
  }
  exclude(state, onMark(state, self.replica, mark), outputs);
}
