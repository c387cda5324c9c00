import { type Request, Router } from 'express';
import { type EventsQuery, eventQuery, eventsQuery } from '../api/events.ts';
import { mediaTypes } from '../api/headers.ts';
import { positionText } from '../api/scalars.ts';
import { toBase64url } from '../documents/machine/base64url.ts';
import { chainLink, commitmentOf, splitEventLine } from '../documents/machine/event-line.ts';
import type { EventFilter, HistoryLine } from '../documents/store/checkpoint-reader.ts';
import type { Answer, Answering } from './answer.ts';
import type { AppliedFeed } from './applied-feed.ts';
import { cloudEvent } from './cloud-events.ts';
import type { Database, Deadline } from './database.ts';
import { lineCursor, meantPosition, positionCursor } from './event-positions.ts';
import { eventLines, followEvents, type StreamForm, serverSentEvents } from './event-stream.ts';
import type { HttpServices } from './http-services.ts';
import { nextLink } from './links.ts';
import { otherMethods } from './methods.ts';
import { negotiate } from './negotiation.ts';
import { checkHistory, positionHeaders, statedHistory } from './positions.ts';
import { parseQuery } from './query.ts';
import { invalidParameter, Refusal } from './refusal.ts';
import type { StreamCount } from './stream-count.ts';
import { readable } from './waiting.ts';

const pageTypes = [mediaTypes.json, mediaTypes.eventStream, mediaTypes.lines, mediaTypes.cloudEvents] as const;
/** Lines that one page may look at where a filter passes few: the cursor goes on from there. */
const scanMax = 50_000;
const varies = { Vary: 'Accept' };

/** The total order of events: pages, live streams, long poll, and one event with its proof. */
export function eventRoutes(
  database: Database,
  services: HttpServices,
  answer: Answering,
  feed: AppliedFeed,
  streams: StreamCount,
): Router {
  const router = Router({ caseSensitive: true, strict: true });
  const { read } = database;
  const { clock } = services;
  const waitMsMax = services.settings.deadlineMsMax;

  async function events(request: Request): Promise<Answer> {
    const query = parseQuery(request, eventsQuery);
    const filter = filterOf(query);
    const type = negotiate(request, pageTypes);
    if (type === mediaTypes.eventStream) return stream(request, query, filter, serverSentEvents, type);
    if (type === mediaTypes.lines) return stream(request, query, filter, eventLines, type);
    const deadline = await readable(request, database, services, query);
    const after = await afterOf(request, query);
    const waitsUntil = query.wait === undefined ? undefined : clock.monotonic() + Math.min(query.wait, waitMsMax);
    await database.reached(after, waitsUntil ?? deadline);
    let page = await readPage(after, filter, query.limit ?? 100);
    if (waitsUntil !== undefined && page.lines.length === 0) {
      page = await poll(request, page.scannedTo, filter, query, waitsUntil);
    }
    const { lines, scannedTo, position } = page;
    const last = lines.at(-1);
    const isWhole = last !== undefined && last.position === scannedTo;
    const cursor = isWhole ? lineCursor(database, last) : await positionCursor(database, scannedTo);
    const headers = {
      'Content-Type': type,
      'Cache-Control': 'no-cache',
      ...varies,
      ...positionHeaders(database, position),
      ...(scannedTo < position ? nextLink(request, { after: cursor }) : {}),
    };
    if (type === mediaTypes.cloudEvents) {
      const batch = lines.map(({ line }) => JSON.stringify(cloudEvent(database.name, line)));
      return { status: 200, headers, body: `[${batch.join(',')}]` };
    }
    const items = lines.map(({ line }) => line).join(',');
    return { status: 200, headers, body: `{"items":[${items}],"cursor":${JSON.stringify(cursor)}}` };
  }

  async function afterOf(request: Request, { after }: EventsQuery): Promise<number> {
    if (after === undefined) return 0;
    return await meantPosition(database, 'after', after, statedHistory(request.headers));
  }

  /** Up to `limit` events, as far as one answer may look. `position` is what the page is exact at. */
  async function readPage(after: number, filter: EventFilter | undefined, limit: number) {
    const position = read.position;
    const lines: HistoryLine[] = [];
    let scannedTo = after;
    let bytesLeft = services.settings.pageBytesMax;
    while (lines.length < limit && bytesLeft > 0 && scannedTo < position && scannedTo - after < scanMax) {
      const part = await read.events({
        after: scannedTo,
        ...(filter === undefined ? {} : { filter }),
        countMax: limit - lines.length,
        bytesMax: bytesLeft,
        scanMax: 5_000,
      });
      for (const line of part.lines) {
        lines.push(line);
        bytesLeft -= line.line.length;
      }
      if (part.scannedTo <= scannedTo) break;
      scannedTo = part.scannedTo;
    }
    return { lines, scannedTo, position: Math.max(position, scannedTo) };
  }

  /** Long poll: the first page with an event, or an empty one at the end of the wait. */
  async function poll(
    request: Request,
    after: number,
    filter: EventFilter | undefined,
    query: EventsQuery,
    end: Deadline,
  ): ReturnType<typeof readPage> {
    const release = streams.enter();
    // One timer a request; the feed wakes everyone at every tick anyway.
    const over = Promise.withResolvers<void>();
    const cancel = clock.after(end - clock.monotonic(), over.resolve);
    try {
      let page = await readPage(after, filter, query.limit ?? 100);
      while (page.lines.length === 0 && !feed.isClosed && !request.socket.destroyed && clock.monotonic() < end) {
        if (page.scannedTo >= read.position) await Promise.race([feed.changed(), over.promise]);
        page = await readPage(page.scannedTo, filter, query.limit ?? 100);
      }
      return page;
    } finally {
      cancel();
      release();
    }
  }

  async function stream(
    request: Request,
    query: EventsQuery,
    filter: EventFilter | undefined,
    form: StreamForm,
    type: string,
  ): Promise<Answer> {
    for (const parameter of ['limit', 'wait'] as const) {
      if (query[parameter] !== undefined) throw invalidParameter(parameter, `a stream takes no ${parameter}`);
    }
    const lastEventId = request.headers['last-event-id'];
    const resumed = typeof lastEventId === 'string' && lastEventId !== '' ? lastEventId : undefined;
    const stated = statedHistory(request.headers);
    // Not `readable`: a replica without a leader holds the stream instead of refusing it.
    const after =
      resumed === undefined
        ? await afterOf(request, query)
        : await meantPosition(database, 'Last-Event-ID', resumed, stated);
    return {
      status: 200,
      headers: {
        'Content-Type': type,
        'Cache-Control': 'no-cache, no-transform',
        // Proxies that buffer would hold back what is live.
        'X-Accel-Buffering': 'no',
        ...varies,
        ...positionHeaders(database),
      },
      stream: (signal) => followEvents({ database, services, feed, form, after, filter, signal }),
      done: streams.enter(),
    };
  }

  async function oneEvent(request: Request): Promise<Answer> {
    const type = negotiate(request, [mediaTypes.json, mediaTypes.cloudEvent]);
    const query = parseQuery(request, eventQuery);
    const parsed = positionText.safeParse(request.params.position);
    if (!parsed.success) throw invalidParameter('position', 'the position is a whole number');
    const position = parsed.data;
    await readable(request, database, services, query);
    checkHistory(read.histories, query.history ?? statedHistory(request.headers), position);
    const line = position === 0 ? undefined : await read.event(position);
    const chainBefore = line === undefined ? undefined : await read.chainAt(position - 1);
    if (line === undefined || chainBefore === undefined) {
      const advice = 'Positions begin at 1; `Loggos-Position` of this answer says the last.';
      throw new Refusal('not-found', 'no event has this position', { advice });
    }
    const isPinned = query.history !== undefined;
    const headers = {
      'Content-Type': type,
      'Cache-Control': isPinned ? 'private, max-age=31536000, immutable' : 'no-cache',
      ...varies,
      ...positionHeaders(database),
    };
    if (type === mediaTypes.cloudEvent) {
      return { status: 200, headers, body: JSON.stringify(cloudEvent(database.name, line)) };
    }
    const cursor = JSON.stringify(lineCursor(database, { position, line }));
    return { status: 200, headers, body: `{"event":${line},"cursor":${cursor},"proof":${proofOf(line, chainBefore)}}` };
  }

  function proofOf(line: string, chainBefore: Uint8Array): string {
    const { header, salt, payload, commitment: kept } = splitEventLine(line);
    const computed = salt === undefined || payload === undefined ? kept : commitmentOf(salt, payload, services.hashes);
    const commitment = computed ?? new Uint8Array(0);
    const chain = chainLink(chainBefore, header, commitment, services.hashes);
    return JSON.stringify({
      chainBefore: toBase64url(chainBefore),
      header,
      commitment: toBase64url(commitment),
      chain: toBase64url(chain),
    });
  }

  router
    .route('/events')
    .get(answer(events))
    .all(answer(otherMethods('GET, HEAD')));
  router
    .route('/events/:position')
    .get(answer(oneEvent))
    .all(answer(otherMethods('GET, HEAD')));
  return router;
}

/** What selects events; undefined: all. */
function filterOf(query: EventsQuery): EventFilter | undefined {
  const { collection, id, idPrefix, type, actor, operation, since, until, correlationId, idempotencyKey, eventId } =
    query;
  if (id !== undefined && collection === undefined) {
    throw invalidParameter('id', '"id" goes with "collection"');
  }
  const given = { collection, documentId: id, idPrefix, type, actor, operation, since, until };
  const entries = Object.entries({ ...given, correlationId, idempotencyKey, eventId });
  const asked = entries.filter(([, value]) => value !== undefined);
  return asked.length === 0 ? undefined : Object.fromEntries(asked);
}
