import { setImmediate as nextTurn } from 'node:timers/promises';
import { formatEventCursor } from '../api/cursors.ts';
import type { EventFilter, HistoryLine } from '../documents/store/checkpoint-reader.ts';
import type { AppliedFeed } from './applied-feed.ts';
import type { Database } from './database.ts';
import { lineCursor } from './event-positions.ts';
import type { HttpServices } from './http-services.ts';
import { historyAt } from './positions.ts';

/** One page of a stream: what a reader that does not read costs in memory, beside its socket. */
const pageLines = 256;
const pageBytes = 65_536;
/** Lines that a filter may look at before the stream lets others run. */
const pageScan = 4_096;

/** How a stream shows events and silence. */
export interface StreamForm {
  event(database: Database, line: HistoryLine): string;
  /** @param cursor - up to where the stream has looked: a filtered reader may resume there */
  heartbeat(cursor: string): string;
}

/** Server-Sent Events, without an `event:` field so that `onmessage` fires. An `id:` alone moves `Last-Event-ID`. */
export const serverSentEvents: StreamForm = {
  event: (database, line) => `id: ${lineCursor(database, line)}\ndata: ${line.line}\n\n`,
  heartbeat: (cursor) => `: heartbeat\nid: ${cursor}\n\n`,
};

/** A line an event, an empty line as heartbeat. */
export const eventLines: StreamForm = {
  event: (_database, { line }) => `${line}\n`,
  heartbeat: () => '\n',
};

/**
 * The events above a position, for ever: a reader is a cursor. It catches up page by page, then follows; what it holds
 * is one page. It ends when its reader is gone or the feed closes.
 * @param after - may be above what is applied here: then it waits
 */
export async function* followEvents(options: {
  readonly database: Database;
  readonly services: HttpServices;
  readonly feed: AppliedFeed;
  readonly form: StreamForm;
  readonly after: number;
  readonly filter: EventFilter | undefined;
  readonly signal: AbortSignal;
}): AsyncGenerator<string> {
  const { database, services, feed, form, filter, signal } = options;
  const { clock, settings } = services;
  const { read } = database;
  let position = options.after;
  let spokeAt = clock.monotonic();
  yield await heartbeat();
  while (!signal.aborted && !feed.isClosed) {
    if (clock.monotonic() - spokeAt >= settings.heartbeatMs) {
      yield await heartbeat();
      spokeAt = clock.monotonic();
    }
    if (position >= read.position) {
      await feed.changed();
      continue;
    }
    const { lines, scannedTo } = await read.events({
      after: position,
      ...(filter === undefined ? {} : { filter }),
      countMax: pageLines,
      bytesMax: pageBytes,
      scanMax: pageScan,
    });
    position = Math.max(position, scannedTo);
    if (lines.length > 0) {
      let chunk = '';
      for (const line of lines) chunk += form.event(database, line);
      yield chunk;
      spokeAt = clock.monotonic();
    }
    // A page out of memory resolves at once: without this a long catch-up would starve writes.
    await nextTurn();
  }

  async function heartbeat(): Promise<string> {
    const chain = position > read.position ? undefined : await read.chainPrefixAt(position);
    // Above what is applied here the chain is not known, and the reader keeps the cursor that it has.
    if (chain === undefined) return form === serverSentEvents ? ': heartbeat\n\n' : '\n';
    return form.heartbeat(formatEventCursor(position, historyAt(read.histories, position), chain));
  }
}
