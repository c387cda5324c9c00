import type { FoundOnDisk } from '../../../src/simulation/checker/acceptor-words.ts';
import type { NoticedBallot } from '../../../src/simulation/checker/noticed-ballot.ts';
import { StepChecks } from '../../../src/simulation/checker/step-checks.ts';
import type { Rule } from '../../../src/simulation/checker/violation.ts';

/** Each replica's data directory. */
const incarnations = ['', 'aaaa', 'bbbb', 'cccc'];
const voters = [1, 2, 3].map((replica) => ({ replica, incarnation: incarnations[replica] ?? '' }));

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

function ballot(round: number, replica: number): NoticedBallot {
  return { round, replica, incarnation: incarnations[replica] ?? '' };
}

function accepted(
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

const steps = (): Steps => new Steps();

export const badSteps: readonly (StepCase & { readonly rule: Rule })[] = [
  // What an acceptor says.
  { name: 'a promise goes back', rule: 'promise-goes-back', play: () => steps().promise(1, 5).promise(1, 4) },
  {
    name: 'a promise goes back to another replica of the same round',
    rule: 'promise-goes-back',
    play: () => steps().promise(1, 5, 3).promise(1, 5, 2),
  },
  {
    name: 'a promise goes back over a restart that found it',
    rule: 'promise-goes-back',
    play: () =>
      steps()
        .promise(1, 5)
        .boot(1, { promised: ballot(5, 1) })
        .promise(1, 4),
  },
  {
    name: 'a promise is below what was accepted',
    rule: 'promise-goes-back',
    play: () => steps().accept(1, 1, 5, 'x').promise(1, 4),
  },
  {
    name: 'an accept below the promise',
    rule: 'accept-below-promise',
    play: () => steps().promise(1, 5).accept(1, 1, 4, 'x'),
  },
  {
    name: 'an accept of another instance below the promise',
    rule: 'accept-below-promise',
    play: () => steps().accept(1, 1, 4, 'x').promise(1, 5).accept(1, 2, 4, 'x'),
  },
  {
    name: 'an accept at a ballot at which nobody proposed',
    rule: 'accepted-unproposed',
    play: () => {
      const story = steps().propose(1, 4, 'x');
      story.checks.onAccepted(1, 'aaaa', 1, ballot(5, 1));
    },
  },
  {
    name: 'a vote is found at a lower ballot than was said, and nothing is chosen yet',
    rule: 'accept-lost',
    play: () => {
      const found = { ...accepted([1, 5, 'x']), promised: ballot(6, 2) };
      steps().accept(1, 1, 5, 'x').accept(1, 1, 6, 'x', 2).boot(1, found);
    },
  },
  {
    name: 'a promise that was said is not on disk after a restart',
    rule: 'promise-lost',
    play: () =>
      steps()
        .promise(1, 5)
        .boot(1, { promised: ballot(4, 1) }),
  },
  {
    name: 'a promise that an accept implies is not on disk',
    rule: 'promise-lost',
    play: () =>
      steps()
        .accept(1, 1, 5, 'x')
        .boot(1, { ...accepted([1, 5, 'x']), promised: ballot(4, 1) }),
  },
  {
    name: 'an accept that was said is not on disk after a restart',
    rule: 'accept-lost',
    play: () =>
      steps()
        .accept(1, 1, 5, 'x')
        .boot(1, { promised: ballot(5, 1) }),
  },
  {
    name: 'damage is called never accepted',
    rule: 'accept-lost',
    play: () =>
      steps()
        .accept(1, 1, 5, 'x')
        .boot(1, { promised: ballot(5, 1), isDamaged: true }),
  },
  {
    name: 'an older accept is found than was said',
    rule: 'accept-lost',
    play: () =>
      steps()
        .accept(1, 1, 5, 'x')
        .boot(1, { ...accepted([1, 4, 'x']), promised: ballot(5, 1) }),
  },
  {
    name: 'another value is found than was said',
    rule: 'accept-lost',
    play: () =>
      steps()
        .accept(1, 1, 5, 'x')
        .boot(1, accepted([1, 5, 'y'])),
  },
  {
    name: 'what no fault has touched is called damaged',
    rule: 'intact-called-damaged',
    play: () =>
      steps()
        .accept(1, 1, 5, 'x')
        .boot(1, { promised: ballot(5, 1), accepted: new Map([[1, 'cannot-tell']]) }),
  },
  {
    name: 'a promise that no fault has touched cannot be told',
    rule: 'intact-called-damaged',
    play: () => steps().promise(1, 5).boot(1, { promised: undefined }),
  },
  // One value an instance.
  {
    name: 'two values at one ballot are accepted',
    rule: 'two-values-at-a-ballot',
    play: () => steps().accept(1, 1, 5, 'x').accept(2, 1, 5, 'y'),
  },
  {
    name: 'a ballot is used again after a restart',
    rule: 'two-values-at-a-ballot',
    play: () => steps().propose(1, 5, 'x').propose(1, 5, 'y'),
  },
  {
    name: 'a new leader proposes another value than was chosen, though nobody had learned it',
    rule: 'chosen-then-lost',
    play: () => steps().choose(1, 5, 'x').propose(1, 6, 'y', 3),
  },
  {
    name: 'another value is accepted above the ballot at which one was chosen',
    rule: 'chosen-then-lost',
    play: () => steps().choose(1, 5, 'x').accept(3, 1, 6, 'y', 3),
  },
  {
    name: 'a value is chosen below a ballot that has already proposed another',
    rule: 'chosen-then-lost',
    play: () => steps().propose(1, 5, 'x').accept(1, 1, 5, 'x').propose(1, 6, 'y', 3).accept(2, 1, 5, 'x'),
  },
  {
    name: 'a replica learns another value than was chosen',
    rule: 'two-values',
    play: () => steps().choose(1, 5, 'x').chosen(3, 1, 'y'),
  },
  {
    name: 'two replicas learn two values where nobody knows who votes',
    rule: 'two-values',
    play: () => steps().chosen(1, 99, 'x').chosen(2, 99, 'y'),
  },
  {
    name: 'a vote that proves nothing lets a second value be chosen at an older ballot',
    rule: 'two-values',
    play: () => {
      return steps()
        .accept(2, 1, 4, 'y')
        .replaceDisk(1)
        .accept(1, 1, 5, 'x')
        .accept(2, 1, 5, 'x')
        .chosen(1, 1, 'x')
        .accept(3, 1, 4, 'y');
    },
  },
  {
    name: 'a leader counts itself before its own disk has it',
    rule: 'chosen-without-quorum',
    play: () => steps().propose(1, 5, 'x').accept(2, 1, 5, 'x').chosen(1, 1, 'x'),
  },
  {
    name: 'accepts at two ballots are counted together',
    rule: 'chosen-without-quorum',
    play: () => steps().accept(1, 1, 5, 'x').accept(2, 1, 6, 'x', 2).chosen(3, 1, 'x'),
  },
  {
    name: 'a value is applied that no quorum holds',
    rule: 'chosen-without-quorum',
    play: () => steps().accept(1, 1, 5, 'x').apply(1, 1, 'x'),
  },
  {
    name: 'one acceptor is counted twice',
    rule: 'chosen-without-quorum',
    play: () => steps().accept(1, 1, 5, 'x').accept(1, 1, 5, 'x').chosen(1, 1, 'x'),
  },
  {
    name: 'a data directory that is no member is counted',
    rule: 'chosen-without-quorum',
    play: () => {
      const story = steps().accept(1, 1, 5, 'x');
      story.checks.onAccepted(2, 'dddd', 1, ballot(5, 1));
      story.chosen(1, 1, 'x');
    },
  },
  {
    name: 'a value is called chosen that nobody has ever proposed',
    rule: 'chosen-without-quorum',
    play: () => steps().chosen(1, 1, 'x'),
  },
  // What is applied and answered.
  {
    name: 'an instance is left out',
    rule: 'applied-out-of-order',
    play: () => steps().choose(2, 5, 'x').apply(1, 2, 'x'),
  },
  {
    name: 'an instance is applied twice',
    rule: 'applied-out-of-order',
    play: () => steps().choose(1, 5, 'x').apply(1, 1, 'x').apply(1, 1, 'x'),
  },
  {
    name: 'two replicas have two fingerprints at one instance',
    rule: 'state-diverges',
    play: () => steps().choose(1, 5, 'x').apply(1, 1, 'x').apply(2, 1, 'x', { fingerprint: 'g' }),
  },
  {
    name: 'two replicas have two chains at one instance',
    rule: 'state-diverges',
    play: () => steps().choose(1, 5, 'x').apply(1, 1, 'x').apply(2, 1, 'x', { chain: 'd' }),
  },
  {
    name: 'two replicas are at two positions after one instance',
    rule: 'state-diverges',
    play: () => steps().choose(1, 5, 'x').apply(1, 1, 'x').apply(2, 1, 'x', { position: 2 }),
  },
  {
    name: 'two replicas have two digests at one instance',
    rule: 'digest-diverges',
    play: () => steps().digest(1, 1_000, 'd').digest(2, 1_000, 'e'),
  },
  {
    name: 'an answer leaves before its instance is applied',
    rule: 'acknowledged-before-applied',
    play: () => steps().choose(1, 5, 'x').acknowledge(1, 1),
  },
  {
    name: 'an answer leaves that only another replica has applied',
    rule: 'acknowledged-before-applied',
    play: () => steps().choose(1, 5, 'x').apply(2, 1, 'x').acknowledge(1, 1),
  },
  {
    name: 'an answer names a position that its instance does not reach',
    rule: 'acknowledged-before-applied',
    play: () => steps().choose(1, 5, 'x').apply(1, 1, 'x').acknowledge(1, 1, 2),
  },
  {
    name: 'a healed replica ends before what was acknowledged',
    rule: 'acknowledged-lost',
    play: () => steps().choose(1, 5, 'x').apply(1, 1, 'x').acknowledge(1, 1).start(2, 0).caughtUp(2),
  },
];

export const goodSteps: readonly StepCase[] = [
  {
    name: 'a write from the promise to the answer, on all three',
    play: () => {
      const story = steps().promise(1, 5).promise(2, 5).choose(1, 5, 'x').chosen(1, 1, 'x').accept(3, 1, 5, 'x');
      for (const replica of [1, 2, 3]) story.start(replica, 0).apply(replica, 1, 'x').digest(replica, 1, 'd');
      for (const replica of [1, 2, 3]) story.acknowledge(replica, 1).caughtUp(replica);
    },
  },
  {
    name: 'a new leader proposes the chosen value again',
    play: () =>
      steps()
        .choose(1, 5, 'x')
        .promise(3, 6, 3)
        .promise(2, 6, 3)
        .propose(1, 6, 'x', 3)
        .accept(3, 1, 6, 'x', 3)
        .chosen(3, 1, 'x'),
  },
  {
    name: 'a value that no quorum has is given up for another',
    play: () =>
      steps().propose(1, 5, 'x').accept(1, 1, 5, 'x').accept(2, 1, 6, 'y', 2).accept(3, 1, 6, 'y', 2).chosen(2, 1, 'y'),
  },
  {
    name: 'a late accept of an old ballot that was overtaken',
    play: () => steps().accept(1, 1, 6, 'y', 2).accept(2, 1, 6, 'y', 2).accept(3, 1, 5, 'x').chosen(3, 1, 'y'),
  },
  {
    name: 'an accept that is said again after a later promise',
    play: () => steps().accept(1, 1, 5, 'x').promise(1, 6, 2).accept(1, 1, 5, 'x'),
  },
  {
    name: 'a restart that finds all that was said, and more',
    play: () =>
      steps()
        .accept(1, 1, 5, 'x')
        .accept(1, 2, 5, 'y')
        .boot(1, { ...accepted([1, 6, 'z'], [2, 5, 'y'], [3, 6, 'w']) }),
  },
  {
    name: 'a vote for what is chosen already is found at the ballot at which it was chosen',
    play: () => {
      const found = { ...accepted([1, 5, 'x']), promised: ballot(6, 2) };
      steps().choose(1, 5, 'x').accept(1, 1, 6, 'x', 2).boot(1, found);
    },
  },
  {
    name: 'a restart that has dropped what is chosen',
    play: () =>
      steps()
        .accept(1, 1, 5, 'x')
        .boot(1, { promised: ballot(5, 1), truncatedTo: 1 }),
  },
  {
    name: 'damage that is called damage',
    play: () =>
      steps()
        .accept(1, 1, 5, 'x')
        .boot(1, { promised: undefined, accepted: new Map([[1, 'cannot-tell']]), isDamaged: true }),
  },
  {
    name: 'a disk that was rolled back under its replica says less, and its votes prove nothing',
    play: () =>
      steps().promise(1, 5).accept(1, 1, 5, 'x').replaceDisk(1).boot(1, {}).promise(1, 3).accept(1, 1, 4, 'y', 2),
  },
  {
    name: 'votes that prove nothing, counted by nobody, do not bind who comes after',
    play: () => {
      steps()
        .replaceDisk(1)
        .accept(1, 1, 5, 'x')
        .accept(2, 1, 5, 'x')
        .accept(2, 1, 6, 'y', 3)
        .accept(3, 1, 6, 'y', 3)
        .chosen(3, 1, 'y');
    },
  },
  {
    name: 'a disk that was lost comes back as another incarnation',
    play: () => {
      const story = steps().promise(1, 5).accept(1, 1, 5, 'x');
      story.checks.onBoot(1, 'dddd', { promised: ballot(0, 0), accepted: new Map(), truncatedTo: 0, isDamaged: false });
      story.checks.onPromised(1, 'dddd', ballot(4, 2));
    },
  },
  {
    name: 'a restart applies again from its checkpoint, and an install goes over a gap',
    play: () => {
      const story = steps().choose(1, 5, 'x').choose(2, 5, 'y').choose(3, 5, 'z');
      story.apply(1, 1, 'x').apply(1, 2, 'y').start(1, 1).apply(1, 2, 'y');
      story.start(3, 2).apply(3, 3, 'z').acknowledge(3, 1);
    },
  },
  {
    name: 'what was chosen before the run began needs no quorum in it',
    play: () => {
      const checks = new StepChecks({ votersAt: () => voters, firstInstance: 10, instancesMax: 100 });
      checks.onChosen(1, 9, 'x');
      checks.onAcknowledged(1, 0, 3);
    },
  },
  {
    name: 'votes are counted when it is known who votes',
    play: () => {
      let known = false;
      const checks = new StepChecks({
        votersAt: () => (known ? voters : undefined),
        firstInstance: 1,
        instancesMax: 100,
      });
      checks.onProposed(1, ballot(5, 1), 'x');
      checks.onAccepted(1, 'aaaa', 1, ballot(5, 1));
      checks.onAccepted(2, 'bbbb', 1, ballot(5, 1));
      known = true;
      checks.onChosen(3, 1, 'x');
    },
  },
];
