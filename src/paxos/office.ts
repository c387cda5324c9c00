/** Taking office, holding it, and leaving it. */
import { isPlanted } from '../base/planted-bugs.ts';
import { promise } from './acceptor.ts';
import { compareBallots } from './ballot.ts';
import type { CoreState } from './core-state.ts';
import * as election from './election.ts';
import * as leading from './leader.ts';
import { epochOf, type Reign, reignsWithin } from './membership.ts';
import type { Heartbeat } from './messages.ts';
import type { CoreOutput, Exclusion } from './outputs.ts';
import { newestRound } from './read-index.ts';
import { isVoter } from './trust.ts';

/** Begins an election, at a ballot above all that this member has seen. Whoever has no vote leads nobody. */
export function campaign(state: CoreState, isTransfer: boolean, outputs: CoreOutput[]): void {
  const { self, acceptor, leader } = state;
  if (!isVoter(state, self)) return;
  const round = Math.max(acceptor.promised.round, leader.roundSeen) + 1;
  const ballot = { round, replica: self.replica, incarnation: self.incarnation };
  if (isPlanted('reuse-ballot-after-restart')) acceptor.promised = ballot;
  promise(acceptor, ballot, outputs);
  standBack(state);
  leading.campaign(state, ballot, isTransfer, outputs);
}

/** Goes on as a candidate or leader, as far as what is known allows; whoever takes office now says so. */
export function advance(state: CoreState, outputs: CoreOutput[]): void {
  if (!leading.advance(state, outputs)) return;
  election.onWordOfLeader(state, state.self.replica);
  sendHeartbeats(state, outputs);
}

export function sendHeartbeats(state: CoreState, outputs: CoreOutput[]): void {
  const message = heartbeat(state, newestRound(state.reads));
  const members = new Set(reignsHeard(state).flatMap((reign) => reign.members));
  for (const to of members) {
    if (to !== state.self.replica) outputs.push({ kind: 'send', to, message, afterSync: false });
  }
}

/** Those who rule now or soon, and those before them: who was removed hears on until it knows that it was (G3). */
function reignsHeard({ memberships, learner }: CoreState): readonly Reign[] {
  const within = reignsWithin(memberships, learner.chosenTo);
  const [now] = within;
  const before = now === undefined ? undefined : memberships.reigns[memberships.reigns.indexOf(now) - 1];
  return before === undefined ? within : [before, ...within];
}

export function heartbeat({ leader, learner, memberships }: CoreState, round: number): Heartbeat {
  const { ballot, openingInstance = 0, votedTo } = leader;
  const { chosenTo } = learner;
  return { kind: 'heartbeat', ballot, epoch: epochOf(memberships), round, chosenTo, openingInstance, votedTo };
}

/** A member that promised to someone higher leads no more. */
export function followHigher(state: CoreState): void {
  const { leader, acceptor } = state;
  if (leader.phase !== 'following' && compareBallots(acceptor.promised, leader.ballot) > 0) standBack(state);
}

/** Gives up an election or an office. */
export function standBack(state: CoreState): void {
  leading.stepDown(state.leader);
  election.forgetLeader(state);
  state.reads.rounds.clear();
}

/** This member takes no part any more. */
export function exclude(state: CoreState, exclusion: Exclusion | undefined, outputs: CoreOutput[]): void {
  if (exclusion === undefined || state.isExcluded) return;
  standBack(state);
  state.isExcluded = true;
  state.isRemoved = exclusion.kind === 'removed';
  outputs.push({ kind: 'excluded', exclusion });
}
