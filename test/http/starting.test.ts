import assert from 'node:assert/strict';
import { get, type IncomingMessage } from 'node:http';
import { type TestContext, test } from 'node:test';
import { LoggosError } from '../../src/base/errors.ts';
import { Opening } from '../../src/base/opening.ts';
import type { HttpSettings } from '../../src/http/http-services.ts';
import { BootProgress } from '../../src/server/boot-progress.ts';
import { refusingDatabase } from '../../src/server/refusing-database.ts';
import { RestServer } from './rest-server.ts';

/** Stands in for a database that is being opened. */
function startingStandIn(progress = new BootProgress(), opening = new Opening()) {
  return refusingDatabase({
    name: 'main',
    refusal: () => progress.refusal(),
    check: () => ({ name: 'boot', detail: progress.detail }),
    opening,
  });
}

/** Stands in for one that was found damaged before it was ever open, and cannot be rebuilt. */
function lostStandIn() {
  return refusingDatabase({
    name: 'main',
    refusal: () => new LoggosError('checkpoint-damaged', 'A page is rotten.'),
    check: () => ({ name: 'checkpoint', detail: 'a page is rotten' }),
    last: startingStandIn().read,
  });
}

/** A server whose database is being opened until `open` is called. */
async function startingServer(context: TestContext, settings: Partial<HttpSettings> = {}) {
  const server = await RestServer.start(settings);
  context.after(() => server.stop());
  const progress = new BootProgress();
  const opening = new Opening();
  server.databases.set('main', startingStandIn(progress, opening));
  const open = (): void => {
    server.databases.set('main', server.database);
    opening.open();
  };
  return { server, progress, opening, open };
}

/** Asks for a stream; the head of its answer once it comes. */
function stream(server: RestServer, path: string, accept = 'text/event-stream') {
  const answered = Promise.withResolvers<IncomingMessage>();
  const request = get(`${server.url}${path}`, { headers: { accept }, agent: false }, answered.resolve);
  request.on('error', answered.reject);
  return { answered: answered.promise, request };
}

const soon = (): Promise<'nothing'> => new Promise((resolve) => setTimeout(() => resolve('nothing'), 100));

test('while a database is opened everything about data is refused as surely not done, with Retry-After', async (context) => {
  const { server, progress, open } = await startingServer(context);
  progress.at(() => ({ phase: 'replaying', done: 1_200, total: 90_000 }));
  const requests: [string, string, string?][] = [
    ['GET', '/v1/documents/c/d'],
    ['GET', '/v1/documents/c/d?consistency=local'],
    ['PUT', '/v1/documents/c/d', '{}'],
    ['GET', '/v1/documents/c'],
    ['GET', '/v1/events'],
    ['GET', '/v1/checkpoint'],
    ['GET', '/v1/cluster'],
    ['GET', '/v1/snapshots'],
    ['GET', '/v1/databases/main/documents/c/d'],
  ];
  for (const [method, path, body] of requests) {
    const reply = await server.send(method, path, body === undefined ? {} : { body });
    assert.equal(reply.status, 503, `${method} ${path}: ${reply.text}`);
    const { code, type, phase, done, total, detail } = reply.json;
    assert.deepEqual([code, type, phase, done, total], ['starting', '/problems/starting', 'replaying', 1_200, 90_000]);
    assert.match(detail, /^Booting: replaying the log, in instances: 1200 of 90000\. It was surely not done\./);
    assert.equal(reply.headers['retry-after'], '1');
    assert.equal(reply.headers['loggos-position'], undefined, 'no position is known yet');
  }
  open();
  assert.equal((await server.send('PUT', '/v1/documents/c/d', { body: '{}' })).status, 201);
});

test('whoever does not wait for the opening any more is forgotten: probes whose time is over, streams that are gone', async (context) => {
  const { server, opening } = await startingServer(context);
  const probes = Array.from({ length: 5 }, () =>
    server.send('GET', '/readyz?sync', { headers: { 'Loggos-Deadline': '50ms' } }),
  );
  for (const probe of await Promise.all(probes)) assert.equal(probe.status, 503, probe.text);
  assert.equal(opening.waitingCount, 0);
  const { answered, request } = stream(server, '/v1/events');
  answered.catch(() => undefined);
  for (let turn = 0; turn < 200 && opening.waitingCount === 0; turn++) await soon();
  assert.equal(opening.waitingCount, 1);
  request.destroy();
  for (let turn = 0; turn < 200 && opening.waitingCount > 0; turn++) await soon();
  assert.equal(opening.waitingCount, 0);
});

test('what only the database knows is not judged before it is open: no position is of another history, no document too large', async (context) => {
  const { server, open } = await startingServer(context);
  server.databases.set('main', server.database);
  assert.equal((await server.send('PUT', '/v1/documents/c/a', { body: '{}' })).status, 201);
  assert.equal((await server.send('PUT', '/v1/documents/c/b', { body: '{}' })).status, 201);
  const { cursor } = (await server.send('GET', '/v1/events')).json;
  const page = await server.send('GET', '/v1/documents/c?limit=1');
  const headers = { 'Loggos-History': String(page.headers['loggos-history']) };
  const asked: [string, string, { body?: string; headers?: Record<string, string> }][] = [
    ['GET', `/v1/events?consistency=local&after=${cursor}`, {}],
    ['GET', '/v1/events?consistency=local&after=1', { headers }],
    ['GET', `/v1/documents/c?limit=1&cursor=${page.json.cursor}`, {}],
    ['GET', '/v1/documents/c/a?consistency=local&position=1', { headers }],
    ['PUT', '/v1/documents/c/a', { body: `{"text":"${'x'.repeat(1_048_576)}"}` }],
    ['PUT', '/v1/documents/c/a', { body: `{"deep":${'['.repeat(200)}${']'.repeat(200)}}` }],
  ];
  for (const standIn of [startingStandIn(), lostStandIn()]) {
    server.databases.set('main', standIn);
    for (const [method, path, options] of asked) {
      const reply = await server.send(method, path, options);
      assert.equal(reply.status, 503, `${method} ${path}: ${reply.text}`);
    }
  }
  open();
  for (const [method, path, options] of asked.slice(0, 4)) {
    const reply = await server.send(method, path, options);
    assert.equal(reply.status, 200, `${method} ${path}: ${reply.text}`);
  }
});

test('health tells a boot from what is broken, and how far it is', async (context) => {
  const { server, progress, open } = await startingServer(context);
  assert.equal((await server.send('GET', '/livez')).status, 200);
  assert.equal((await server.send('GET', '/metrics')).status, 200);
  for (const probe of ['readyz', 'healthz']) {
    const brief = await server.send('GET', `/${probe}`);
    assert.deepEqual([brief.status, brief.text, brief.headers['retry-after']], [503, 'not ready\n', '1']);
  }
  const first = await server.send('GET', '/readyz?verbose');
  assert.equal(first.text, '[-]main.boot failed: booting: opening the checkpoint and the log\nreadyz failed\n');
  progress.at(() => ({ phase: 'rebuilding', done: 5, total: 10 }));
  const later = await server.send('GET', '/readyz?verbose');
  assert.match(later.text, /booting: rebuilding the checkpoint, in bytes of the snapshot: 5 of 10\n/);
  // One that waits to be level is answered as soon as it is.
  const level = server.send('GET', '/readyz?sync', { headers: { 'Loggos-Deadline': '10s' } });
  const late = await server.send('GET', '/readyz?sync', { headers: { 'Loggos-Deadline': '50ms' } });
  assert.equal(late.status, 503);
  open();
  assert.equal((await level).status, 200);
});

test('a stream that comes during the boot is held and begins when it is over: EventSource gives up on an error', async (context) => {
  const { server, open } = await startingServer(context);
  server.databases.set('other', server.database);
  assert.equal((await server.send('PUT', '/v1/databases/other/documents/c/d', { body: '{}' })).status, 201);
  const held = [
    stream(server, '/v1/events'),
    stream(server, '/v1/events?after=0', 'application/x-ndjson'),
    stream(server, '/v1/databases/main/events'),
  ];
  assert.equal(await Promise.race([soon(), ...held.map(({ answered }) => answered)]), 'nothing');
  assert.equal(server.app.openStreams, 3, 'they count as the streams that they will be');
  open();
  for (const { answered, request } of held) {
    const answer = await answered;
    assert.equal(answer.statusCode, 200);
    let text = '';
    for await (const chunk of answer) {
      text += chunk;
      if (text.includes('"position":1,')) break;
    }
    request.destroy();
  }
});

test('held streams are bounded, forgotten when their client goes, and refused at a stop', async (context) => {
  const { server } = await startingServer(context, { streamsMax: 2 });
  const [one, two] = [stream(server, '/v1/events'), stream(server, '/v1/events')];
  await until(() => server.app.openStreams === 2);
  const third = await (await stream(server, '/v1/events').answered).toArray();
  assert.equal(JSON.parse(third.join('')).code, 'busy');
  one.answered.catch(() => undefined);
  one.request.destroy();
  await until(() => server.app.openStreams === 1);
  server.app.closeStreams();
  const refused = await two.answered;
  assert.equal(refused.statusCode, 503);
  assert.equal(JSON.parse((await refused.toArray()).join('')).code, 'stopped');
  assert.equal(server.app.openStreams, 0);
});

async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 5_000; !holds(); ) {
    assert.ok(Date.now() < end);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
