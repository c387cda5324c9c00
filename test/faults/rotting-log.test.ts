/** A log that rots while a server runs, where the checkpoint has not come yet and memory has let go of it. */
import assert from 'node:assert/strict';
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RealCluster } from '../cluster/real-cluster.ts';
import { request, type ServerProcess, serverOf } from '../support/server-process.ts';

/** Together more than the log keeps of its newest records in memory. */
const count = 14;
const documentOf = (n: number) => ({ marker: `marker-${n}-of-this-document`, filling: 'x'.repeat(800_000) });

async function setReplayer(server: ServerProcess, state: 'running' | 'paused'): Promise<void> {
  const answer = await request(`${server.url}/v1/checkpoint`, {
    method: 'PATCH',
    headers: { 'Content-Type': 'application/merge-patch+json' },
    body: JSON.stringify({ replayer: { state } }),
  });
  assert.equal(answer.status, 200, answer.text);
}

function put(server: ServerProcess, n: number) {
  const body = JSON.stringify(documentOf(n));
  return request(`${server.url}/v1/documents/things/t${n}`, { method: 'PUT', body });
}

/** Writes with a Replayer that stands still, and flips a bit of the second document in the log under the server. */
async function rot(server: ServerProcess): Promise<void> {
  await setReplayer(server, 'paused');
  for (let n = 1; n <= count; n++) assert.equal((await put(server, n)).status, 201);
  const directory = join(server.data, 'databases/main/log');
  for (const name of (await readdir(directory)).filter((file) => file.endsWith('.segment'))) {
    const offset = (await readFile(join(directory, name))).indexOf(documentOf(2).marker);
    if (offset < 0) continue;
    const file = await open(join(directory, name), 'r+');
    await file.write(Buffer.from('n'), 0, 1, offset);
    await file.close();
    return;
  }
  assert.fail('the document stands in the log');
}

async function until(isSo: () => Promise<boolean> | boolean, what: string): Promise<void> {
  for (const end = Date.now() + 30_000; !(await isSo()); await sleep(50)) assert(Date.now() < end, what);
}

test('under a group of one: writes are refused with what to do, all that was written can still be read, and nothing ends', async (context) => {
  const server = await serverOf(context);
  await server.start();
  await rot(server);
  await setReplayer(server, 'running');
  await until(() => server.output.includes('log-damaged'), `it says what is damaged:\n${server.output}`);
  const refused = await put(server, count + 1);
  assert.equal(refused.status, 503);
  const { code, detail } = JSON.parse(refused.text) as { code: string; detail: string };
  assert.equal(code, 'log-damaged');
  assert.match(detail, /cannot be read.* until this process ends/);
  for (let n = 1; n <= count; n++) {
    const answer = await request(`${server.url}/v1/documents/things/t${n}?consistency=local`);
    assert.deepEqual(JSON.parse(answer.text), documentOf(n));
  }
  assert(server.running);
});

test('under the leader of three: it ends, another leads, and its next start gets from the others what is damaged', async (context) => {
  const cluster = await RealCluster.of(context);
  await cluster.start();
  const leader = await cluster.leader();
  const server = cluster.server(leader);
  await rot(server);
  await setReplayer(server, 'running');
  await until(() => !server.running, `it ends by itself:\n${server.output}`);
  assert.match(server.output, /log-damaged|cannot be read/);
  const next = await cluster.leader();
  assert.notEqual(next, leader);
  assert.equal((await put(cluster.server(next), count + 1)).status, 201);
  await cluster.start(leader);
  const digests = await cluster.digests();
  assert.equal(digests.length, 3);
  assert.equal(new Set(digests).size, 1, digests.join('\n'));
  for (const n of [1, 2, 3, count, count + 1]) {
    assert.deepEqual(
      JSON.parse((await request(`${server.url}/v1/documents/things/t${n}?consistency=local`)).text),
      documentOf(n),
    );
  }
});
