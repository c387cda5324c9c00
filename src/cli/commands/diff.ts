import { Command } from 'commander';
import { type ConnectionOptions, connect, withConnection } from '../connection.ts';
import { wholeNumber } from '../input.ts';
import { printJson } from '../output.ts';

export function diffCommand(): Command {
  return withConnection(new Command('diff'))
    .description('print the JSON patch between two revisions of a document')
    .argument('<collection>')
    .argument('<id>')
    .argument('<from>', 'revision', wholeNumber)
    .argument('<to>', 'revision', wholeNumber)
    .option('--json', 'one line, also on a terminal')
    .addHelpText('after', '\nExample:\n  $ loggos diff cities gaios 1 3')
    .action(async (collection: string, id: string, from: number, to: number, options: ConnectionOptions) => {
      printJson(JSON.stringify(await connect(options).documents.diff(collection, id, from, to)), options);
    });
}
