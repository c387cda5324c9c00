import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  type HttpAnswer,
  ServerProcess as Process,
  request,
  type ServerProcess,
  serverOf,
} from '../support/server-process.ts';

const documentCount = 250;
/** Long enough to be looked at while it is replayed. */
const filler = 'abcdefgh'.repeat(8_000);
/** More of the log than the tail may hold is replayed into the checkpoint before the boot goes on. */
const flags = ['--tail-bytes-max', '4MiB'];

/** What a client gets as soon as anybody answers at all. */
async function firstAnswer(server: ServerProcess, path: string): Promise<HttpAnswer> {
  for (const end = Date.now() + 20_000; ; await new Promise((resolve) => setTimeout(resolve, 3))) {
    assert.ok(server.running && Date.now() < end, server.output);
    const answer = await request(`${server.url}${path}`).catch(() => undefined);
    if (answer !== undefined) return answer;
  }
}

test('a boot that takes long is visible from its first moments on: it listens, says how far it is, and holds streams', async (context) => {
  const written = await serverOf(context);
  await written.start();
  const writes = Array.from({ length: 8 }, async (_, client) => {
    for (let n = client; n < documentCount; n += 8) {
      const path = `/v1/documents/things/t${n}`;
      const put = await request(`${written.url}${path}`, { method: 'PUT', body: `{"f":"${filler}"}` });
      assert.equal(put.status, 201, put.text);
    }
  });
  await Promise.all(writes);
  await written.kill();
  await rm(join(written.data, 'databases/main/checkpoints/1/machine-1'), { recursive: true });

  const server = new Process(written.data, written.port, flags);
  const startedAt = performance.now();
  server.spawn();
  const first = await firstAnswer(server, '/v1/documents/things/t7');
  const listenedMs = performance.now() - startedAt;
  assert.equal(first.status, 503, first.text);
  assert.equal(first.headers.get('retry-after'), '1');
  assert.equal((JSON.parse(first.text) as { code: string }).code, 'starting');
  assert.equal((await request(`${server.url}/livez`)).status, 200);
  const asked = get(`${server.url}/v1/events`, { headers: { accept: 'text/event-stream' }, agent: false });
  const streaming = once(asked, 'response') as Promise<[IncomingMessage]>;

  const told = new Set<string>();
  for (let isReady = false; !isReady; await new Promise((resolve) => setTimeout(resolve, 3))) {
    const { status, text } = await request(`${server.url}/readyz?verbose`);
    isReady = status === 200;
    if (!isReady) told.add(text);
  }
  const readyMs = performance.now() - startedAt;
  const progress = [...told].filter((text) =>
    /booting: replaying the log into the checkpoint.*: \d+ of \d+\n/.test(text),
  );
  assert.ok(progress.length >= 2, `seen on the way: ${[...told].join('')}`);
  assert.ok(listenedMs < readyMs / 2 || readyMs < 2_000, `listened after ${listenedMs} ms, ready after ${readyMs} ms`);

  const [stream] = await streaming;
  assert.equal(stream.statusCode, 200, 'the stream that came during the boot was held');
  asked.destroy();
  assert.equal((await request(`${server.url}/v1/documents/things/t7`)).text, `{"f":"${filler}"}`);
  assert.equal(await server.end(), 0);
});
