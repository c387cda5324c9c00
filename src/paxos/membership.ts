import { assert } from '../base/assert.ts';
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

interface Reign extends ChosenMembership {
  readonly firstInstance: number;
  readonly voters: readonly ReplicaId[];
  readonly members: readonly ReplicaId[];
}

/** Who rules which instances, oldest first; never empty. The first known one rules everything before the second. */
export interface MembershipHistory {
  readonly reigns: Reign[];
}

/** @param chosen - ascending, at least one */
export function createMembershipHistory(chosen: readonly ChosenMembership[]): MembershipHistory {
  const history: MembershipHistory = { reigns: [] };
  for (const entry of chosen) addMembership(history, entry);
  assert(history.reigns.length > 0, 'a replica knows a membership');
  return history;
}

/** Adds one that was chosen. Nothing happens where it is known: the first membership is proposed as instance 1. */
export function addMembership(history: MembershipHistory, { instance, membership }: ChosenMembership): void {
  const last = history.reigns.at(-1);
  if (last?.instance === instance) return;
  assert(last === undefined || last.instance < instance, 'memberships are chosen in order', { instance });
  history.reigns.push({
    instance,
    membership,
    firstInstance: last === undefined ? 1 : instance + pipelineWindow,
    voters: membership.members.filter((member) => member.role === 'voter').map((member) => member.id),
    members: membership.members.map((member) => member.id),
  });
}

/** The membership whose quorum decides `instance` (G2). */
export function ruling(history: MembershipHistory, instance: number): Reign {
  for (let index = history.reigns.length - 1; index > 0; index--) {
    const reign = history.reigns[index];
    if (reign !== undefined && reign.firstInstance <= instance) return reign;
  }
  const first = history.reigns[0];
  assert(first !== undefined, 'a replica knows a membership');
  return first;
}
