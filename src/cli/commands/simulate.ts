import { Command, InvalidArgumentError, Option } from 'commander';
import { plantedBugs } from '../../base/planted-bugs.ts';
import { wholeNumber } from '../input.ts';
import type { SimulateFlags } from '../simulate.ts';

export function simulateCommand(): Command {
  return new Command('simulate')
    .description('run replicas in a world of faults that repeats by its seed, and check all that they do')
    .addOption(new Option('--seed <seed>', 'this one').argParser(wholeNumber).conflicts(['seeds', 'hours', 'from']))
    .option('--seeds <number>', 'so many (default: 100, or as many as there is time for)', countingNumber)
    .option('--hours <hours>', 'no seed begins later', hours)
    .option('--from <seed>', 'the first of them (default: at random)', wholeNumber)
    .option('--jobs <number>', 'processes at the same time (default: one a core)', countingNumber)
    .addOption(new Option('--replicas <number>', '(default: the seed says)').choices(['3', '5']))
    .option('--operations <number>', 'clients begin no more than so many', wholeNumber)
    .option('--without <kinds>', 'kinds of faults that are switched off, with commas')
    .addOption(new Option('--only <kinds>', 'all others are switched off; or: none').conflicts('without'))
    .addOption(new Option('--plant <bug>', 'switch a known bug on').choices(plantedBugs))
    .addOption(
      new Option('--planted', 'how many seeds each known bug takes, or the one of --plant; 5,000 at most').conflicts([
        'seed',
        'hours',
        'kept',
      ]),
    )
    .option('--kept <directory>', 'first the seeds that are kept there')
    .option('--failures <number>', 'no seed begins after so many have failed', countingNumber, 10)
    .option(
      '--trace <lines>',
      'show so many of the last lines (default: 60 of a failure, none of a success)',
      wholeNumber,
    )
    .option('--no-shrink', 'do not look for a smaller form of a failure')
    .option('--here', 'run --seed in this very process, for a debugger')
    .option('--json', 'what was found, as one JSON object')
    .addHelpText(
      'after',
      '\nThe bugs: ' +
        plantedBugs.join(' ') +
        '\nSee docs/simulator.md.\n\nExample:\n  $ loggos simulate --seeds 1000 --from 1',
    )
    .action(async (flags: SimulateFlags) => {
      // Imported late, and by nobody else: no other command ever loads the simulator.
      const { simulate } = await import('../simulate.ts');
      process.exitCode = await simulate(flags);
    });
}

function countingNumber(text: string): number {
  const value = wholeNumber(text);
  if (value >= 1) return value;
  throw new InvalidArgumentError('It is a whole number from 1.');
}

function hours(text: string): number {
  const value = Number(text);
  if (/^\d*\.?\d+$/.test(text) && value > 0) return value;
  throw new InvalidArgumentError('It is a number such as 0.5.');
}
