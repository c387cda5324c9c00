import { type Request, Router } from 'express';
import { type TransactionOperation, transactionRequest } from '../api/documents.ts';
import { mediaTypes } from '../api/headers.ts';
import { LoggosError } from '../base/errors.ts';
import { printJson } from '../base/strict-json.ts';
import { checkPatch } from '../documents/machine/json-patch.ts';
import type { Precondition } from '../documents/machine/types.ts';
import type { Answer, Answering } from './answer.ts';
import { parseBody, readBody, requirePostType } from './body.ts';
import type { Database } from './database.ts';
import { checkObject, printDocument, tagMember } from './document-content.ts';
import { checkDocumentId } from './document-target.ts';
import { requireUnconditional } from './entity-tags.ts';
import type { HttpServices } from './http-services.ts';
import { otherMethods } from './methods.ts';
import { preferredReturn } from './negotiation.ts';
import { requireNoQuery } from './query.ts';
import { Refusal } from './refusal.ts';
import { parseShape } from './shapes.ts';
import { type AskedOperation, write, writeHeaders } from './writing.ts';

/** Several documents, all or none. */
export function transactionRoutes(database: Database, services: HttpServices, answer: Answering): Router {
  const router = Router({ caseSensitive: true, strict: true });

  async function post(request: Request): Promise<Answer> {
    requireNoQuery(request);
    requirePostType(request);
    requireUnconditional(request.headers, 'condition each operation by its ifRevision');
    const body = await readBody(request, services.settings.bodyBytesMax);
    const { operations } = parseShape(transactionRequest, parseBody(body, database));
    const asked = operations.map((operation, index) => askedOperation(operation, index, database));
    const outcome = await write(request, database, services, asked, body, { transaction: true });
    const headers = writeHeaders(database, outcome);
    if (preferredReturn(request) === 'minimal') {
      return { status: 204, headers: { ...headers, 'Preference-Applied': 'return=minimal' } };
    }
    const results = outcome.results.map(
      ({ revision, position, tag }) => `{"revision":${revision},"position":${position}${tagMember(revision, tag)}}`,
    );
    return { status: 200, headers, body: `{"results":[${results.join(',')}]}` };
  }

  router
    .route('/transactions')
    .post(answer(post))
    .all(answer(otherMethods('POST', { 'Accept-Post': mediaTypes.json })));
  return router;
}

function askedOperation(operation: TransactionOperation, index: number, database: Database): AskedOperation {
  try {
    checkDocumentId(operation.id);
    const target = { collection: operation.collection, documentId: operation.id };
    const precondition = preconditionOf(operation);
    switch (operation.op) {
      case 'put':
      case 'create': {
        const json = printDocument(operation.document, database);
        return { kind: operation.op, ...target, precondition, content: { field: 'document', json } };
      }
      case 'merge':
        checkObject(operation.patch);
        return { kind: 'merge', ...target, precondition, content: patchOf(operation.patch) };
      case 'patch':
        checkPatch(operation.patch);
        return { kind: 'patch', ...target, precondition, content: patchOf(operation.patch) };
      case 'delete':
      case 'check':
        return { kind: operation.op, ...target, precondition };
    }
  } catch (error) {
    if (!(error instanceof LoggosError)) throw error;
    throw new Refusal(error.code, error.message, { facts: { ...error.facts, operation: index } });
  }
}

function patchOf(patch: unknown): { readonly field: 'patch'; readonly json: string } {
  return { field: 'patch', json: printJson(patch) };
}

function preconditionOf({ op, ifRevision }: TransactionOperation): Precondition {
  if (op === 'create' || ifRevision === 0) return { kind: 'absent' };
  return ifRevision === undefined ? { kind: 'none' } : { kind: 'tags', tags: [String(ifRevision)] };
}
