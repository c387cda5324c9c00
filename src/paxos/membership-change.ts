import { type ErrorCode, LoggosError } from '../base/errors.ts';
import type { Member, Membership } from './chosen-value.ts';
import type { CoreState } from './core-state.ts';
import { isActive } from './election.ts';
import { hasRoom } from './leader.ts';
import { epochOf, includes, pipelineWindow, ruling } from './membership.ts';
import { isQuorum } from './quorum.ts';

/**
 * Why a leader does not propose `next` now; undefined: it may. One member changes at a time, from stranger to learner to
 * voter to removed, and the next change waits until the last one rules, so that the quorums of two memberships that
 * follow each other always meet. No change may lose the quorum.
 * @returns `no-leader`, `busy`, `membership-changing`, `not-caught-up` and `quorum-at-risk` where the same may be allowed
 * later; `wrong-cluster`, `invalid-parameter`: never, as it is
 */
export function membershipRefusal(state: CoreState, next: Membership): LoggosError | undefined {
  const { leader, learner, memberships } = state;
  if (leader.phase !== 'leading' || leader.handingOver !== undefined)
    return refusal('no-leader', 'This replica does not lead.');
  const newest = Math.max(leader.membershipInstance, epochOf(memberships));
  if (newest > 1 && newest + pipelineWindow > learner.chosenTo + 1) {
    return refusal('membership-changing', 'Another change does not rule yet.');
  }
  if (!hasRoom(state)) return refusal('busy', 'The leader has no room in its window; try again.');
  const { membership: now } = ruling(memberships, learner.chosenTo + 1);
  if (next.clusterId !== now.clusterId || next.historyId !== now.historyId) {
    return refusal('wrong-cluster', 'This is another cluster.');
  }
  return changeRefusal(state, now, next) ?? quorumRefusal(state, next);
}

function changeRefusal(state: CoreState, now: Membership, next: Membership): LoggosError | undefined {
  const changed = differences(now, next);
  const [change] = changed;
  if (change === undefined || changed.length > 1) return wrong('Exactly one member changes at a time.');
  const { before, after } = change;
  if (before === undefined) return newcomerRefusal(state, after);
  if (after === undefined) {
    const isItself = before.id === state.self.replica;
    return isItself ? wrong('A leader does not remove itself: move the leader first.') : undefined;
  }
  if (after.incarnation !== before.incarnation) return wrong('A lost disk comes back as a new member.');
  if (after.role === before.role) return undefined;
  if (after.role === 'learner') return wrong('A voter does not become a learner: remove it.');
  const heard = state.election.heard.get(after.id);
  const isLevel = heard !== undefined && heard.chosenTo + pipelineWindow >= state.learner.chosenTo;
  const isReady = isLevel && isActive(state, after.id);
  return isReady ? undefined : refusal('not-caught-up', 'The learner has not caught up.');
}

function newcomerRefusal({ memberships }: CoreState, newcomer: Member | undefined): LoggosError | undefined {
  if (newcomer?.role !== 'learner') return wrong('A new member begins as a learner.');
  const { id: replica, incarnation } = newcomer;
  // Whoever learns that it was removed goes for good; it would do so again on its way to the news of its return.
  const wasMember = memberships.reigns.some((reign) => includes(reign, { replica, incarnation }));
  return wasMember ? wrong('A removed replica comes back with an empty disk, as a new member.') : undefined;
}

function quorumRefusal(state: CoreState, next: Membership): LoggosError | undefined {
  const voters = next.members.filter(({ role }) => role === 'voter').map(({ id }) => id);
  const alive = new Set(voters.filter((voter) => isActive(state, voter)));
  if (isQuorum(voters, alive)) return undefined;
  return refusal('quorum-at-risk', 'Too few voters of the new membership are alive.');
}

/** What may not be proposed at any time. */
function wrong(message: string): LoggosError {
  return refusal('invalid-parameter', message);
}

function refusal(code: ErrorCode, message: string): LoggosError {
  return new LoggosError(code, message);
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
