import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import { LoggosError } from '../../base/errors.ts';
import { inspectLog, type LogEntry, type LogVerdict } from '../../log/inspect.ts';
import { systemHashes } from '../../system/hashes.ts';
import { PoolDisk } from '../../system/pool-disk.ts';
import { wholeNumber } from '../input.ts';
import { counted, print } from '../output.ts';

interface Options {
  readonly data: string;
  readonly database: string;
  readonly from?: number;
  readonly count?: number;
  readonly json?: boolean;
}

const emptyVerdict: LogVerdict = {
  kind: 'verdict',
  state: 'empty',
  segmentCount: 0,
  recordCount: 0,
  damagedCount: 0,
  ambiguousCount: 0,
  lowestInstance: 0,
  highestInstance: 0,
  chosenTo: 0,
};

export function logCommand(): Command {
  return new Command('log')
    .description('look at the log of a data directory, best while no replica runs on it')
    .addCommand(showCommand())
    .addCommand(checkCommand());
}

function showCommand(): Command {
  return withDirectory(new Command('show'))
    .description('list segments, records and promises as they stand')
    .option('--from <instance>', 'records of this instance and later ones (default: all)', wholeNumber)
    .option('--count <number>', 'at most so many records (default: all)', wholeNumber)
    .option('--json', 'one JSON object a line')
    .addHelpText('after', '\nExample:\n  $ loggos log show --data data --from 120 --count 10')
    .action(async (options: Options) => {
      let left = options.count ?? Number.POSITIVE_INFINITY;
      if (saysThatThereIsNone(options)) return;
      for await (const entry of entriesOf(options)) {
        if (entry.kind === 'record' && ((entry.instance ?? 0) < (options.from ?? 0) || left-- <= 0)) continue;
        print(options.json === true ? JSON.stringify(entry) : lineOf(entry));
      }
    });
}

function checkCommand(): Command {
  return withDirectory(new Command('check'))
    .description('read the whole log and say whether it is damaged; exit code 0 where it is not')
    .option('--json', 'the verdict as one JSON object')
    .addHelpText('after', '\nExample:\n  $ loggos log check --data data')
    .action(async (options: Options) => {
      if (saysThatThereIsNone(options)) return;
      let verdict: LogVerdict | undefined;
      for await (const entry of entriesOf(options)) {
        if (entry.kind === 'verdict') verdict = entry;
        else if (entry.state !== 'ok' && options.json !== true) print(lineOf(entry));
      }
      if (verdict === undefined) return;
      print(options.json === true ? JSON.stringify(verdict) : lineOf(verdict));
      if (verdict.state === 'damaged') throw new LoggosError('log-damaged', `${options.data} has a damaged log`);
    });
}

function withDirectory(command: Command): Command {
  return command
    .option('--data <directory>', 'the data directory', 'data')
    .option('--database <name>', 'which database', 'main');
}

function entriesOf(options: Options): AsyncGenerator<LogEntry> {
  return inspectLog(new PoolDisk(), logDirectory(options), systemHashes);
}

/**
 * A database that no replica has opened yet, such as a restored one, has no log: that is no damage.
 * @throws LoggosError `not-found` where there is no such database
 */
function saysThatThereIsNone(options: Options): boolean {
  const directory = logDirectory(options);
  if (existsSync(directory)) return false;
  const hasDatabase = existsSync(join(dirname(directory), 'CURRENT'));
  if (!hasDatabase) throw new LoggosError('not-found', `there is no log in ${directory}`);
  if (options.json === true) print(JSON.stringify(emptyVerdict));
  else print(`there is no log in ${directory} yet: no replica has run on it`);
  return true;
}

function logDirectory({ data, database }: Options): string {
  return join(data, 'databases', database, 'log');
}

function lineOf(entry: LogEntry): string {
  switch (entry.kind) {
    case 'segment':
      return `segment ${entry.segment}  ${entry.state}, ${entry.fileBytes} bytes`;
    case 'promise':
      return `${entry.file}  ${entry.state}${entry.ballot === undefined ? '' : `, ${ballotText(entry.ballot)}`}`;
    case 'verdict':
      return (
        `${entry.state}: ${counted(entry.recordCount, 'record')} in ${counted(entry.segmentCount, 'segment')}, instances ` +
        `${entry.lowestInstance} to ${entry.highestInstance}, chosen to ${entry.chosenTo}; ` +
        `${entry.damagedCount} damaged, ${entry.ambiguousCount} ambiguous`
      );
    case 'record': {
      const { offset, bytes, state, type, instance, ballot, payloadBytes, chosenTo } = entry;
      if (type === undefined) return `  ${offset}  ${state}, ${bytes} bytes without a readable header`;
      const what = ballot === undefined || !instance ? type : `${type} ${instance} at ${ballotText(ballot)}`;
      return `  ${offset}  ${state}, ${what}, ${payloadBytes} bytes, chosen to ${chosenTo}`;
    }
  }
}

function ballotText({ round, replica }: { readonly round: number; readonly replica: number }): string {
  return `ballot ${round}.${replica}`;
}
