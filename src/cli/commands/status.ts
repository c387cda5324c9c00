import { Command } from 'commander';
import { type ConnectionOptions, connect, withConnection } from '../connection.ts';
import { counted, print, printRows, sizeText } from '../output.ts';

export function statusCommand(): Command {
  return withConnection(new Command('status'))
    .description('show the cluster and the checkpoint of the replica that is asked')
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  $ loggos status --url http://127.0.0.1:8080')
    .action(async (options: ConnectionOptions) => {
      const client = connect(options);
      const [ready, cluster, checkpoint] = await Promise.all([client.ready(), client.cluster(), client.checkpoint()]);
      if (options.json === true) {
        print(JSON.stringify({ ready, cluster, checkpoint }));
        return;
      }
      const { log, replayer, cleaner } = checkpoint;
      print(`cluster     ${cluster.clusterId}, history ${cluster.historyId}, database ${cluster.database}`);
      print(`replica     ${cluster.self}: ${ready ? 'ready' : 'not ready'}; leader: ${cluster.leader ?? 'none'}`);
      print(`instances   ${checkpoint.minChosenInstance} to ${checkpoint.maxChosenInstance} in the log`);
      print(
        `            applied to ${checkpoint.appliedInstance}, in the checkpoint to ${checkpoint.checkpointInstance}`,
      );
      print(`log         ${counted(log.segments, 'segment')}, ${sizeText(log.bytes)} (pre-allocated)`);
      print(`            holds ${checkpoint.holdCount} instances behind the checkpoint (holdCount of /v1/checkpoint)`);
      print(`replayer    ${replayer.state}, ${replayer.lag} behind; cleaner ${cleaner.state}`);
      print(`digest      ${checkpoint.digest}\n`);
      printRows(
        cluster.members,
        [
          { title: 'MEMBER', of: (member) => member.name },
          { title: 'ROLE', of: (member) => member.role },
          { title: 'STATE', of: (member) => member.state },
          { title: 'APPLIED', of: (member) => member.appliedInstance },
          { title: 'LAG', of: (member) => member.lag },
        ],
        options,
      );
    });
}
