import type { Request, RequestHandler, Router } from 'express';
import { type DocumentQuery, documentQuery } from '../api/documents.ts';
import { mediaTypes, responseHeaders } from '../api/headers.ts';
import { printJson } from '../base/strict-json.ts';
import { checkPatch } from '../documents/machine/json-patch.ts';
import { tagOf } from '../documents/machine/row.ts';
import type { Answer, Answering } from './answer.ts';
import { bodyType, parseBody, readBody, readJsonBody, requirePutType } from './body.ts';
import type { Database } from './database.ts';
import { checkObject, compactDocument, presentRow, revisionConflict } from './document-content.ts';
import { type DocumentTarget, documentTarget } from './document-target.ts';
import { readVersion } from './document-versions.ts';
import { readCondition, writePrecondition } from './entity-tags.ts';
import type { HttpServices } from './http-services.ts';
import { otherMethods } from './methods.ts';
import { preferredReturn, requireJsonAccepted } from './negotiation.ts';
import { isPlannedAction, notInThisVersion } from './planned-routes.ts';
import { presentHistory } from './positions.ts';
import { hasQuery, parseQuery, requireNoQuery } from './query.ts';
import { Refusal } from './refusal.ts';
import { readable } from './waiting.ts';
import { type AppliedOutcome, onlyResult, write, writeHeaders, writtenAnswer } from './writing.ts';

const acceptPatch = { 'Accept-Patch': `${mediaTypes.mergePatch}, ${mediaTypes.jsonPatch}` };
/** Of a read without a query string. */
const presentRead: DocumentQuery = {};

/** What nearly every request about one document looks like: nothing to decode, and no query. */
const plainTarget = /^\/documents\/([\w.-]+)\/([\w.-]+)$/;

/**
 * Present documents: written, changed, read.
 * @returns finds the handler of a plain PUT or GET, which then needs no router: that one costs more than parsing the body
 */
export function addDocumentRoutes(
  router: Router,
  database: Database,
  services: HttpServices,
  answer: Answering,
): (request: Request) => RequestHandler | undefined {
  async function get(request: Request): Promise<Answer> {
    const target = documentTarget(request);
    requireJsonAccepted(request);
    const query = hasQuery(request) ? parseQuery(request, documentQuery) : presentRead;
    if (query !== presentRead && asksForThePast(query)) {
      return readVersion(request, database, services, target, query);
    }
    await readable(request, database, services, query);
    const row = presentRow(database, target);
    const tag = tagOf(row.position, row.revision, database.read.histories);
    const headers: Record<string, string | number> = {
      ETag: `"${tag}"`,
      'Cache-Control': 'no-cache',
      [responseHeaders.position]: database.read.position,
      [responseHeaders.history]: presentHistory(database),
    };
    const condition = readCondition(request.headers, tag);
    if (condition === 'not-modified') return { status: 304, headers };
    if (condition === 'mismatch') throw revisionConflict(row.revision, tag);
    return { status: 200, headers, body: row.body };
  }

  async function put(request: Request): Promise<Answer> {
    const target = documentTarget(request);
    requireNoQuery(request);
    requirePutType(request);
    const precondition = writePrecondition(request.headers);
    const body = await readBody(request, services.settings.bodyBytesMax);
    const json = compactDocument(readJsonBody(body, database), database);
    const content = { field: 'document', json } as const;
    const outcome = await write(request, database, services, [{ kind: 'put', ...target, precondition, content }], body);
    return writtenAnswer(request, database, outcome, json);
  }

  async function patch(request: Request): Promise<Answer> {
    const target = documentTarget(request);
    requireNoQuery(request);
    const kind = patchKind(request);
    const precondition = writePrecondition(request.headers);
    const body = await readBody(request, services.settings.bodyBytesMax);
    const value = parseBody(body, database);
    if (kind === 'patch') checkPatch(value);
    else checkObject(value);
    const content = { field: 'patch', json: printJson(value) } as const;
    const outcome = await write(request, database, services, [{ kind, ...target, precondition, content }], body);
    const document = preferredReturn(request) === 'representation' ? await contentAfter(target, outcome) : '';
    return writtenAnswer(request, database, outcome, document);
  }

  async function remove(request: Request): Promise<Answer> {
    const target = documentTarget(request);
    requireNoQuery(request);
    const precondition = writePrecondition(request.headers);
    const body = await readBody(request, services.settings.bodyBytesMax);
    const outcome = await write(request, database, services, [{ kind: 'delete', ...target, precondition }], body);
    const headers = writeHeaders(database, outcome, onlyResult(outcome));
    if (preferredReturn(request) !== 'representation') return { status: 204, headers };
    const deleted = await database.read.asOf(target.collection, target.documentId, {
      revision: onlyResult(outcome).revision - 1,
    });
    return { status: 200, headers: { ...headers, 'Preference-Applied': 'return=representation' }, body: deleted.body };
  }

  /** The document right after a write: the present row, unless another write was faster. */
  async function contentAfter(target: DocumentTarget, outcome: AppliedOutcome): Promise<string> {
    const { revision } = onlyResult(outcome);
    const row = database.read.current(target.collection, target.documentId);
    if (row?.revision === revision) return row.body;
    return (await database.read.asOf(target.collection, target.documentId, { revision })).body;
  }

  const notAllowed = otherMethods('GET, HEAD, PUT, PATCH, DELETE', acceptPatch);
  function others(request: Request): Answer | Promise<Answer> {
    if (isPlannedAction(request.method, String(request.params.id))) {
      throw notInThisVersion(request.originalUrl.split('?', 1)[0] ?? '');
    }
    return notAllowed(request);
  }

  const [answerGet, answerPut] = [answer(get), answer(put)];
  router
    .route('/documents/:collection/:id')
    .get(answerGet)
    .put(answerPut)
    .patch(answer(patch))
    .delete(answer(remove))
    .all(answer(others));

  return (request) => {
    const { method } = request;
    const handler = method === 'PUT' ? answerPut : method === 'GET' ? answerGet : undefined;
    const target = handler === undefined ? null : plainTarget.exec(request.url);
    if (target === null) return undefined;
    const [, collection = '', id = ''] = target;
    request.params = { collection, id };
    return handler;
  };
}

/** Whether any of the parameters that say a moment is given. */
function asksForThePast({ revision, position, time, history }: DocumentQuery): boolean {
  return revision !== undefined || position !== undefined || time !== undefined || history !== undefined;
}

function patchKind(request: Request): 'merge' | 'patch' {
  const type = bodyType(request, acceptPatch);
  if (type === mediaTypes.mergePatch) return 'merge';
  if (type === mediaTypes.jsonPatch) return 'patch';
  throw new Refusal('unsupported-media-type', 'a PATCH is a merge patch or a JSON Patch, by its Content-Type', {
    headers: acceptPatch,
  });
}
