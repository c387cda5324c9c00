import type { Rule } from '../../../src/simulation/checker/violation.ts';
import { accepted, ballot, type StepCase, steps } from './steps-story.ts';

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
