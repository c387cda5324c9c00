import { Command } from 'commander';
import type { SnapshotSummary } from '../../client/snapshots.ts';
import { type ConnectionOptions, connect, withConnection } from '../connection.ts';
import { type Column, print, printRows, sizeText } from '../output.ts';
import { readTarManifest } from '../tar-manifest.ts';

const columns: readonly Column<SnapshotSummary>[] = [
  { title: 'INSTANCE', of: ({ instance }) => instance },
  { title: 'POSITION', of: ({ position }) => position },
  { title: 'TIME', of: ({ time }) => time },
  { title: 'SIZE', of: ({ bytes }) => sizeText(bytes) },
  { title: 'LOCKS', of: ({ locks }) => locks },
  { title: 'DIGEST', of: ({ digest }) => digest },
];

export function snapshotCommand(): Command {
  return new Command('snapshot')
    .description('seal and list snapshots of a server; look at a backup file')
    .addCommand(saveCommand())
    .addCommand(listCommand())
    .addCommand(statusCommand());
}

function saveCommand(): Command {
  return withConnection(new Command('save'))
    .description('seal a snapshot of the newest state at the server')
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  $ loggos snapshot save')
    .action(async (options: ConnectionOptions) => {
      printRows([await connect(options).snapshots.create()], columns, options);
    });
}

function listCommand(): Command {
  return withConnection(new Command('list'))
    .description("list the server's snapshots")
    .option('--json', 'one JSON object a line')
    .addHelpText('after', '\nExample:\n  $ loggos snapshot list')
    .action(async (options: ConnectionOptions) => {
      printRows(await connect(options).snapshots.list(), columns, options);
    });
}

function statusCommand(): Command {
  return new Command('status')
    .description('show what a backup says of itself; loggos verify checks it')
    .argument('<file.tar>')
    .option('--json', 'its whole manifest')
    .addHelpText('after', '\nExample:\n  $ loggos snapshot status loggos-2026-11-24.tar')
    .action(async (path: string, options: { readonly json?: boolean }) => {
      const { manifest, fileBytes } = await readTarManifest(path);
      if (options.json === true) {
        print(JSON.stringify(manifest));
        return;
      }
      const { clusterId, historyId, parent, database, instance, position, time, chain, digest, files } = manifest;
      print(`cluster   ${clusterId}`);
      print(`history   ${historyId}${parent === undefined ? '' : ` (parent ${parent})`}`);
      print(`database  ${database}, ${files.length} files, ${sizeText(fileBytes)}`);
      print(`exact at  instance ${instance}, position ${position} of ${time}`);
      print(`chain     ${chain}`);
      print(`digest    ${digest}`);
    });
}
