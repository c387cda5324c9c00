import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { z } from 'zod';
import { problemBody } from '../../src/api/cluster.ts';
import { document } from '../../src/api/scalars.ts';
import { operations } from '../../src/http/openapi.ts';
import { type Reply, RestServer } from './rest-server.ts';

/** Every route, every status that is described for it, and the shape of what it answers with. */

let server: RestServer;
let snapshot = 0;

before(async () => {
  server = await RestServer.start();
  for (const body of [{ n: 1 }, { n: 2 }]) await server.send('PUT', '/v1/documents/c/a', { body });
  snapshot = (await server.send('POST', '/v1/snapshots')).json.instance;
});
after(() => server.stop());

const merge = { 'content-type': 'application/merge-patch+json' };
const accept = (type: string) => ({ accept: type });
const minimal = { prefer: 'return=minimal' };
const whole = { prefer: 'return=representation' };

type Example = readonly [
  operation: string,
  status: number,
  request: {
    readonly path?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string | Readonly<Record<string, unknown>>;
  },
];

const one = '/documents/{collection}/{id}';
const examples = (): readonly Example[] => [
  [`put ${one}`, 201, { path: '/documents/c/b', body: {} }],
  [`put ${one}`, 200, { path: '/documents/c/b', body: {} }],
  [`put ${one}`, 204, { path: '/documents/c/b', body: {}, headers: minimal }],
  [`get ${one}`, 200, {}],
  [`get ${one}`, 200, { path: '/documents/c/a?revision=1&consistency=local' }],
  [`get ${one}`, 304, { headers: { 'if-none-match': '"2"' } }],
  [`patch ${one}`, 200, { path: '/documents/c/b', headers: merge, body: '{"a":1}' }],
  [`patch ${one}`, 204, { path: '/documents/c/b', headers: { ...merge, ...minimal }, body: '{"a":1}' }],
  [`delete ${one}`, 200, { path: '/documents/c/b', headers: whole }],
  [`put ${one}`, 201, { path: '/documents/c/b', body: {} }],
  [`delete ${one}`, 204, { path: '/documents/c/b' }],
  ['post /documents/{collection}', 201, { body: { n: 1 } }],
  ['get /documents/{collection}', 200, {}],
  [`get ${one}/history`, 200, {}],
  [`get ${one}/history`, 200, { headers: accept('application/cloudevents-batch+json') }],
  [`get ${one}/diff`, 200, { path: '/documents/c/a/diff?from=1&to=2' }],
  [`post ${one}/restore`, 201, { path: '/documents/c/b/restore', body: { revision: 1 } }],
  [`post ${one}/restore`, 200, { path: '/documents/c/b/restore', body: { revision: 1 } }],
  ['post /transactions', 200, { body: { operations: [{ op: 'put', collection: 'c', id: 't', document: {} }] } }],
  ['get /events', 200, {}],
  ['get /events', 200, { headers: accept('application/cloudevents-batch+json') }],
  ['get /events/{position}', 200, {}],
  ['get /events/{position}', 200, { headers: accept('application/cloudevents+json') }],
  ['get /checkpoint', 200, {}],
  ['patch /checkpoint', 200, { headers: merge, body: '{"holdCount":5}' }],
  ['get /digest', 200, {}],
  ['get /snapshots', 200, {}],
  ['post /snapshots', 201, {}],
  ['get /snapshots/{instance}', 200, {}],
  ['get /snapshots/{instance}.tar', 200, {}],
  ['get /snapshots/{instance}.tar', 206, { headers: { range: 'bytes=1-2' } }],
  ['get /snapshots/{instance}.tar', 304, { headers: { 'if-none-match': `"seal-of-${snapshot}"` } }],
  ['get /snapshots/latest.tar', 200, {}],
  ['delete /snapshots/{instance}', 204, {}],
  ['get /cluster', 200, {}],
  ['get //livez', 200, {}],
  ['get //readyz', 200, {}],
  ['get //healthz', 200, {}],
  ['get //metrics', 200, {}],
  ['get //openapi.json', 200, {}],
];

function addressOf(path: string): string {
  const filled = path.replace('{collection}', 'c').replace('{id}', 'a').replace('{position}', '1');
  const address = filled.replace('{instance}', String(snapshot));
  return address.startsWith('//') ? address.slice(1) : `/v1${address}`;
}

function checkShape(schema: z.ZodType, type: string, reply: Reply, name: string): void {
  if (type.includes('json')) schema.parse(reply.json);
  else assert.ok(reply.bytes.length > 0, name);
}

test('every route answers each of its statuses in the shape that is described', async () => {
  const covered = new Set<string>();
  for (const [name, status, { path, ...request }] of examples()) {
    const [method = '', route = ''] = name.split(' ');
    const operation = operations.find((described) => described.method === method && described.path === route);
    assert.ok(operation !== undefined, name);
    const reply = await server.send(
      method.toUpperCase(),
      path === undefined ? addressOf(route) : `/v1${path}`,
      request,
    );
    assert.equal(reply.status, status, `${name} ${reply.text}`);
    assert.ok(status in operation.answers, `${name} ${status} is described`);
    const content = operation.answers[status];
    assert.equal(reply.headers['x-content-type-options'], 'nosniff', name);
    if (!route.startsWith('//')) {
      assert.match(String(reply.headers['loggos-position']), /^\d+$/, name);
      assert.equal(reply.headers['loggos-history'], 'first-history-of-tests', name);
    }
    if (content === undefined) {
      assert.equal(reply.text, '', name);
    } else {
      const [type = ''] = String(reply.headers['content-type']).split(';');
      const schema = content[type] ?? (method === 'delete' ? document : undefined);
      assert.ok(schema !== undefined, `${name} answers ${type}, which is described`);
      checkShape(schema, type, reply, name);
    }
    covered.add(name);
  }
  const described = operations.map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual([...covered].sort(), described.sort());
});

test('every write can be a replay, says where it stands, and tells its instance', async () => {
  const writes = operations.filter(({ isWrite }) => isWrite === true).map(({ method, path }) => `${method} ${path}`);
  for (const [index, name] of writes.entries()) {
    const example = examples().find(([operation, status]) => operation === name && status !== 204);
    assert.ok(example !== undefined, name);
    const [method = '', route = ''] = name.split(' ');
    const target = `/documents/replayed/${index}`;
    await server.send('PUT', `/v1${target}`, { body: { n: 1 } });
    const address = route.startsWith(one) ? `/v1${route.replace(one, target)}` : addressOf(route);
    const { path: _, ...request } = example[2];
    const headers = { ...request.headers, 'idempotency-key': `routes-${index}` };
    const first = await server.send(method.toUpperCase(), address, { ...request, headers });
    assert.ok(first.status < 300, `${name} ${first.text}`);
    assert.match(String(first.headers['loggos-instance']), /^\d+$/, name);
    const again = await server.send(method.toUpperCase(), address, { ...request, headers });
    assert.equal(again.headers['idempotency-replayed'], 'true', name);
    assert.deepEqual([again.status, again.text], [first.status, first.text], name);
    assert.equal(again.headers['loggos-position'], first.headers['loggos-position'], name);
  }
});

test('every route refuses by problem+json, with the position where it is about data', async () => {
  for (const { method, path } of operations) {
    if (method !== 'get') continue;
    const reply = await server.send('GET', `${addressOf(path)}?surely=unknown`);
    assert.equal(reply.status, 400, path);
    problemBody.parse(reply.json);
    assert.equal(reply.headers['content-type'], 'application/problem+json');
    if (!path.startsWith('//')) assert.match(String(reply.headers['loggos-position']), /^\d+$/, path);
  }
});
