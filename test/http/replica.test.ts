import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { checkpointStatus, clusterStatus, digestAnswer } from '../../src/api/cluster.ts';
import { RestServer } from './rest-server.ts';

let server: RestServer;

before(async () => {
  server = await RestServer.start();
  await server.send('PUT', '/v1/documents/c/a', { body: {} });
});
after(() => server.stop());

const mergePatch = { 'content-type': 'application/merge-patch+json' };

test('the checkpoint is shown and configured by a merge patch', async () => {
  const shown = await server.send('GET', '/v1/checkpoint');
  assert.equal(shown.status, 200);
  checkpointStatus.parse(shown.json);
  const paused = await server.send('PATCH', '/v1/checkpoint', {
    headers: mergePatch,
    body: '{"holdCount":7,"replayer":{"state":"paused"}}',
  });
  assert.deepEqual([paused.status, paused.json.holdCount, paused.json.replayer.state], [200, 7, 'paused']);
  assert.equal(paused.json.cleaner.state, 'running');
});

test('a configuration that is none is refused with the pointer', async () => {
  const cases: [string, string][] = [
    ['{"holdCount":-1}', '/holdCount'],
    ['{"holdCount":null}', '/holdCount'],
    ['{"replayer":{"state":"failed"}}', '/replayer/state'],
    ['{"more":1}', '/more'],
    ['[]', ''],
  ];
  for (const [body, pointer] of cases) {
    const reply = await server.send('PATCH', '/v1/checkpoint', { headers: mergePatch, body });
    assert.deepEqual([reply.status, reply.json.code, reply.json.pointer], [400, 'malformed-request', pointer], body);
  }
  const typed = await server.send('PATCH', '/v1/checkpoint', { body: {} });
  assert.deepEqual([typed.status, typed.headers['accept-patch']], [415, 'application/merge-patch+json']);
});

test('the digest is of what is applied, or of an instance that was kept', async () => {
  const { instance } = server.database.state;
  const now = await server.send('GET', '/v1/digest');
  digestAnswer.parse(now.json);
  assert.equal(now.json.instance, instance);
  const unknown = await server.send('GET', `/v1/digest?instance=${instance + 9}`);
  assert.deepEqual([unknown.status, unknown.json.nearest], [404, instance]);
  assert.equal((await server.send('GET', '/v1/digest?instance=x')).status, 400);
});

test('the cluster is shown, without a leader too', async () => {
  clusterStatus.parse((await server.send('GET', '/v1/cluster')).json);
  server.database.hasLeader = false;
  const alone = await server.send('GET', '/v1/cluster');
  server.database.hasLeader = true;
  assert.deepEqual([alone.status, alone.json.leader], [200, null]);
});

test('probes: the process lives, and is ready only where a linearizable read would be answered', async () => {
  for (const path of ['/livez', '/readyz', '/healthz']) {
    const reply = await server.send('GET', path);
    assert.deepEqual([reply.status, reply.text], [200, 'ok\n']);
    assert.equal(reply.headers['content-type'], 'text/plain; charset=utf-8');
  }
  server.database.hasLeader = false;
  assert.equal((await server.send('GET', '/livez')).status, 200);
  const unready = await server.send('GET', '/readyz');
  assert.deepEqual([unready.status, unready.text, unready.headers['retry-after']], [503, 'not ready\n', '1']);
  const verbose = await server.send('GET', '/readyz?verbose');
  assert.equal(verbose.text, '[-]main.leader failed: nobody leads\n[+]main.checkpoint ok\nreadyz failed\n');
  assert.equal((await server.send('GET', '/readyz?exclude=leader')).status, 200);
  assert.equal((await server.send('GET', '/readyz?sync')).status, 503);
  server.database.hasLeader = true;
  assert.equal((await server.send('GET', '/readyz?sync')).status, 200);
  assert.equal((await server.send('GET', '/readyz?what')).status, 400);
});

test('metrics are what the server hands in', async () => {
  const reply = await server.send('GET', '/metrics');
  assert.deepEqual([reply.status, reply.text], [200, 'up 1\n']);
  assert.equal(reply.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
});
