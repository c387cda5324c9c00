import { Command } from 'commander';
import { LoggosError } from '../../base/errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { checkPlace, LocalCluster, type LocalReplica } from '../local-cluster.ts';
import { type Column, print, printRows } from '../output.ts';

const columns: readonly Column<LocalReplica>[] = [
  { title: 'REPLICA', of: ({ name }) => name },
  { title: 'URL', of: ({ url }) => url },
  { title: 'PID', of: ({ pid }) => pid },
];

interface Options {
  readonly replicas: string;
  readonly data: string;
  readonly httpBasePort: string;
  readonly json?: boolean;
}

export function clusterCommand(): Command {
  return new Command('cluster')
    .description('run a cluster on this machine, one process a replica; Ctrl-C stops all')
    .option('--replicas <count>', 'three bear the loss of one, five of two', '3')
    .option('--data <directory>', 'where each has a directory of its own', 'data/cluster')
    .option(
      '--http-base-port <port>',
      'of the first replica; the others follow, and 1000 above is where they meet',
      '8080',
    )
    .option('--json', 'one JSON object a line')
    .addHelpText('after', '\nExample:\n  $ loggos cluster --replicas 3 --data /tmp/harbours')
    .action(async (options: Options) => {
      const count = numberOf('--replicas', options.replicas, 1, 9);
      const httpBasePort = numberOf('--http-base-port', options.httpBasePort, 1, 64_000);
      const place = { count, data: options.data, httpBasePort };
      await checkPlace(place);
      const cluster = new LocalCluster(place);
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => cluster.stop(signal));
      printRows(cluster.replicas, columns, options);
      const leader = await cluster.leader();
      if (leader !== undefined && options.json !== true) greet(leader);
      process.exitCode = (await cluster.ended()) ? exitCodes.done : exitCodes.failed;
    });
}

function greet({ name, url }: LocalReplica): void {
  const put = `curl -X PUT ${url}/v1/documents/cities/gaios -H 'Content-Type: application/json' -d '{"harbour":true}'`;
  print(
    `${name} leads\n  try   ${put}\n  kill  kill -9 any one of them: another leads; loggos status --url says who\n  stop  Ctrl-C`,
  );
}

/** @throws LoggosError `usage` */
function numberOf(flag: string, text: string, minimum: number, maximum: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return value;
  throw new LoggosError('usage', `${flag} ${JSON.stringify(text)}: a number from ${minimum} to ${maximum}`);
}
