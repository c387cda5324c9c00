import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LoggosError } from '../../src/base/errors.ts';
import { problemAnswer } from '../../src/http/problem-answer.ts';
import { RestServer } from './rest-server.ts';

/** What a refusal says: what is wrong in plain words, and what helps in this case. */

let server: RestServer;

before(async () => {
  server = await RestServer.start();
  await server.send('PUT', '/v1/documents/c/a', { body: {} });
});
after(() => server.stop());

test('parameters and bodies are refused in words, never by patterns', async () => {
  const cases: [string, RegExp][] = [
    ['/v1/documents/c/a/diff', /"from" is missing/],
    ['/v1/documents/c/a?consistency=sometimes', /must be one of linearizable, lease, local/],
    ['/v1/documents/c?limit=0', /must be a whole number from 1/],
    ['/v1/events?collection=a%2Fb', /must be 1 to 64 of/],
    ['/v1/events?wait=5', /ms, s or m.*10m/],
    ['/v1/events?type=', /must have at least 1 character\./],
  ];
  for (const [path, words] of cases) {
    const { status, json } = await server.send('GET', path);
    assert.equal(status, 400, path);
    assert.match(json.detail, words);
    assert.doesNotMatch(json.detail, /\^|pattern|undefined|expected/);
  }
  const bodies: [unknown, RegExp][] = [
    [{}, /"\/operations" of the body is missing/],
    [{ operations: [{ op: 'upsert' }] }, /must be one of put, create, merge, patch, delete, check/],
    [{ operations: [{ op: 'put', collection: '..', id: 'a' }] }, /must be 1 to 64 of/],
    [{ operations: 1 }, /must be an array/],
    [[], /the body must be an object/i],
  ];
  for (const [body, words] of bodies) {
    const { status, json } = await server.send('POST', '/v1/transactions', { body: body as Record<string, unknown> });
    assert.equal(status, 400);
    assert.match(json.detail, words);
    assert.doesNotMatch(json.detail, /\^\(|pattern|undefined|expected/);
  }
  const deadline = await server.send('GET', '/v1/documents/c/a', { headers: { 'loggos-deadline': '5' } });
  assert.match(deadline.json.detail, /ms, s or m.*600s/);
});

test('advice fits the case', async () => {
  const early = await server.send('GET', '/v1/documents/c/a?revision=7');
  assert.equal(early.status, 404);
  assert.match(early.json.detail, /no revision 7 yet. Ask for an earlier one/);
  assert.doesNotMatch(early.json.detail, /case-sensitive/);
  const typed = await server.send('PUT', '/v1/documents/c/a', {
    body: '{}',
    headers: { 'content-type': 'text/plain' },
  });
  assert.deepEqual([typed.status, typed.headers.accept], [415, 'application/json']);
  assert.match(typed.json.detail, /`Accept` header/);
  assert.doesNotMatch(typed.json.detail, /Accept-P/);
  const method = await server.send('POST', '/v1/documents/c/a', { body: {} });
  assert.deepEqual([method.status, method.json.allow], [405, method.headers.allow]);
});

test('a paused Replayer is to be resumed, not to be waited for', async () => {
  const merge = { 'content-type': 'application/merge-patch+json' };
  const set = (state: string) =>
    server.send('PATCH', '/v1/checkpoint', { headers: merge, body: JSON.stringify({ replayer: { state } }) });
  const { database } = server;
  const { checkpointReached } = database;
  database.checkpointReached = () => Promise.reject(new LoggosError('busy', 'The Replayer is paused'));
  try {
    assert.doesNotMatch((await server.send('GET', '/v1/documents/c')).json.detail, /PATCH/);
    await set('paused');
    const page = await server.send('GET', '/v1/documents/c');
    assert.deepEqual([page.status, page.json.code], [503, 'busy']);
    assert.match(page.json.detail, /Resume it with PATCH \/v1\/checkpoint/);
  } finally {
    database.checkpointReached = checkpointReached;
    await set('running');
  }
  const write = problemAnswer(new LoggosError('busy', 'Writes wait.', { cause: 'replayer' }), 'id');
  assert.match(String(write.body), /PATCH \/v1\/checkpoint/);
});

test('no sentence is said twice', () => {
  const { body = '' } = problemAnswer(new LoggosError('no-leader', 'Nobody leads; it was surely not done'), 'id');
  assert.equal(JSON.parse(body).detail, 'Nobody leads; it was surely not done. Try again.');
});

test('health says by which name it was asked', async () => {
  assert.match((await server.send('GET', '/healthz?verbose')).text, /\nhealthz passed\n$/);
  assert.match((await server.send('GET', '/readyz?verbose')).text, /\nreadyz passed\n$/);
});

test('what is described and not here yet says so, and names of actions stay names of documents', async () => {
  for (const [method, path] of [
    ['POST', '/v1/documents/c/query'],
    ['POST', '/v1/documents/c/count'],
    ['POST', '/v1/databases/main/documents/c/bulk'],
    ['GET', '/v1/collections'],
    ['PUT', '/v1/indexes/c/by-name'],
    ['PUT', '/v1/subscriptions/s'],
    ['POST', '/v1/databases/main/subscriptions/s/pull'],
    ['POST', '/v1/cluster/members'],
    ['DELETE', '/v1/cluster/members/b'],
    ['POST', '/v1/cluster/leader'],
    ['PUT', '/v1/databases/other'],
    ['GET', '/v1/databases/main'],
    ['GET', '/v1/databases'],
    ['GET', '/docs'],
    ['GET', '/console'],
  ] as const) {
    const reply = await server.send(method, path);
    assert.deepEqual([reply.status, reply.json.code], [404, 'no-such-route'], path);
    assert.match(reply.json.detail, /not in this version/, path);
  }
  assert.equal((await server.send('PUT', '/v1/documents/c/query', { body: {} })).status, 201);
  assert.doesNotMatch((await server.send('GET', '/v1/nothing')).json.detail, /not in this version/);
});
