import { Command } from 'commander';
import { type ConnectionOptions, connect, withConnection } from '../connection.ts';
import { printJson } from '../output.ts';
import { type WriteFlags, withWriteOptions, writeOptionsOf } from '../write-options.ts';

export function rmCommand(): Command {
  return withWriteOptions(withConnection(new Command('rm')))
    .description('delete a document; its history stays')
    .argument('<collection>')
    .argument('<id>')
    .option('--json', 'one line, also on a terminal')
    .addHelpText('after', '\nExample:\n  $ loggos rm cities gaios --if-revision 3')
    .action(async (collection: string, id: string, options: ConnectionOptions & WriteFlags) => {
      const deleted = await connect(options).documents.delete(collection, id, writeOptionsOf(options));
      printJson(JSON.stringify(deleted), options);
    });
}
