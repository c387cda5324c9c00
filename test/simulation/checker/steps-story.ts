import type { FoundOnDisk } from '../../../src/simulation/checker/acceptor-words.ts';
import type { NoticedBallot } from '../../../src/simulation/checker/noticed-ballot.ts';
import { StepChecks } from '../../../src/simulation/checker/step-checks.ts';

/** Each replica's data directory. */
const incarnations = ['', 'aaaa', 'bbbb', 'cccc'];
export const voters = [1, 2, 3].map((replica) => ({ replica, incarnation: incarnations[replica] ?? '' }));

/** What happens in a cluster of three, told in short. */
class Steps {
  readonly checks = new StepChecks({
    votersAt: (instance) => (instance === 99 ? undefined : voters),
    firstInstance: 1,
    instancesMax: 100,
  });

  promise(replica: number, round: number, leader = 1): this {
    this.checks.onPromised(replica, incarnations[replica] ?? '', ballot(round, leader));
    return this;
  }

  propose(instance: number, round: number, value: string, leader = 1): this {
    this.checks.onProposed(instance, ballot(round, leader), value);
    return this;
  }

  accept(replica: number, instance: number, round: number, value: string, leader = 1): this {
    // Proposed as well, where nobody has said so before.
    this.checks.onProposed(instance, ballot(round, leader), value);
    this.checks.onAccepted(replica, incarnations[replica] ?? '', instance, ballot(round, leader));
    return this;
  }

  chosen(replica: number, instance: number, value: string): this {
    this.checks.onChosen(replica, instance, value);
    return this;
  }

  /** Two of three accept, one learns. */
  choose(instance: number, round: number, value: string): this {
    return this.propose(instance, round, value).accept(1, instance, round, value).accept(2, instance, round, value);
  }

  boot(replica: number, found: Partial<FoundOnDisk>): this {
    const all = { promised: ballot(0, 0), accepted: new Map(), truncatedTo: 0, isDamaged: false, ...found };
    this.checks.onBoot(replica, incarnations[replica] ?? '', all);
    return this;
  }

  replaceDisk(replica: number): this {
    this.checks.onDiskReplaced(replica, incarnations[replica] ?? '');
    return this;
  }

  start(replica: number, instance: number): this {
    this.checks.onStarted(replica, instance);
    return this;
  }

  apply(
    replica: number,
    instance: number,
    value: string,
    more: { fingerprint?: string; chain?: string; position?: number } = {},
  ): this {
    this.checks.onApplied(replica, instance, {
      valueHash: value,
      fingerprint: `f${value}`,
      chain: `c${value}`,
      position: instance,
      ...more,
    });
    return this;
  }

  acknowledge(replica: number, instance: number, position = instance): this {
    this.checks.onAcknowledged(replica, instance, position);
    return this;
  }

  digest(replica: number, instance: number, digest: string): this {
    this.checks.onDigest(replica, instance, digest);
    return this;
  }

  caughtUp(replica: number): this {
    this.checks.checkCaughtUp(replica);
    return this;
  }
}

export function ballot(round: number, replica: number): NoticedBallot {
  return { round, replica, incarnation: incarnations[replica] ?? '' };
}

export function accepted(
  ...entries: readonly (readonly [instance: number, round: number, value: string])[]
): Partial<FoundOnDisk> {
  return {
    promised: ballot(Math.max(0, ...entries.map(([, round]) => round)), 1),
    accepted: new Map(
      entries.map(([instance, round, valueHash]) => [instance, { ballot: ballot(round, 1), valueHash }]),
    ),
  };
}

export interface StepCase {
  readonly name: string;
  /** @throws Violation */
  readonly play: () => void;
}

export const steps = (): Steps => new Steps();
