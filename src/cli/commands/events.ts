import { Command } from 'commander';
import type { DocumentEvent } from '../../client/documents.ts';
import type { EventQuery } from '../../client/events.ts';
import { type ConnectionOptions, connect, withConnection } from '../connection.ts';
import { wholeNumber } from '../input.ts';
import { isForPeople, print, printItems } from '../output.ts';
import { eventColumns } from './history.ts';

interface Options extends ConnectionOptions, EventQuery {
  readonly after?: string;
  readonly limit?: number;
  readonly follow?: boolean;
}

const filters = [
  ['collection', 'of this collection'],
  ['id', 'of this document, with --collection'],
  ['id-prefix', 'of documents whose id begins so'],
  ['type', 'of this type'],
  ['actor', 'by this actor'],
  ['operation', 'such as created or deleted'],
  ['since', 'from this time on'],
  ['until', 'before this time'],
  ['correlation-id', 'with this correlation id'],
  ['idempotency-key', 'written under this idempotency key'],
  ['event-id', 'with this id'],
] as const;

export function eventsCommand(): Command {
  const command = withConnection(new Command('events'))
    .description('list the events of all documents in their total order, and follow new ones')
    .option('--after <cursor>', 'only those after this position or cursor; with --follow: from there on')
    .option('--limit <number>', 'of a page', wholeNumber)
    .option('-f, --follow', 'go on with new events as they happen')
    .option('--json', 'whole events, one a line, also on a terminal');
  for (const [name, meaning] of filters) command.option(`--${name} <value>`, meaning);
  return command
    .addHelpText('after', '\nExample:\n  $ loggos events --follow --collection cities')
    .action(async (options: Options) => {
      if (options.follow === true) await follow(options);
      else await list(options);
    });
}

async function list(options: Options): Promise<void> {
  const { after, limit } = options;
  const page = await connect(options).events.page({
    ...queryOf(options),
    ...(after === undefined ? {} : { after }),
    ...(limit === undefined ? {} : { limit }),
  });
  printItems(page.items, eventColumns, options);
  if (page.cursor !== undefined && isForPeople(options)) print(`go on: --after ${page.cursor}`);
}

/** Until Ctrl-C, which is the ordinary end. */
async function follow(options: Options): Promise<void> {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  const query = { ...queryOf(options), ...(options.after === undefined ? {} : { after: options.after }) };
  for await (const { text } of connect(options).events.follow(query, stop.signal)) {
    if (isForPeople(options)) print(line(JSON.parse(text) as DocumentEvent));
    else print(text);
  }
}

function line(event: DocumentEvent): string {
  return eventColumns.map(({ of }) => of(event)).join('  ');
}

function queryOf(options: Options): EventQuery {
  const { collection, id, idPrefix, type, actor, operation, since, until, ...rest } = options;
  const { correlationId, idempotencyKey, eventId } = rest;
  const named = { collection, id, idPrefix, type, actor, operation, since, until };
  const all = { ...named, correlationId, idempotencyKey, eventId };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
