import { existsSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { positionText, timeText } from '../../api/scalars.ts';
import { LoggosError } from '../../base/errors.ts';
import { silentObserver } from '../../base/observer.ts';
import { type RestoreReport, restoreBackup } from '../../checkpoint/restore.ts';
import { closedDocuments } from '../../server/closed-documents.ts';
import { resolveConfiguration } from '../../server/configuration.ts';
import { makeDataDirectory } from '../../server/data-directory.ts';
import { DirectoryLock } from '../../server/directory-lock.ts';
import type { CheckpointMoment } from '../../statemachine/state-machine.ts';
import { systemClock } from '../../system/clock.ts';
import { PoolDisk } from '../../system/pool-disk.ts';
import { systemRandom } from '../../system/random.ts';
import { counted, print } from '../output.ts';
import { type Progress, startProgress } from '../progress.ts';

interface Options {
  readonly data: string;
  readonly at?: string;
  readonly replica: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function restoreCommand(): Command {
  return new Command('restore')
    .description('make a new data directory from a backup: a new cluster and a new history that goes on from it')
    .argument('<file.tar>', 'a backup, or a directory with one unpacked')
    .requiredOption('--data <directory>', 'where to; one that holds files of Loggos is refused')
    .option('--at <position or time>', 'an earlier state: after this position, or as of this RFC 3339 time')
    .option('--replica <name>', 'the name of its first replica', 'loggos')
    .option('--dry-run', 'do everything but the last step, and leave nothing')
    .option('--json', 'what was restored, as one JSON object')
    .addHelpText('after', '\nExample:\n  $ loggos restore loggos-2026-11-24.tar --data data-restored')
    .action(async (source: string, options: Options) => {
      const report = await restore(source, options);
      const { manifest, restored, identity, historyId } = report;
      const { instance, position, time, digest } = restored;
      if (options.json === true) {
        print(JSON.stringify({ ...identity, historyId, parent: manifest.historyId, instance, position, time, digest }));
        return;
      }
      print(
        `${options.dryRun === true ? 'Would restore' : 'Restored'} position ${position} of ${time}, digest ${digest}`,
      );
      const left = manifest.position - position;
      if (left > 0)
        print(`without the ${counted(left, 'later event')} of the backup, which ends at position ${manifest.position}`);
      print(`into ${options.data}: cluster ${identity.clusterId}, history ${historyId} (parent ${manifest.historyId})`);
      if (options.dryRun !== true) print(`Start it: loggos serve --data ${options.data}`);
    });
}

async function restore(source: string, { data, at, replica, dryRun = false }: Options): Promise<RestoreReport> {
  const moment = at === undefined ? undefined : momentOf(at);
  // The rule for names is serve's, and its refusal too.
  const replicaName = resolveConfiguration({ replica }, {}).values.replica;
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
      replicaName,
      ...(moment === undefined ? {} : { at: moment }),
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

/** @throws LoggosError `usage` */
function momentOf(text: string): CheckpointMoment {
  const position = positionText.safeParse(text);
  if (position.success) return { position: position.data };
  const time = timeText.safeParse(text);
  if (time.success) return { time: time.data };
  throw new LoggosError('usage', `--at ${JSON.stringify(text)}: a position, or a time such as 2026-11-24T10:00:00Z`);
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
