import { Command } from 'commander';
import { type ConnectionOptions, connect, withConnection } from '../connection.ts';
import { readJson } from '../input.ts';
import { printJson } from '../output.ts';
import { type WriteFlags, withWriteOptions, writeOptionsOf } from '../write-options.ts';

export function putCommand(): Command {
  return withWriteOptions(withConnection(new Command('put')), { mayCreate: true })
    .description('create or replace a document')
    .argument('<collection>')
    .argument('<id>')
    .argument('[json]', 'the document, @file, or - for standard input')
    .option('--json', 'one line, also on a terminal')
    .addHelpText('after', `\nExample:\n  $ loggos put cities gaios '{"name":"Gaios","harbour":true}'`)
    .action(
      async (collection: string, id: string, json: string | undefined, options: ConnectionOptions & WriteFlags) => {
        const { documents } = connect(options);
        const written = await documents.put(collection, id, readJson(json), writeOptionsOf(options));
        printJson(JSON.stringify(written), options);
      },
    );
}
