import { Command } from 'commander';
import { type ConnectionOptions, connect, withConnection } from '../connection.ts';
import { wholeNumber } from '../input.ts';
import { note, print, printJson } from '../output.ts';

interface Options extends ConnectionOptions {
  readonly revision?: number;
  readonly position?: number;
  readonly time?: string;
  readonly limit?: number;
  readonly cursor?: string;
  readonly local?: boolean;
}

export function getCommand(): Command {
  return withConnection(new Command('get'))
    .description('print a document, now or as it was; or a page of a collection')
    .argument('<collection>')
    .argument('[id]')
    .option('--revision <number>', 'as it was at this revision', wholeNumber)
    .option('--position <number>', 'as it was at this position', wholeNumber)
    .option('--time <time>', 'as it was at this time, such as 2026-11-24T10:00:00Z')
    .option('--limit <number>', 'of a page', wholeNumber)
    .option('--cursor <cursor>', 'of the page before')
    .option('--local', 'what this replica has, without asking a quorum')
    .option('--json', 'as stored, also on a terminal; of a collection: the whole page as one object, with its cursor')
    .addHelpText(
      'after',
      '\nA page of a collection is one JSON object a line; the cursor of the next page is then said on stderr.\n\n' +
        'Example:\n  $ loggos get cities gaios --revision 1\n  $ loggos get cities --limit 10 --json',
    )
    .action(async (collection: string, id: string | undefined, options: Options) => {
      if (id === undefined) await printPage(collection, options);
      else printJson(await read(collection, id, options), options);
    });
}

async function read(collection: string, id: string, options: Options): Promise<string> {
  const { revision, position, time, local } = options;
  const document = await connect(options).documents.get(collection, id, {
    ...(revision === undefined ? {} : { revision }),
    ...(position === undefined ? {} : { position }),
    ...(time === undefined ? {} : { time }),
    ...(local === true ? { consistency: 'local' } : {}),
  });
  return document.text;
}

async function printPage(collection: string, options: Options): Promise<void> {
  const { limit, cursor } = options;
  const page = await connect(options).documents.page(collection, {
    ...(limit === undefined ? {} : { limit }),
    ...(cursor === undefined ? {} : { cursor }),
  });
  if (options.json === true) {
    print(JSON.stringify(page));
    return;
  }
  for (const item of page.items) print(JSON.stringify(item));
  if (page.cursor !== undefined) note(`more: --cursor ${page.cursor}`);
}
