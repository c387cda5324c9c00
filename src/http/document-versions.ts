import { type Request, Router } from 'express';
import { type DocumentQuery, diffQuery, historyQuery, restoreRequest } from '../api/documents.ts';
import { mediaTypes, responseHeaders } from '../api/headers.ts';
import { LoggosError } from '../base/errors.ts';
import type { AsOf, DocumentVersion } from '../documents/document-reader.ts';
import { tagOf } from '../documents/machine/row.ts';
import type { HistoryLine } from '../documents/store/checkpoint-reader.ts';
import type { Answer, Answering } from './answer.ts';
import { parseBody, readBody, requirePostType } from './body.ts';
import { collectBounded } from './bounded-pages.ts';
import type { Database } from './database.ts';
import { createDiff } from './diff.ts';
import { deleted, revisionConflict } from './document-content.ts';
import { type DocumentTarget, documentTarget } from './document-target.ts';
import { readCondition, writePrecondition } from './entity-tags.ts';
import { lineCursor, meantPosition, positionCursor } from './event-positions.ts';
import type { HttpServices } from './http-services.ts';
import { nextLink } from './links.ts';
import { otherMethods } from './methods.ts';
import { preferredReturn, requireJsonAccepted } from './negotiation.ts';
import { checkHistory, positionHeaders, presentHistory, statedHistory } from './positions.ts';
import { parseQuery, requireNoQuery } from './query.ts';
import { invalidParameter } from './refusal.ts';
import { parseShape } from './shapes.ts';
import { readable } from './waiting.ts';
import { onlyResult, write, writeBody, writeHeaders } from './writing.ts';

/** Documents as they were: history, differences, and the way back. */
export function documentVersionRoutes(database: Database, services: HttpServices, answer: Answering): Router {
  const router = Router({ caseSensitive: true, strict: true });

  async function history(request: Request): Promise<Answer> {
    const target = documentTarget(request);
    requireJsonAccepted(request);
    const query = parseQuery(request, historyQuery);
    const stated = statedHistory(request.headers);
    await readable(request, database, services, query);
    const meant = async (name: 'after' | 'before') => {
      const text = query[name];
      return text === undefined ? undefined : await meantPosition(database, name, text, stated);
    };
    const [after, before] = [await meant('after'), await meant('before')];
    const { order = 'asc', limit = 100 } = query;
    const position = database.read.position;
    const { items: lines, isEnd } = await collectBounded<HistoryLine>({
      limit,
      bytesMax: services.settings.pageBytesMax,
      bytesOf: ({ line }) => line.length,
      fetch: async (count, last) => {
        const from = order === 'asc' ? (last?.position ?? after) : after;
        const to = order === 'desc' ? (last?.position ?? before) : before;
        const range = { ...(from === undefined ? {} : { after: from }), ...(to === undefined ? {} : { before: to }) };
        const { collection, documentId } = target;
        const read = await database.read.history(collection, documentId, { ...range, order, limit: count });
        if (read === undefined) throw new LoggosError('not-found', 'the document was never here');
        return read;
      },
    });
    const shown = query.include === undefined ? lines.map(({ line }) => line) : await withDocuments(target, lines);
    const last = lines.at(-1);
    const end = (order === 'asc' ? after : before) ?? position;
    const cursor = last === undefined ? await positionCursor(database, end) : lineCursor(database, last);
    const parameter = order === 'asc' ? 'after' : 'before';
    return {
      status: 200,
      headers: {
        'Cache-Control': 'no-cache',
        ...positionHeaders(database, position),
        ...(isEnd ? {} : nextLink(request, { [parameter]: cursor })),
      },
      body: `{"items":[${shown.join(',')}],"cursor":${JSON.stringify(cursor)}}`,
    };
  }

  /** Each line with the document after its event, unless it has one or the event is a deletion. */
  async function withDocuments({ collection, documentId }: DocumentTarget, lines: readonly HistoryLine[]) {
    const shown: string[] = [];
    for (const { line } of lines) {
      const event = JSON.parse(line) as { readonly operation: string; readonly revision: number };
      if ('document' in event || 'erased' in event || event.operation === 'deleted' || event.operation === 'expired') {
        shown.push(line);
        continue;
      }
      const { body } = await database.read.asOf(collection, documentId, { revision: event.revision });
      shown.push(`${line.slice(0, -1)},"document":${body}}`);
    }
    return shown;
  }

  async function diff(request: Request): Promise<Answer> {
    const target = documentTarget(request);
    requireJsonAccepted(request);
    const query = parseQuery(request, diffQuery);
    await readable(request, database, services, query);
    const row = database.read.current(target.collection, target.documentId);
    if (row === undefined) throw new LoggosError('not-found', 'the document was never here');
    const to = query.to ?? row.revision;
    const [before, after] = [await contentAt(target, query.from), await contentAt(target, to)];
    return {
      status: 200,
      headers: {
        'Content-Type': mediaTypes.jsonPatch,
        'Cache-Control': 'no-cache',
        ...positionHeaders(database),
      },
      body: JSON.stringify(createDiff(JSON.parse(before.body), JSON.parse(after.body))),
    };
  }

  async function restore(request: Request): Promise<Answer> {
    const target = documentTarget(request);
    requireNoQuery(request);
    requirePostType(request);
    const precondition = writePrecondition(request.headers);
    const body = await readBody(request, services.settings.bodyBytesMax);
    const { revision } = parseShape(restoreRequest, parseBody(body, database));
    await readable(request, database, services, {});
    const old = await contentAt(target, revision);
    const content = { field: 'document', json: old.body } as const;
    const asked = { kind: 'restore', ...target, precondition, content, restoredFrom: revision } as const;
    const outcome = await write(request, database, services, [asked], body);
    const result = onlyResult(outcome);
    const headers = writeHeaders(database, outcome, result);
    const status = result.created ? 201 : 200;
    if (preferredReturn(request) !== 'representation') return { status, headers, body: writeBody(outcome, result) };
    return { status, headers: { ...headers, 'Preference-Applied': 'return=representation' }, body: old.body };
  }

  /** @throws LoggosError `not-found`, `deleted` */
  async function contentAt({ collection, documentId }: DocumentTarget, revision: number): Promise<DocumentVersion> {
    const version = await database.read.asOf(collection, documentId, { revision });
    if (version.deleted) throw deleted(version);
    return version;
  }

  router
    .route('/documents/:collection/:id/history')
    .get(answer(history))
    .all(answer(otherMethods('GET, HEAD')));
  router
    .route('/documents/:collection/:id/diff')
    .get(answer(diff))
    .all(answer(otherMethods('GET, HEAD')));
  router
    .route('/documents/:collection/:id/restore')
    .post(answer(restore))
    .all(answer(otherMethods('POST', { 'Accept-Post': mediaTypes.json })));
  return router;
}

/** A document as it was at a revision, a position or a time. */
export async function readVersion(
  request: Request,
  database: Database,
  services: HttpServices,
  target: DocumentTarget,
  query: DocumentQuery,
): Promise<Answer> {
  const moment = onlyMoment(query);
  const { read } = database;
  const history = query.history ?? statedHistory(request.headers);
  if (query.time !== undefined && query.time > services.clock.now()) {
    throw invalidParameter('time', 'the time is in the future', 422);
  }
  const deadline = await readable(request, database, services, query);
  if ('position' in moment) {
    checkHistory(read.histories, history, moment.position);
    await database.reached(moment.position, deadline);
  }
  const version = await read.asOf(target.collection, target.documentId, moment);
  checkHistory(read.histories, history, version.position);
  if (version.deleted) throw deleted(version);
  const tag = tagOf(version.position, version.revision, read.histories);
  const isPinned = query.history !== undefined && query.history === presentHistory(database);
  const headers: Record<string, string | number> = {
    ETag: `"${tag}"`,
    'Cache-Control':
      isPinned && (await isSettled(database, moment)) ? 'private, max-age=31536000, immutable' : 'no-cache',
    [responseHeaders.position]: 'position' in moment ? moment.position : version.position,
    [responseHeaders.history]: presentHistory(database),
  };
  const condition = readCondition(request.headers, tag);
  if (condition === 'not-modified') return { status: 304, headers };
  if (condition === 'mismatch') throw revisionConflict(version.revision);
  return { status: 200, headers, body: version.body };
}

function onlyMoment({ revision, position, time }: DocumentQuery): AsOf {
  const moments = [revision, position, time].filter((moment) => moment !== undefined);
  if (moments.length !== 1) {
    throw invalidParameter('revision', 'one of revision, position and time says which moment is asked for');
  }
  if (revision !== undefined) return { revision };
  return position !== undefined ? { position } : { time: time ?? 0 };
}

/** Whether the answer for a moment can never change: a time is settled once a later event has another. */
async function isSettled(database: Database, moment: AsOf): Promise<boolean> {
  if (!('time' in moment)) return true;
  return (await database.read.positionAtTime(moment.time)) < database.read.position;
}
