import { Command, CommanderError } from 'commander';
import { version } from '../server/version.ts';
import { backupCommand } from './commands/backup.ts';
import { clusterCommand } from './commands/cluster.ts';
import { configCommand } from './commands/config.ts';
import { diffCommand } from './commands/diff.ts';
import { eventsCommand } from './commands/events.ts';
import { getCommand } from './commands/get.ts';
import { historyCommand } from './commands/history.ts';
import { logCommand } from './commands/log.ts';
import { patchCommand } from './commands/patch.ts';
import { putCommand } from './commands/put.ts';
import { restoreCommand } from './commands/restore.ts';
import { rmCommand } from './commands/rm.ts';
import { serveCommand } from './commands/serve.ts';
import { simulateCommand } from './commands/simulate.ts';
import { snapshotCommand } from './commands/snapshot.ts';
import { statusCommand } from './commands/status.ts';
import { verifyCommand } from './commands/verify.ts';
import { errorLine, exitCodeOf, exitCodes } from './exit-codes.ts';

const commands = [
  serveCommand,
  clusterCommand,
  getCommand,
  putCommand,
  patchCommand,
  rmCommand,
  historyCommand,
  diffCommand,
  eventsCommand,
  backupCommand,
  verifyCommand,
  restoreCommand,
  snapshotCommand,
  statusCommand,
  logCommand,
  configCommand,
  simulateCommand,
];

const program = new Command('loggos')
  .description('An event-sourced JSON document store in which every event is chosen by Paxos.')
  .version(version)
  .addHelpText(
    'after',
    '\nExit codes: 0 done, 1 failed, 2 usage, 70 stopped by a defect or a failing disk, 75 try again (no leader, locked).',
  );
for (const make of commands) program.addCommand(inheritSettings(make()));
inheritSettings(program);

// A reader that has enough (`loggos events | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.done);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Commander prints help and usage errors itself and then throws, so that exit codes are ours. */
function inheritSettings(command: Command): Command {
  for (const child of command.commands) inheritSettings(child);
  return command.exitOverride().configureOutput({
    outputError: (text, write) => {
      const line = text
        .trim()
        .replace(/^error: /, '')
        .replaceAll('\n', ' ')
        .replace(/\.$/, '');
      write(`loggos: ${line}; see: ${pathOf(command)} --help\n`);
    },
  });
}

/** `loggos log show` */
function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  console.error(errorLine(error));
  return exitCodeOf(error);
}
