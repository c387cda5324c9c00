import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { LoggosError } from '../../base/errors.ts';
import { type ConnectionOptions, connect, withConnection } from '../connection.ts';
import { downloadPart, keepPart, removePart } from '../download.ts';
import { requirePlaceFor } from '../files.ts';
import { print, sizeText } from '../output.ts';
import { verifyWithProgress } from '../verify.ts';

interface Options extends ConnectionOptions {
  readonly to: string;
  readonly resume?: boolean;
}

export function backupCommand(): Command {
  return withConnection(new Command('backup'))
    .description('download a snapshot of the newest state, verify it, and only then give it its name')
    .requiredOption('--to <file.tar>', 'where to; an existing file is not overwritten')
    .option('--resume', 'go on with what an interrupted run left beside it: a backup of that run')
    .option('--json', 'what it is a backup of, as one JSON object')
    .addHelpText('after', '\nExample:\n  $ loggos backup --to loggos-$(date +%F).tar')
    .action(async (options: Options) => {
      const { to, resume = false, json } = options;
      requirePlaceFor(to);
      if (existsSync(to)) throw new LoggosError('usage', `${to} exists already`);
      const partPath = await downloadPart(connect(options), to, resume);
      const report = await verifyWithProgress(partPath).catch(async (error: unknown) => {
        await removePart(partPath);
        throw error;
      });
      await keepPart(partPath, to);
      if (report.kind !== 'snapshot') return;
      const { instance, position, time, digest, historyId } = report.manifest;
      if (json === true)
        print(JSON.stringify({ file: to, bytes: report.bytes, instance, position, time, digest, historyId }));
      else print(`${to}: ${sizeText(report.bytes)}, verified; position ${position} of ${time}, digest ${digest}`);
    });
}
