import type { Member, Membership } from './chosen-value.ts';
import type { CoreState } from './core-state.ts';
import { isActive } from './election.ts';
import { hasRoom } from './leader.ts';
import { epochOf, includes, pipelineWindow, ruling } from './membership.ts';
import { isQuorum } from './quorum.ts';

/**
 * Why a leader does not propose `next` now, as a sentence; undefined: it may. One member changes at a time, from stranger
 * to learner to voter to removed, and the next change waits until the last one rules, so that the quorums of two
 * memberships that follow each other always meet. No change may lose the quorum.
 */
export function membershipRefusal(state: CoreState, next: Membership): string | undefined {
  const { leader, learner, memberships } = state;
  if (leader.phase !== 'leading' || leader.handingOver !== undefined) return 'This replica does not lead.';
  if (!hasRoom(state)) return 'The leader has no room in its window; try again.';
  const newest = Math.max(leader.membershipInstance, epochOf(memberships));
  if (newest > 1 && newest + pipelineWindow > learner.chosenTo + 1) return 'Another change does not rule yet.';
  const { membership: now } = ruling(memberships, learner.chosenTo + 1);
  if (next.clusterId !== now.clusterId || next.historyId !== now.historyId) return 'This is another cluster.';
  return changeRefusal(state, now, next) ?? quorumRefusal(state, next);
}

function changeRefusal(state: CoreState, now: Membership, next: Membership): string | undefined {
  const changed = differences(now, next);
  const [change] = changed;
  if (change === undefined || changed.length > 1) return 'Exactly one member changes at a time.';
  const { before, after } = change;
  if (before === undefined) return newcomerRefusal(state, after);
  if (after === undefined) {
    return before.id === state.self.replica ? 'A leader does not remove itself: move the leader first.' : undefined;
  }
  if (after.incarnation !== before.incarnation) return 'A lost disk comes back as a new member.';
  if (after.role === before.role) return undefined;
  if (after.role === 'learner') return 'A voter does not become a learner: remove it.';
  const heard = state.election.heard.get(after.id);
  const isLevel = heard !== undefined && heard.chosenTo + pipelineWindow >= state.learner.chosenTo;
  return isLevel && isActive(state, after.id) ? undefined : 'The learner has not caught up.';
}

function newcomerRefusal({ memberships }: CoreState, newcomer: Member | undefined): string | undefined {
  if (newcomer?.role !== 'learner') return 'A new member begins as a learner.';
  const { id: replica, incarnation } = newcomer;
  // Whoever learns that it was removed goes for good; it would do so again on its way to the news of its return.
  const wasMember = memberships.reigns.some((reign) => includes(reign, { replica, incarnation }));
  return wasMember ? 'A removed replica comes back with an empty disk, as a new member.' : undefined;
}

function quorumRefusal(state: CoreState, next: Membership): string | undefined {
  const voters = next.members.filter(({ role }) => role === 'voter').map(({ id }) => id);
  const alive = new Set(voters.filter((voter) => isActive(state, voter)));
  return isQuorum(voters, alive) ? undefined : 'Too few voters of the new membership are alive.';
}

function differences(
  now: Membership,
  next: Membership,
): readonly { readonly before: Member | undefined; readonly after: Member | undefined }[] {
  const ids = new Set([...now.members, ...next.members].map(({ id }) => id));
  return [...ids]
    .map((id) => ({
      before: now.members.find((member) => member.id === id),
      after: next.members.find((member) => member.id === id),
    }))
    .filter(({ before, after }) => before === undefined || after === undefined || !isSame(before, after));
}

function isSame(left: Member, right: Member): boolean {
  return (
    left.name === right.name &&
    left.incarnation === right.incarnation &&
    left.role === right.role &&
    left.address === right.address
  );
}
