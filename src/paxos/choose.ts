/** From news to values in order: what becomes known to be chosen is executed, each instance once. */
import { isPlanted } from '../base/planted-bugs.ts';
import { forget, holds } from './acceptor.ts';
import type { Ballot, ReplicaId } from './ballot.ts';
import { type Membership, membershipIn } from './chosen-value.ts';
import type { CoreState } from './core-state.ts';
import { type ChosenInstance, isNoticed, learn } from './learner.ts';
import { addMembership, includes, ruling } from './membership.ts';
import { advance, exclude } from './office.ts';
import type { CoreOutput } from './outputs.ts';
import { isMember } from './trust.ts';

/**
 * Takes news of a chosen value. Before it is executed it is on this disk, or on its way there: as the vote of that very
 * ballot, or else as a record of its own. A leader has no vote where a membership that names it does not rule yet.
 */
export function learnChosen(state: CoreState, chosen: ChosenInstance, outputs: CoreOutput[]): void {
  const { instance, ballot, value } = chosen;
  if (!holds(state.acceptor, instance, ballot)) {
    outputs.push({ kind: 'persist', record: { kind: 'chosen', instance, ballot, value } });
  }
  choose(state, chosen, outputs);
}

/** Takes a value known to be chosen that is in the log. */
export function choose(state: CoreState, chosen: ChosenInstance, outputs: CoreOutput[]): void {
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

/** A record that was learned as chosen may stand right above what the log proves: it is executed with the first input. */
export function chooseFoundAtBoot(state: CoreState, outputs: CoreOutput[]): void {
  const { ahead, chosenTo } = state.learner;
  const next = ahead.size === 0 ? undefined : ahead.get(chosenTo + 1);
  if (next === undefined) return;
  ahead.delete(next.instance);
  choose(state, next, outputs);
}

function takeMembership(state: CoreState, instance: number, membership: Membership): void {
  state.forming = undefined;
  // Instance 1 may have been accepted, and so be known, as another membership that lost.
  if (instance === 1) state.memberships.reigns.length = 0;
  const before = state.memberships.reigns.at(-1);
  addMembership(state.memberships, { instance, membership });
  if (before === undefined) return;
  // A number that comes back under another incarnation has promised nothing and heard of nothing yet (G4).
  for (const member of membership.members) {
    if (!includes(before, { replica: member.id, incarnation: member.incarnation })) forgetMember(state, member.id);
  }
}

function forgetMember({ leader, election }: CoreState, replica: ReplicaId): void {
  leader.promisedBy.delete(replica);
  leader.askedForPromise.delete(replica);
  election.heard.delete(replica);
}

/** A member that no membership names any more goes as soon as the one without it rules. */
export function leaveIfRemoved(state: CoreState, outputs: CoreOutput[]): void {
  const { self, memberships, learner } = state;
  if (memberships.reigns.length < 2) return;
  const now = ruling(memberships, learner.chosenTo + 1);
  const wasMember = memberships.reigns.some((reign) => reign.instance < now.instance && includes(reign, self));
  if (wasMember && !isMember(state, self)) exclude(state, { kind: 'removed', epoch: now.instance }, outputs);
}

/** A notice and a vote of one ballot together make a chosen value, whichever came first (B5). */
export function learnNoticed(state: CoreState, instance: number, ballot: Ballot, outputs: CoreOutput[]): void {
  if (!isNoticed(state.learner, instance, ballot)) return;
  if (!holds(state.acceptor, instance, ballot) && !isPlanted('chosen-notice-without-ballot')) return;
  const vote = state.acceptor.accepted.get(instance);
  if (vote !== undefined) choose(state, { instance, ballot, value: vote.value }, outputs);
}
