import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { freePort, loggos, request, ServerProcess, serverOf, temporaryDirectory } from '../support/server-process.ts';

const main = 'databases/main';

async function startedServer(context: TestContext, flags: readonly string[] = []): Promise<ServerProcess> {
  const server = await serverOf(context, flags);
  await server.start();
  return server;
}

async function setReplayer(server: ServerProcess, state: 'running' | 'paused'): Promise<void> {
  const answer = await request(`${server.url}/v1/checkpoint`, {
    method: 'PATCH',
    headers: { 'Content-Type': 'application/merge-patch+json' },
    body: JSON.stringify({ replayer: { state } }),
  });
  assert.equal(answer.status, 200, answer.text);
}

async function level(server: ServerProcess): Promise<void> {
  for (const until = Date.now() + 10_000; ; ) {
    const { text } = await request(`${server.url}/v1/checkpoint`);
    const status = JSON.parse(text) as { checkpointInstance: number; appliedInstance: number };
    if (status.checkpointInstance === status.appliedInstance) return;
    assert(Date.now() < until, text);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const markerOf = (n: number): string => `marker-${n}-of-this-document`;

async function writeDocuments(server: ServerProcess, first: number, last: number): Promise<void> {
  for (let n = first; n <= last; n++) {
    const answer = await request(`${server.url}/v1/documents/things/t${n}`, {
      method: 'PUT',
      body: JSON.stringify({ marker: markerOf(n) }),
    });
    assert.equal(answer.status, 201, answer.text);
  }
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Flips one bit of the first file below `directory` that has `marker`, at the marker. */
async function damageMarker(directory: string, marker: string): Promise<string> {
  for (const file of await filesBelow(directory)) {
    const bytes = await readFile(file);
    const offset = bytes.indexOf(marker);
    if (offset < 0) continue;
    bytes[offset] = (bytes[offset] ?? 0) ^ 1;
    await writeFile(file, bytes);
    return file;
  }
  throw new Error(`${marker} is in no file below ${directory}`);
}

test('damage in the middle of the log above the checkpoint: reads up to it, refuses writes, says what to do', async (context) => {
  const server = await startedServer(context);
  await writeDocuments(server, 1, 5);
  await level(server);
  await setReplayer(server, 'paused');
  await writeDocuments(server, 6, 15);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await server.kill();
  await damageMarker(join(server.data, main, 'log'), markerOf(10));
  const segments: string[] = [];
  for (let boot = 0; boot < 2; boot++) {
    await server.startRefusing();
    for (const n of [1, 5, 9]) {
      const answer = await request(`${server.url}/v1/documents/things/t${n}?consistency=local`);
      assert.equal(answer.status, 200, `t${n}: ${answer.text}`);
      assert.deepEqual(JSON.parse(answer.text), { marker: markerOf(n) });
    }
    for (const n of [10, 12, 15]) {
      const answer = await request(`${server.url}/v1/documents/things/t${n}?consistency=local`);
      assert.notEqual(answer.status, 200, 'what is behind the damage is not shown');
    }
    const write = await request(`${server.url}/v1/documents/things/new`, { method: 'PUT', body: '{}' });
    assert.equal(write.status, 503, write.text);
    const problem = JSON.parse(write.text) as { code: string; detail: string };
    assert.equal(problem.code, 'log-damaged');
    assert.match(problem.detail, /Instances \d+ to \d+ .*would be lost/, 'it says what is lost');
    assert.match(problem.detail, /recover.*backup.*restore/, 'it says the way out');
    assert.doesNotMatch(write.text, /\/tmp|\.segment|\.ts\b/);
    assert.equal((await request(`${server.url}/readyz`)).status, 503);
    await setReplayer(server, 'running');
    const snapshot = await request(`${server.url}/v1/snapshots`, { method: 'POST' });
    assert.equal(snapshot.status, 201, snapshot.text);
    const check = await loggos('log', 'check', '--data', server.data);
    assert.equal(check.code, 1, check.stdout + check.stderr);
    await server.end();
    const names = await readdir(join(server.data, main, 'log'));
    segments.push(names.filter((name) => name.endsWith('.segment')).join(' '));
  }
  assert.equal(segments[1], segments[0], 'a start of a damaged log leaves no segment behind');
  // The way out that the refusal names.
  await server.startRefusing();
  const directory = await temporaryDirectory(context);
  const backup = join(directory, 'backup.tar');
  const made = await loggos('backup', '--url', server.url, '--to', backup);
  assert.equal(made.code, 0, made.stderr);
  const restored = await loggos('restore', backup, '--data', join(directory, 'data'));
  assert.equal(restored.code, 0, restored.stderr);
  const next = new ServerProcess(join(directory, 'data'), await freePort());
  context.after(() => next.kill());
  await next.start();
  for (const n of [1, 9, 10]) {
    const answer = await request(`${next.url}/v1/documents/things/t${n}`);
    assert.equal(answer.status, n < 10 ? 200 : 404, answer.text);
  }
  await writeDocuments(next, 10, 11);
});

test('damage at or below the checkpoint in the log is reported and harms nothing', async (context) => {
  const server = await startedServer(context);
  await writeDocuments(server, 1, 10);
  await level(server);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await server.kill();
  await damageMarker(join(server.data, main, 'log'), markerOf(4));
  await server.start();
  for (let n = 1; n <= 10; n++) {
    const answer = await request(`${server.url}/v1/documents/things/t${n}`);
    assert.deepEqual(JSON.parse(answer.text), { marker: markerOf(n) });
  }
  await writeDocuments(server, 11, 12);
});

test('one damaged promise file is mended from the other; with both lost the replica does not vote', async (context) => {
  const server = await startedServer(context);
  await writeDocuments(server, 1, 3);
  await server.kill();
  const log = join(server.data, main, 'log');
  await writeFile(join(log, 'promise.a'), 'damaged');
  await server.start();
  await writeDocuments(server, 4, 5);
  // Until the log is idle and sealed, its last instances are accepted but not proved chosen; what the checkpoint has is.
  await level(server);
  await server.kill();
  await writeFile(join(log, 'promise.a'), 'damaged');
  await writeFile(join(log, 'promise.b'), 'damaged');
  await server.startRefusing();
  const write = await request(`${server.url}/v1/documents/things/t6`, { method: 'PUT', body: '{}' });
  assert.equal(write.status, 503, write.text);
  const read = await request(`${server.url}/v1/documents/things/t5?consistency=local`);
  assert.equal(read.status, 200, read.text);
});

test('rot in a row of the checkpoint is never served', async (context) => {
  const server = await startedServer(context);
  await writeDocuments(server, 1, 10);
  await level(server);
  await server.end();
  await damageMarker(join(server.data, main, 'checkpoints'), `${markerOf(5)}"}`);
  const files = (await filesBelow(join(server.data, main, 'checkpoints'))).filter((file) => file.endsWith('.sqlite'));
  // The row in the database, not only the line in the history.
  for (const file of files) {
    const bytes = await readFile(file);
    for (let offset = bytes.indexOf(markerOf(5)); offset >= 0; offset = bytes.indexOf(markerOf(5), offset + 1))
      bytes[offset] = 0x58;
    await writeFile(file, bytes);
  }
  for (let boot = 0; boot < 2; boot++) {
    await server.startRefusing();
    const answer = await request(`${server.url}/v1/documents/things/t5`);
    if (answer.status === 200)
      assert.deepEqual(JSON.parse(answer.text), { marker: markerOf(5) }, 'rebuilt, or refused');
    else assert(answer.status >= 500, answer.text);
    assert.doesNotMatch(answer.text, /\/tmp|\.sqlite|\.ts\b/);
    await server.end();
  }
});

test('rot in a sealed history file is never served and fails verify', async (context) => {
  const server = await startedServer(context);
  const operations = Array.from({ length: 500 }, (_, n) => ({
    op: 'put',
    collection: 'many',
    id: `m${n}`,
    document: { text: `text ${n} ${'abcdefgh'.repeat(10)}` },
  }));
  for (let turn = 0; turn < 40; turn++) {
    const answer = await request(`${server.url}/v1/transactions`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ operations }),
    });
    assert.equal(answer.status, 200, answer.text);
  }
  await level(server);
  const before = await request(`${server.url}/v1/events?after=5000&limit=100`);
  assert.equal(before.status, 200, before.text);
  await server.end();
  const sealed = (await filesBelow(join(server.data, main, 'checkpoints'))).filter((file) => file.endsWith('.zst'));
  const [first] = sealed;
  assert(first !== undefined, 'a file was sealed');
  const bytes = await readFile(first);
  for (let part = 1; part < 40; part++) {
    const offset = Math.floor((bytes.length * part) / 40);
    bytes[offset] = (bytes[offset] ?? 0) ^ 0x10;
  }
  await writeFile(first, bytes);
  await server.startRefusing();
  const after = await request(`${server.url}/v1/events?after=5000&limit=100`);
  assert(after.status >= 500 || after.text === before.text, after.text.slice(0, 300));
  assert.doesNotMatch(after.text, /\/tmp|\.ts\b/);
  await server.end();
  const verified = await loggos('verify', server.data);
  assert.equal(verified.code, 1, verified.stdout);
});
