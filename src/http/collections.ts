import { type Request, Router } from 'express';
import { pageQuery } from '../api/documents.ts';
import { mediaTypes } from '../api/headers.ts';
import type { DocumentVersion } from '../documents/document-reader.ts';
import { tagOf } from '../documents/machine/row.ts';
import { printTime } from '../documents/machine/utc-time.ts';
import type { Answer, Answering } from './answer.ts';
import { readBody, readJsonBody, requirePostType } from './body.ts';
import type { Database } from './database.ts';
import { compactDocument, tagMember } from './document-content.ts';
import { checkCollection } from './document-target.ts';
import { requireUnconditional } from './entity-tags.ts';
import type { HttpServices } from './http-services.ts';
import { nextLink } from './links.ts';
import { otherMethods } from './methods.ts';
import { requireJsonAccepted } from './negotiation.ts';
import { withReplayer } from './paused-replayer.ts';
import { checkHistory, positionHeaders, presentHistory } from './positions.ts';
import { parseQuery, requireNoQuery } from './query.ts';
import { invalidParameter } from './refusal.ts';
import { readable } from './waiting.ts';
import { onlyResult, write, writtenAnswer } from './writing.ts';

const cursorVersion = 2;

/** Where the next page goes on: opaque to clients, and checked when it comes back. */
interface PageCursor {
  /** All pages are as of the position of the first one. */
  readonly pinned: number;
  readonly afterId: string;
  readonly history: string;
  readonly collection: string;
}

/** A collection: pages of its documents in the order of their ids, and new documents with ids made here. */
export function collectionRoutes(database: Database, services: HttpServices, answer: Answering): Router {
  const router = Router({ caseSensitive: true, strict: true });

  async function page(request: Request): Promise<Answer> {
    const { collection } = request.params as { collection: string };
    checkCollection(collection);
    requireJsonAccepted(request);
    const query = parseQuery(request, pageQuery);
    const cursor = query.cursor === undefined ? undefined : decodeCursor(query.cursor, collection);
    const deadline = await readable(request, database, services, query);
    const { read } = database;
    if (cursor !== undefined) checkHistory(read.histories, cursor.history, cursor.pinned);
    const pinned = cursor?.pinned ?? read.position;
    await withReplayer(database, () => database.checkpointReached(pinned, deadline));
    const { items, nextAfterId } = await readItems(collection, pinned, query.limit ?? 100, cursor?.afterId);
    const next =
      nextAfterId === undefined
        ? undefined
        : encodeCursor({ pinned, afterId: nextAfterId, history: presentHistory(database), collection });
    const cursorText = next === undefined ? '' : `,"cursor":${JSON.stringify(next)}`;
    return {
      status: 200,
      headers: {
        'Cache-Control': 'no-cache',
        ...positionHeaders(database, pinned),
        ...(next === undefined ? {} : nextLink(request, { cursor: next })),
      },
      body: `{"items":[${items.map((item) => printEntry(item, read.histories)).join(',')}]${cursorText}}`,
    };
  }

  /** Up to `limit` documents, or as many as fit one answer; the reader may give fewer at a time. */
  async function readItems(collection: string, pinned: number, limit: number, afterId: string | undefined) {
    const items: DocumentVersion[] = [];
    let nextAfterId = afterId;
    let bytesLeft = services.settings.pageBytesMax;
    do {
      const part = await database.read.page(collection, {
        limit: limit - items.length,
        pinned,
        ...(nextAfterId === undefined ? {} : { afterId: nextAfterId }),
      });
      for (const item of part.items) {
        items.push(item);
        bytesLeft -= item.body.length;
      }
      nextAfterId = part.nextAfterId;
    } while (nextAfterId !== undefined && items.length < limit && bytesLeft > 0);
    return { items, nextAfterId };
  }

  async function post(request: Request): Promise<Answer> {
    const { collection } = request.params as { collection: string };
    checkCollection(collection);
    requireNoQuery(request);
    requirePostType(request);
    requireUnconditional(request.headers, 'the document gets a new id, and has no revision yet', true);
    const body = await readBody(request, services.settings.bodyBytesMax);
    const json = compactDocument(readJsonBody(body, database), database);
    const operation = {
      kind: 'create',
      collection,
      documentId: services.ids(),
      precondition: { kind: 'absent' },
      content: { field: 'document', json },
    } as const;
    const outcome = await write(request, database, services, [operation], body);
    const { documentId } = onlyResult(outcome);
    const location = `${request.baseUrl}/documents/${collection}/${encodeURIComponent(documentId)}`;
    const answered = writtenAnswer(request, database, outcome, json);
    return { ...answered, status: 201, headers: { ...answered.headers, Location: location } };
  }

  router
    .route('/documents/:collection')
    .get(answer(page))
    .post(answer(post))
    .all(answer(otherMethods('GET, HEAD, POST', { 'Accept-Post': mediaTypes.json })));
  return router;
}

function printEntry(
  { documentId, revision, position, time, body }: DocumentVersion,
  histories: Database['read']['histories'],
): string {
  const head = `{"id":${JSON.stringify(documentId)},"revision":${revision},"position":${position}`;
  const tag = tagMember(revision, tagOf(position, revision, histories));
  return `${head},"time":"${printTime(time)}"${tag},"document":${body}}`;
}

function encodeCursor({ pinned, afterId, history, collection }: PageCursor): string {
  return Buffer.from(JSON.stringify([cursorVersion, pinned, history, collection, afterId])).toString('base64url');
}

/** @throws Refusal `invalid-parameter`: not ours, or of a page of another collection */
function decodeCursor(text: string, collection: string): PageCursor {
  const cursor = readCursor(text);
  if (cursor === undefined) throw invalidParameter('cursor', 'the cursor is not one that a page answered with');
  if (cursor.collection !== collection) throw invalidParameter('cursor', 'the cursor is of another collection');
  return cursor;
}

function readCursor(text: string): PageCursor | undefined {
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (Array.isArray(parts)) {
      const [version, pinned, history, of, afterId] = parts as unknown[];
      const isSound = version === cursorVersion && Number.isSafeInteger(pinned) && Number(pinned) >= 0;
      if (isSound && typeof history === 'string' && typeof of === 'string' && typeof afterId === 'string') {
        return { pinned: Number(pinned), history, collection: of, afterId };
      }
    }
  } catch {
    // Not ours.
  }
  return undefined;
}
