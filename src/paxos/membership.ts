import { assert } from '../base/assert.ts';
import { isPlanted } from '../base/planted-bugs.ts';
import type { ReplicaId } from './ballot.ts';
import type { Membership } from './chosen-value.ts';

/**
 * How many instances may be in flight, and how long a membership waits before it rules: one chosen at i rules from
 * i + `pipelineWindow`, so whoever proposes at j knows who rules j once everything to j − `pipelineWindow` is chosen
 * (G1). A constant of the format.
 */
export const pipelineWindow = 16;

/** A membership with the instance it was chosen at. */
export interface ChosenMembership {
  readonly instance: number;
  readonly membership: Membership;
}

export interface Reign extends ChosenMembership {
  readonly firstInstance: number;
  readonly voters: readonly ReplicaId[];
  readonly members: readonly ReplicaId[];
}

/** Who rules which instances, oldest first. The first known one rules everything before the second. */
export interface MembershipHistory {
  readonly reigns: Reign[];
}

/** @param chosen - ascending; empty where this replica knows none yet: it joins, or the group is new */
export function createMembershipHistory(chosen: readonly ChosenMembership[]): MembershipHistory {
  const history: MembershipHistory = { reigns: [] };
  for (const entry of chosen) addMembership(history, entry);
  return history;
}

/** Adds one that was chosen. Nothing happens where it is known: the first membership is proposed as instance 1. */
export function addMembership(history: MembershipHistory, { instance, membership }: ChosenMembership): void {
  const last = history.reigns.at(-1);
  if (last?.instance === instance) return;
  assert(last === undefined || last.instance < instance, 'memberships are chosen in order', { instance });
  const wait = isPlanted('membership-at-once') ? 1 : pipelineWindow;
  history.reigns.push({
    instance,
    membership,
    firstInstance: last === undefined ? 1 : instance + wait,
    voters: membership.members.filter((member) => member.role === 'voter').map((member) => member.id),
    members: membership.members.map((member) => member.id),
  });
}

/** The membership whose quorum decides `instance` (G2). */
export function ruling({ reigns }: MembershipHistory, instance: number): Reign {
  for (let index = reigns.length - 1; index > 0; index--) {
    const reign = reigns[index];
    if (reign !== undefined && (reign.firstInstance <= instance || isPlanted('quorum-of-newest-membership'))) {
      return reign;
    }
  }
  const first = reigns[0];
  assert(first !== undefined, 'whoever asks knows a membership');
  return first;
}

/** The newest membership known, by the instance it was chosen at; 0: none. */
export function epochOf({ reigns }: MembershipHistory): number {
  return reigns.at(-1)?.instance ?? 0;
}

/** The reigns of all instances that may be proposed now, one or two. None where no membership is known. */
export function reignsWithin(history: MembershipHistory, chosenTo: number): readonly Reign[] {
  if (history.reigns.length === 0) return [];
  const now = ruling(history, chosenTo + 1);
  const soon = ruling(history, chosenTo + pipelineWindow);
  return now === soon ? [now] : [now, soon];
}

/** Whether that very incarnation of a replica is in the membership, and in that role where one is given. */
export function includes(
  { membership }: Reign,
  { replica, incarnation }: { readonly replica: ReplicaId; readonly incarnation: string },
  role?: 'voter',
): boolean {
  return membership.members.some(
    (member) =>
      member.id === replica && member.incarnation === incarnation && (role === undefined || member.role === role),
  );
}
