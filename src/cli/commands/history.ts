import { Command } from 'commander';
import type { DocumentEvent } from '../../client/documents.ts';
import { type ConnectionOptions, connect, withConnection } from '../connection.ts';
import { wholeNumber } from '../input.ts';
import { type Column, isForPeople, print, printItems } from '../output.ts';

interface Options extends ConnectionOptions {
  readonly after?: string;
  readonly before?: string;
  readonly limit?: number;
  readonly desc?: boolean;
}

/** What a table of events shows. */
export const eventColumns: readonly Column<DocumentEvent>[] = [
  { title: 'POSITION', of: (event) => event.position },
  { title: 'TIME', of: (event) => event.time },
  { title: 'OPERATION', of: (event) => event.operation },
  { title: 'DOCUMENT', of: (event) => `${event.collection}/${event.documentId}` },
  { title: 'REVISION', of: (event) => event.revision },
  { title: 'TYPE', of: (event) => event.type ?? '-' },
  { title: 'ACTOR', of: (event) => event.actor },
];

export function historyCommand(): Command {
  return withConnection(new Command('history'))
    .description('list the events of a document')
    .argument('<collection>')
    .argument('<id>')
    .option('--after <position>', 'only later ones')
    .option('--before <position>', 'only earlier ones')
    .option('--desc', 'newest first')
    .option('--limit <number>', 'at most so many', wholeNumber)
    .option('--json', 'whole events, one a line, also on a terminal')
    .addHelpText('after', '\nExample:\n  $ loggos history cities gaios --desc --limit 10')
    .action(async (collection: string, id: string, options: Options) => {
      const { after, before, limit, desc } = options;
      const page = await connect(options).documents.history(collection, id, {
        ...(after === undefined ? {} : { after }),
        ...(before === undefined ? {} : { before }),
        ...(limit === undefined ? {} : { limit }),
        ...(desc === true ? { order: 'desc' } : {}),
      });
      printItems(page.items, eventColumns, options);
      if (limit === undefined && page.items.length === 100 && isForPeople(options))
        print(`more: --after ${page.cursor}`);
    });
}
