import { Router } from 'express';
import { z } from 'zod';
import {
  checkpointChange,
  checkpointStatus,
  clusterStatus,
  digestAnswer,
  digestQuery,
  healthQuery,
  problemBody,
  snapshotInfo,
  snapshotList,
} from '../api/cluster.ts';
import {
  diffQuery,
  documentPage,
  documentQuery,
  historyQuery,
  pageQuery,
  restoreRequest,
  transactionRequest,
  transactionResult,
  writeResult,
} from '../api/documents.ts';
import { cloudEvent, eventPage, eventQuery, eventsQuery, provenEvent } from '../api/events.ts';
import { mediaTypes } from '../api/headers.ts';
import { problems } from '../api/problems.ts';
import { document } from '../api/scalars.ts';
import type { Answering } from './answer.ts';
import { otherMethods } from './methods.ts';
import { requireNoQuery } from './query.ts';

/** One request that the interface answers: what is described, and what a test holds the answers to. */
export interface Operation {
  readonly method: 'get' | 'put' | 'post' | 'patch' | 'delete';
  /** Below `/v1`, or from the root where it begins with `//`. */
  readonly path: string;
  readonly summary: string;
  readonly query?: z.ZodObject;
  /** Media types of the body with their schemas. */
  readonly body?: Readonly<Record<string, z.ZodType>>;
  readonly isWrite?: boolean;
  /** Statuses with what each answers; undefined: no body. */
  readonly answers: Readonly<Record<number, Readonly<Record<string, z.ZodType>> | undefined>>;
}

const json = (schema: z.ZodType) => ({ [mediaTypes.json]: schema });
const text = { 'text/plain': z.string() };
const bytes = { [mediaTypes.tar]: z.string().meta({ openapi: { type: 'string', format: 'binary' } }) };
const jsonPatch = z.array(z.looseObject({ op: z.string(), path: z.string() }));
const one = '/documents/{collection}/{id}';

export const operations: readonly Operation[] = [
  {
    method: 'get',
    path: one,
    summary: 'Read a document, as it is or as it was',
    query: documentQuery,
    answers: { 200: json(document), 304: undefined },
  },
  {
    method: 'put',
    path: one,
    summary: 'Create or replace a document',
    body: json(document),
    isWrite: true,
    answers: { 200: json(writeResult), 201: json(writeResult), 204: undefined },
  },
  {
    method: 'patch',
    path: one,
    summary: 'Change a document',
    body: { [mediaTypes.mergePatch]: document, [mediaTypes.jsonPatch]: jsonPatch },
    isWrite: true,
    answers: { 200: json(writeResult), 204: undefined },
  },
  {
    method: 'delete',
    path: one,
    summary: 'Delete a document; its history stays',
    isWrite: true,
    answers: { 200: json(document), 204: undefined },
  },
  {
    method: 'post',
    path: '/documents/{collection}',
    summary: 'Create a document with an id made here',
    body: json(document),
    isWrite: true,
    answers: { 201: json(writeResult) },
  },
  {
    method: 'get',
    path: '/documents/{collection}',
    summary: 'A page of a collection',
    query: pageQuery,
    answers: { 200: json(documentPage) },
  },
  {
    method: 'get',
    path: `${one}/history`,
    summary: 'The events of a document',
    query: historyQuery,
    answers: { 200: { ...json(eventPage), [mediaTypes.cloudEvents]: z.array(cloudEvent) } },
  },
  {
    method: 'get',
    path: `${one}/diff`,
    summary: 'The difference of two revisions',
    query: diffQuery,
    answers: { 200: { [mediaTypes.jsonPatch]: jsonPatch } },
  },
  {
    method: 'post',
    path: `${one}/restore`,
    summary: 'Write an earlier revision again',
    body: json(restoreRequest),
    isWrite: true,
    answers: { 200: json(writeResult), 201: json(writeResult) },
  },
  {
    method: 'post',
    path: '/transactions',
    summary: 'Several operations, all or none',
    body: json(transactionRequest),
    isWrite: true,
    answers: { 200: json(transactionResult), 204: undefined },
  },
  {
    method: 'get',
    path: '/events',
    summary: 'The total order of events: a page, a live stream, a long poll',
    query: eventsQuery,
    answers: {
      200: {
        ...json(eventPage),
        [mediaTypes.eventStream]: z.string(),
        [mediaTypes.lines]: z.string(),
        [mediaTypes.cloudEvents]: z.array(cloudEvent),
      },
    },
  },
  {
    method: 'get',
    path: '/events/{position}',
    summary: 'One event with its proof',
    query: eventQuery,
    answers: { 200: { ...json(provenEvent), [mediaTypes.cloudEvent]: cloudEvent } },
  },
  {
    method: 'get',
    path: '/checkpoint',
    summary: 'The checkpoint of this replica',
    answers: { 200: json(checkpointStatus) },
  },
  {
    method: 'patch',
    path: '/checkpoint',
    summary: "Change this replica's holds, Replayer and Cleaner",
    body: { [mediaTypes.mergePatch]: checkpointChange },
    answers: { 200: json(checkpointStatus) },
  },
  {
    method: 'get',
    path: '/digest',
    summary: 'The digest of the documents at an instance',
    query: digestQuery,
    answers: { 200: json(digestAnswer) },
  },
  { method: 'get', path: '/snapshots', summary: 'The snapshots', answers: { 200: json(snapshotList) } },
  { method: 'post', path: '/snapshots', summary: 'Make a snapshot now', answers: { 201: json(snapshotInfo) } },
  { method: 'get', path: '/snapshots/{instance}', summary: 'One snapshot', answers: { 200: json(snapshotInfo) } },
  {
    method: 'delete',
    path: '/snapshots/{instance}',
    summary: 'Drop a snapshot that nothing reads',
    answers: { 204: undefined },
  },
  {
    method: 'get',
    path: '/snapshots/{instance}.tar',
    summary: 'A backup; ranges resume it',
    answers: { 200: bytes, 206: bytes, 304: undefined },
  },
  { method: 'get', path: '/snapshots/latest.tar', summary: 'A backup of the newest state', answers: { 200: bytes } },
  {
    method: 'get',
    path: '/cluster',
    summary: 'The cluster as this replica sees it',
    answers: { 200: json(clusterStatus) },
  },
  { method: 'get', path: '//livez', summary: 'The process answers', query: healthQuery, answers: { 200: text } },
  {
    method: 'get',
    path: '//readyz',
    summary: 'A linearizable read would be answered now',
    query: healthQuery,
    answers: { 200: text, 503: text },
  },
  {
    method: 'get',
    path: '//healthz',
    summary: 'The same as readyz',
    query: healthQuery,
    answers: { 200: text, 503: text },
  },
  { method: 'get', path: '//metrics', summary: "Metrics in Prometheus' format", answers: { 200: text } },
  { method: 'get', path: '//openapi.json', summary: 'This description', answers: { 200: json(z.looseObject({})) } },
];

/** `/openapi.json`, printed once. */
export function openApiRoutes(version: string, answer: Answering): Router {
  const router = Router({ caseSensitive: true, strict: true });
  let printed: string | undefined;
  router
    .route('/openapi.json')
    .get(
      answer((request) => {
        requireNoQuery(request);
        printed ??= JSON.stringify(openApi(version));
        return { status: 200, headers: { 'Cache-Control': 'no-cache' }, body: printed };
      }),
    )
    .all(answer(otherMethods('GET, HEAD')));
  return router;
}

/** OpenAPI 3.1 from the schemas that validate. */
export function openApi(version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    const path = operation.path.startsWith('//') ? operation.path.slice(1) : `/v1${operation.path}`;
    paths[path] ??= {};
    paths[path][operation.method] = describe(operation);
  }
  const codes = Object.keys(problems);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Loggos',
      version,
      description:
        'An event-sourced JSON document store in which every event is chosen by Paxos. The tree under /v1 is the ' +
        'database main; the same stands under /v1/databases/{database}.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    paths,
    components: {
      schemas: { Problem: { ...schemaOf(problemBody), description: `RFC 9457. Codes: ${codes.join(', ')}` } },
    },
  };
}

function describe({ path, summary, query, body, isWrite = false, answers }: Operation): Record<string, unknown> {
  const pathParameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: name === 'instance' || name === 'position' ? { type: 'integer', minimum: 0 } : { type: 'string' },
  }));
  const queryParameters = Object.entries(query?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: false,
    schema: schemaOf(schema as z.ZodType),
  }));
  const headers = (isWrite ? writeHeaders : []).map((name) => ({ name, in: 'header', schema: { type: 'string' } }));
  const responses = Object.entries(answers).map(([status, content]) => [
    status,
    { description: summary, ...(content === undefined ? {} : { content: contentOf(content) }) },
  ]);
  const problem = {
    description: 'A refusal or a failure',
    content: { [mediaTypes.problem]: { schema: { $ref: '#/components/schemas/Problem' } } },
  };
  return {
    summary,
    parameters: [...pathParameters, ...queryParameters, ...headers],
    ...(body === undefined ? {} : { requestBody: { required: true, content: contentOf(body) } }),
    responses: { ...Object.fromEntries(responses), default: problem },
  };
}

const writeHeaders = [
  'If-Match',
  'If-None-Match',
  'Idempotency-Key',
  'Loggos-Event-Type',
  'Loggos-Metadata',
  'traceparent',
  'Prefer',
  'Loggos-Deadline',
];

function contentOf(schemas: Readonly<Record<string, z.ZodType>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(schemas).map(([type, schema]) => [type, { schema: schemaOf(schema) }]));
}

/** What a client sends or receives; text that is parsed is shown as what it means. */
function schemaOf(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _, ...shown } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      const { openapi } = jsonSchema as { openapi?: Record<string, unknown> };
      if (openapi === undefined) return;
      for (const key of ['openapi', 'pattern', 'type', 'minLength', 'maxLength', 'format']) {
        delete (jsonSchema as Record<string, unknown>)[key];
      }
      Object.assign(jsonSchema, openapi);
    },
  });
  return shown as Record<string, unknown>;
}
