import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { silentObserver } from '../../base/observer.ts';
import { DirectoryLock } from '../../server/directory-lock.ts';
import { print, sizeText } from '../output.ts';
import { verifyWithProgress } from '../verify.ts';

export function verifyCommand(): Command {
  return new Command('verify')
    .description('read a backup (tar or unpacked) or a data directory that is not in use, and check all of it')
    .argument('<path>')
    .option('--json', 'what was found, as one JSON object')
    .addHelpText('after', '\nExample:\n  $ loggos verify loggos-2026-11-24.tar')
    .action(async (path: string, options: { readonly json?: boolean }) => {
      // A data directory may not change while it is read.
      const isData = existsSync(join(path, 'lock.sqlite'));
      const lock = isData ? await DirectoryLock.take(path, silentObserver) : undefined;
      const report = await verifyWithProgress(path).finally(() => lock?.release());
      if (options.json === true) print(JSON.stringify(report));
      else if (report.kind === 'snapshot') {
        const { instance, position, time, digest } = report.manifest;
        print(`${path} is whole: ${sizeText(report.bytes)}, instance ${instance}, position ${position} of ${time}`);
        print(`digest ${digest}`);
      } else {
        for (const { name, install, machines } of report.databases) {
          for (const { id, instance, digest } of machines) {
            print(
              `database ${name}, checkpoint ${install}, machine ${id} is whole: instance ${instance}, digest ${digest}`,
            );
          }
        }
      }
    });
}
