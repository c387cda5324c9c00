import { StepChecks } from '../../../src/simulation/checker/step-checks.ts';
import { accepted, ballot, type StepCase, steps, voters } from './steps-story.ts';

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
