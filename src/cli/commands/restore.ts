import { existsSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { silentObserver } from '../../base/observer.ts';
import { type RestoreReport, restoreBackup } from '../../checkpoint/restore.ts';
import { closedDocuments } from '../../server/closed-documents.ts';
import { makeDataDirectory } from '../../server/data-directory.ts';
import { DirectoryLock } from '../../server/directory-lock.ts';
import { systemClock } from '../../system/clock.ts';
import { PoolDisk } from '../../system/pool-disk.ts';
import { systemRandom } from '../../system/random.ts';
import { print } from '../output.ts';
import { type Progress, startProgress } from '../progress.ts';

interface Options {
  readonly data: string;
  readonly replica: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function restoreCommand(): Command {
  return new Command('restore')
    .description('make a new data directory from a backup: a new cluster and a new history that goes on from it')
    .argument('<file.tar>', 'a backup, or a directory with one unpacked')
    .requiredOption('--data <directory>', 'where to; one that holds files of Loggos is refused')
    .option('--replica <name>', 'the name of its first replica', 'gaios')
    .option('--dry-run', 'do everything but the last step, and leave nothing')
    .option('--json', 'what was restored, as one JSON object')
    .addHelpText('after', '\nExample:\n  $ loggos restore loggos-2026-11-24.tar --data data-restored')
    .action(async (source: string, options: Options) => {
      const report = await restore(source, options);
      const { manifest, identity, historyId } = report;
      const { instance, position, time, digest } = manifest;
      if (options.json === true) {
        print(JSON.stringify({ ...identity, historyId, parent: manifest.historyId, instance, position, time, digest }));
        return;
      }
      print(
        `${options.dryRun === true ? 'Would restore' : 'Restored'} position ${position} of ${time}, digest ${digest}`,
      );
      print(`into ${options.data}: cluster ${identity.clusterId}, history ${historyId} (parent ${manifest.historyId})`);
      if (options.dryRun !== true) print(`Start it: loggos serve --data ${options.data}`);
    });
}

async function restore(source: string, { data, replica, dryRun = false }: Options): Promise<RestoreReport> {
  const disk = new PoolDisk();
  const isNew = !existsSync(data);
  await makeDataDirectory(disk, data);
  const lock = await DirectoryLock.take(data, silentObserver);
  let progress: Progress | undefined;
  let done = false;
  try {
    const report = await restoreBackup({
      disk,
      clock: systemClock,
      random: systemRandom,
      observer: silentObserver,
      source,
      dataDirectory: data,
      machines: [closedDocuments()],
      replicaName: replica,
      dryRun,
      onProgress: (doneBytes, totalBytes) => {
        progress ??= startProgress('Restoring', totalBytes);
        progress.at(doneBytes);
      },
    });
    done = !dryRun;
    return report;
  } finally {
    progress?.end();
    await lock.release();
    if (isNew && !done) removeEmpty(data);
  }
}

/** Only what was made here: a directory that holds anything else stays. */
function removeEmpty(directory: string): void {
  rmSync(join(directory, 'lock.sqlite'), { force: true });
  try {
    rmdirSync(directory);
  } catch {
    // Somebody put something there meanwhile.
  }
}
