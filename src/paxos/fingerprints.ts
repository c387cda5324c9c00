/**
 * Replicas tell each other what their state machines became, and each looks whether it is the odd one (E5): whoever
 * differs from a quorum takes no part any more, and where no quorum agrees nobody does.
 */
import type { ReplicaId } from './ballot.ts';
import type { CoreState } from './core-state.ts';
import { ruling } from './membership.ts';
import type { FingerprintMark } from './messages.ts';
import type { Exclusion } from './outputs.ts';

/** How many marks of a kind are remembered for comparison; older ones were compared, or never will be. */
const marksMax = 256;

interface Comparison {
  readonly machineId: number;
  readonly instance: number;
  readonly fingerprints: Map<ReplicaId, Uint8Array>;
}

/** By kind, so that the many of one do not drive out the few of the other. */
export type FingerprintState = Readonly<Record<FingerprintMark['of'], Map<string, Comparison>>>;

export function createFingerprints(): FingerprintState {
  return { execution: new Map(), digest: new Map() };
}

/** Takes a mark, of this replica too. @returns why this replica must stop, where it must */
export function onMark(state: CoreState, from: ReplicaId, mark: FingerprintMark): Exclusion | undefined {
  const comparison = comparisonOf(state.fingerprints, mark);
  comparison.fingerprints.set(from, mark.fingerprint);
  return judge(state, comparison);
}

function judge({ self, memberships }: CoreState, comparison: Comparison): Exclusion | undefined {
  const { fingerprints, machineId, instance } = comparison;
  const own = fingerprints.get(self.replica);
  if (own === undefined || memberships.reigns.length === 0) return undefined;
  const { voters } = ruling(memberships, instance);
  const said = voters.flatMap((voter) => fingerprints.get(voter) ?? []);
  const most = Math.max(0, ...said.map((one) => countEqual(said, one)));
  const hasQuorum = most * 2 > voters.length;
  if (hasQuorum && countEqual(said, own) < most) return { kind: 'diverged', machineId, instance, isAlone: true };
  // Not even all those that have not spoken yet could make a quorum of any side.
  if ((most + voters.length - said.length) * 2 <= voters.length)
    return { kind: 'diverged', machineId, instance, isAlone: false };
  return undefined;
}

function countEqual(fingerprints: readonly Uint8Array[], one: Uint8Array): number {
  return fingerprints.filter((other) => equalBytes(other, one)).length;
}

function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

function comparisonOf(state: FingerprintState, { machineId, of, instance }: FingerprintMark): Comparison {
  const comparisons = state[of];
  const key = `${machineId} ${instance}`;
  const known = comparisons.get(key);
  if (known !== undefined) return known;
  const comparison: Comparison = { machineId, instance, fingerprints: new Map() };
  comparisons.set(key, comparison);
  const oldest = comparisons.keys().next().value;
  if (comparisons.size > marksMax && oldest !== undefined) comparisons.delete(oldest);
  return comparison;
}
