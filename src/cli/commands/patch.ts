import { Command } from 'commander';
import { type ConnectionOptions, connect, withConnection } from '../connection.ts';
import { readJson } from '../input.ts';
import { printJson } from '../output.ts';
import { type WriteFlags, withWriteOptions, writeOptionsOf } from '../write-options.ts';

export function patchCommand(): Command {
  return withWriteOptions(withConnection(new Command('patch')))
    .description('change a part of a document: an object is a merge patch, an array a JSON patch')
    .argument('<collection>')
    .argument('<id>')
    .argument('[json]', 'the patch, @file, or - for standard input')
    .option('--json', 'one line, also on a terminal')
    .addHelpText('after', `\nExample:\n  $ loggos patch cities gaios '{"inhabitants":494}'`)
    .action(
      async (collection: string, id: string, json: string | undefined, options: ConnectionOptions & WriteFlags) => {
        const { documents } = connect(options);
        const patch = readJson(json);
        const change = patch.trimStart().startsWith('[') ? 'patch' : 'merge';
        printJson(JSON.stringify(await documents[change](collection, id, patch, writeOptionsOf(options))), options);
      },
    );
}
