import type { Observer } from '../base/observer.ts';
import type { CoreState } from '../paxos/core.ts';
import type { PaxosMessage, Promised } from '../paxos/messages.ts';
import type { CoreOutput } from '../paxos/outputs.ts';
import type { Coverage } from './world/coverage.ts';

/**
 * Branches that seldom happen and matter: each of them must be reached within a thousand seeds, or what stands in it
 * has not been tried. Others are counted and may stay at zero.
 */
export const rareBranches = [
  'says: could not tell in phase 1',
  'says: damage is proved in phase 1',
  'says: an older vote in phase 1',
  'says: a vote that may be superseded',
  'says: an older vote again',
  'says: a no-op into a gap',
  'says: refused',
  'says: no pre-vote',
  'says: take-over',
  'says: outdated',
  'says: challenge',
  'supplied one behind',
  'told: log_segments_begun_total',
  'told: cleaned_instances',
  'told: log-tail-cut',
  'told: clock-ahead',
  'told: log-damaged',
  'told: log-promise-repaired',
  'told: log-segment-not-prepared',
] as const;

/** Counts what a step of the core came to. */
export function countBranches(coverage: Coverage, { leader }: CoreState, outputs: readonly CoreOutput[]): void {
  for (const output of outputs) {
    if (output.kind === 'send') {
      const branch = branchOf(output.message, leader.openingInstance);
      if (branch !== undefined) coverage.reached(branch);
    } else if (output.kind === 'supply') coverage.reached('supplied one behind');
    else if (output.kind === 'behind') coverage.reached('was behind all logs');
    else if (output.kind === 'excluded') coverage.reached(`excluded: ${output.exclusion.kind}`);
  }
}

/**
 * Counts what the product tells its operator, and what it counts itself.
 * @param onBroken - told of a broken invariant that the product survived: it stops what it concerns, and reports it
 */
export function coverageObserver(coverage: Coverage, onBroken: (what: string) => void): Observer {
  const quiet = new Set(['elections_won_total', 'replayed_instances']);
  return {
    report(_, event, facts) {
      coverage.reached(`told: ${event}`);
      const error = String(facts?.error ?? '');
      if (error.startsWith('InvariantError')) onBroken(`${event}: ${error}`);
    },
    count(counter) {
      if (!quiet.has(counter)) coverage.reached(`told: ${counter}`);
    },
    measure() {},
  };
}

function branchOf(message: PaxosMessage, openingInstance: number | undefined): string | undefined {
  switch (message.kind) {
    case 'promised':
      return promisedBranch(message);
    case 'accept':
      if (openingInstance !== undefined && message.instance >= openingInstance) return undefined;
      return message.value.length === 2 ? 'says: a no-op into a gap' : 'says: an older vote again';
    case 'pre-vote-answer':
      return message.isGranted ? undefined : 'says: no pre-vote';
    case 'refused':
    case 'take-over':
    case 'outdated':
    case 'challenge':
    case 'distrusted':
      return `says: ${message.kind}`;
    default:
      return undefined;
  }
}

function promisedBranch({ accepted, cannotTell, cannotTellAbove }: Promised): string | undefined {
  if (cannotTellAbove?.proof === 'damaged' || cannotTell.some(({ proof }) => proof === 'damaged')) {
    return 'says: damage is proved in phase 1';
  }
  if (cannotTellAbove !== undefined || cannotTell.length > 0) return 'says: could not tell in phase 1';
  if (accepted.some(({ maybeSuperseded }) => maybeSuperseded !== undefined)) {
    return 'says: a vote that may be superseded';
  }
  return accepted.length > 0 ? 'says: an older vote in phase 1' : undefined;
}
