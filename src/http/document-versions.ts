import { type Request, Router } from 'express';
import { type DocumentQuery, diffQuery, historyQuery, restoreRequest } from '../api/documents.ts';
import { mediaTypes, responseHeaders } from '../api/headers.ts';
import { type ErrorCode, LoggosError } from '../base/errors.ts';
import type { AsOf, DocumentVersion } from '../documents/document-reader.ts';
import { tagOf } from '../documents/machine/row.ts';
import type { HistoryLine } from '../documents/store/checkpoint-reader.ts';
import type { Answer, Answering } from './answer.ts';
import { parseBody, readBody, requirePostType } from './body.ts';
import { cloudEvent } from './cloud-events.ts';
import type { Database } from './database.ts';
import { createDiff } from './diff.ts';
import { deleted, revisionConflict } from './document-content.ts';
import { type DocumentTarget, documentTarget } from './document-target.ts';
import { readCondition, writePrecondition } from './entity-tags.ts';
import { lineCursor, meantPosition, positionCursor } from './event-positions.ts';
import type { HttpServices } from './http-services.ts';
import { nextLink } from './links.ts';
import { otherMethods } from './methods.ts';
import { negotiate, requireJsonAccepted } from './negotiation.ts';
import { checkHistory, positionHeaders, presentHistory, statedHistory } from './positions.ts';
import { parseQuery, requireNoQuery } from './query.ts';
import { invalidParameter, Refusal } from './refusal.ts';
import { idempotencyKey } from './request-identity.ts';
import { parseShape } from './shapes.ts';
import { readable } from './waiting.ts';
import { onlyResult, write, writtenAnswer } from './writing.ts';

/** Documents as they were: history, differences, and the way back. */
export function documentVersionRoutes(database: Database, services: HttpServices, answer: Answering): Router {
  const router = Router({ caseSensitive: true, strict: true });

  async function history(request: Request): Promise<Answer> {
    const target = documentTarget(request);
    const type = negotiate(request, [mediaTypes.json, mediaTypes.cloudEvents]);
    const query = parseQuery(request, historyQuery);
    const stated = statedHistory(request.headers);
    const deadline = await readable(request, database, services, query);
    const meant = async (name: 'after' | 'before') => {
      const text = query[name];
      return text === undefined ? undefined : await meantPosition(database, name, text, stated);
    };
    const [after, before] = [await meant('after'), await meant('before')];
    if (after !== undefined) await database.reached(after, deadline);
    const { order = 'asc', limit = 100 } = query;
    const position = database.read.position;
    const lines = await database.read.history(target.collection, target.documentId, {
      ...(after === undefined ? {} : { after }),
      ...(before === undefined ? {} : { before }),
      order,
      // One more than is shown says whether there is a next page.
      limit: limit + 1,
    });
    if (lines === undefined) throw new LoggosError('not-found', 'the document was never here');
    const { shown, last, hasMore } = await show(target, lines, limit, query.include !== undefined);
    const end = Math.min((order === 'asc' ? after : before) ?? position, position);
    const cursor = last === undefined ? await positionCursor(database, end) : lineCursor(database, last);
    const parameter = order === 'asc' ? 'after' : 'before';
    const headers = {
      'Content-Type': type,
      'Cache-Control': 'no-cache',
      Vary: 'Accept',
      ...positionHeaders(database, position),
      ...(hasMore ? nextLink(request, { [parameter]: cursor }) : {}),
    };
    if (type === mediaTypes.cloudEvents) {
      const batch = shown.map((line) => JSON.stringify(cloudEvent(database.name, line)));
      return { status: 200, headers, body: `[${batch.join(',')}]` };
    }
    return { status: 200, headers, body: `{"items":[${shown.join(',')}],"cursor":${JSON.stringify(cursor)}}` };
  }

  /** As many lines as fit one answer, each with the document after it where that is asked for. */
  async function show(target: DocumentTarget, lines: readonly HistoryLine[], limit: number, addDocument: boolean) {
    const shown: string[] = [];
    let last: HistoryLine | undefined;
    let bytesLeft = services.settings.pageBytesMax;
    for (const line of lines) {
      if (shown.length >= limit || bytesLeft <= 0) return { shown, last, hasMore: true };
      const text = addDocument ? await withDocument(target, line.line) : line.line;
      bytesLeft -= text.length;
      shown.push(text);
      last = line;
    }
    // A reader that stopped at its own limit in bytes has filled this page long before.
    return { shown, last, hasMore: bytesLeft <= 0 };
  }

  /** The line with the document after its event, unless it has one or the event is a deletion. */
  async function withDocument({ collection, documentId }: DocumentTarget, line: string): Promise<string> {
    const event = JSON.parse(line) as { readonly operation: string; readonly revision: number };
    const hasNone = event.operation === 'deleted' || event.operation === 'expired' || 'erased' in event;
    if (hasNone || 'document' in event) return line;
    const { body } = await database.read.asOf(collection, documentId, { revision: event.revision });
    return `${line.slice(0, -1)},"document":${body}}`;
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
    let old: DocumentVersion;
    try {
      old = await contentAt(target, revision);
    } catch (error) {
      if (!(error instanceof LoggosError) || !contentIsNoMore.has(error.code)) throw error;
      if (idempotencyKey(request) === undefined) throw error;
      return restoredBefore(request, target, body, error);
    }
    const content = { field: 'document', json: old.body } as const;
    const asked = { kind: 'restore', ...target, precondition, content, restoredFrom: revision } as const;
    try {
      const outcome = await write(request, database, services, [asked], body);
      return writtenAnswer(request, database, outcome, old.body);
    } catch (error) {
      // There is such a revision now, but there was none when this key came first.
      throw isRememberedAbsence(error) ? asRemembered(error, notYet(revision)) : error;
    }
  }

  /**
   * A key comes before everything: where it was used, its outcome is answered although the content is not there. Where
   * it is new, a check that cannot hold makes the cluster remember that the request failed: only a transaction fails
   * as `precondition-failed`, and a restore is none, so that a later request knows what is remembered.
   */
  async function restoredBefore(
    request: Request,
    target: DocumentTarget,
    body: Uint8Array,
    absence: LoggosError,
  ): Promise<Answer> {
    const precondition = { kind: 'tags', tags: ['0'] } as const;
    const operations = [{ kind: 'check', ...target, precondition }] as const;
    try {
      const outcome = await write(request, database, services, operations, body, { transaction: true });
      const { revision } = onlyResult(outcome);
      const written = await database.read.asOf(target.collection, target.documentId, { revision });
      return writtenAnswer(request, database, outcome, written.body);
    } catch (error) {
      throw isRememberedAbsence(error) ? asRemembered(error, absence) : error;
    }
  }

  /** @throws LoggosError `not-found`, `deleted` */
  async function contentAt({ collection, documentId }: DocumentTarget, revision: number): Promise<DocumentVersion> {
    const version = await versionAt(database, { collection, documentId }, { revision });
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

/** Why a revision has no content to write again. */
const contentIsNoMore: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['not-found', 'deleted', 'history-trimmed']);

/** Whether a restore failed as `restoredBefore` lets it fail. */
function isRememberedAbsence(error: unknown): error is Refusal {
  return error instanceof Refusal && error.code === 'precondition-failed';
}

/** The absence with the position of the outcome that is remembered, and whether that is a replay. */
function asRemembered({ headers }: Refusal, absence: LoggosError): Refusal {
  return withHeaders(absence, headers);
}

function notYet(revision: number): Refusal {
  return new Refusal('not-found', `the document has no revision ${revision} yet`, {
    advice: 'Ask for an earlier one; its history says which there are.',
  });
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
  // What a time says is exact at the last position of that time, whatever became of the document.
  const exactAt = 'position' in moment ? moment.position : await positionOf(database, moment);
  const headersOf = (position: number) => positionTexts(database, exactAt ?? position);
  let version: DocumentVersion;
  try {
    version = await versionAt(database, target, moment);
  } catch (error) {
    throw exactAt === undefined || !(error instanceof LoggosError) ? error : withHeaders(error, headersOf(exactAt));
  }
  checkHistory(read.histories, history, version.position);
  if (version.deleted) throw withHeaders(deleted(version), headersOf(version.position));
  const tag = tagOf(version.position, version.revision, read.histories);
  // Checked above: what that history says of this moment, it says for ever.
  const isPinned = query.history !== undefined;
  const headers: Record<string, string | number> = {
    ETag: `"${tag}"`,
    'Cache-Control':
      isPinned && (await isSettled(database, moment)) ? 'private, max-age=31536000, immutable' : 'no-cache',
    ...headersOf(version.position),
  };
  const condition = readCondition(request.headers, tag);
  if (condition === 'not-modified') return { status: 304, headers };
  if (condition === 'mismatch') throw withHeaders(revisionConflict(version.revision, tag), headersOf(version.position));
  return { status: 200, headers, body: version.body };
}

/** The last position of a time; undefined where a revision is asked for, whose own position is told. */
async function positionOf(database: Database, moment: AsOf): Promise<number | undefined> {
  return 'time' in moment ? await database.read.positionAtTime(moment.time) : undefined;
}

function positionTexts(database: Database, position: number): Record<string, string> {
  return { [responseHeaders.position]: String(position), [responseHeaders.history]: presentHistory(database) };
}

/** The same refusal with headers of its own. */
function withHeaders(error: LoggosError, headers: Readonly<Record<string, string>>): Refusal {
  const { code, message, facts } = error;
  const advice = error instanceof Refusal ? error.advice : undefined;
  return new Refusal(code, message, { facts, headers, ...(advice === undefined ? {} : { advice }) });
}

/** A revision that is not written yet is not found, as a position is before which the document did not exist. */
async function versionAt(
  database: Database,
  { collection, documentId }: DocumentTarget,
  moment: AsOf,
): Promise<DocumentVersion> {
  const row = database.read.current(collection, documentId);
  if (row === undefined) throw new LoggosError('not-found', 'the document was never here');
  if ('revision' in moment && moment.revision > row.revision) {
    throw notYet(moment.revision);
  }
  return await database.read.asOf(collection, documentId, moment);
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
