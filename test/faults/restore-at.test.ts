import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort, loggos, request, ServerProcess, temporaryDirectory } from '../support/server-process.ts';

const put = (server: ServerProcess, id: string, document: unknown) =>
  request(`${server.url}/v1/documents/things/${id}`, { method: 'PUT', body: JSON.stringify(document) });

const get = async (server: ServerProcess, id: string) => {
  const { status, text } = await request(`${server.url}/v1/documents/things/${id}`);
  return status === 200 ? (JSON.parse(text) as unknown) : status;
};

async function backupOf(server: ServerProcess, file: string): Promise<void> {
  const made = await loggos('backup', '--url', server.url, '--to', file);
  assert.equal(made.code, 0, made.stderr);
}

interface Restored {
  readonly position: number;
  readonly time: string;
  readonly historyId: string;
  readonly parent: string;
}

async function restore(file: string, data: string, ...flags: string[]): Promise<Restored> {
  const restored = await loggos('restore', file, '--data', data, '--json', ...flags);
  assert.equal(restored.code, 0, restored.stderr);
  return JSON.parse(restored.stdout) as Restored;
}

test('restore --at gives the database as it was, and it goes on from there', async (context) => {
  const directory = await temporaryDirectory(context);
  const started = async (name: string) => {
    const server = new ServerProcess(join(directory, name), await freePort());
    context.after(() => server.kill());
    await server.start();
    return server;
  };
  const source = await started('source');
  await put(source, 'a', { n: 1 }); // 1
  await put(source, 'b', { n: 1 }); // 2
  await request(`${source.url}/v1/documents/things/a`, {
    method: 'PATCH',
    headers: { 'Content-Type': 'application/merge-patch+json' },
    body: '{"more":true}',
  }); // 3
  const operations = ['c', 'd', 'e'].map((id) => ({ op: 'put', collection: 'things', id, document: { n: 1 } }));
  const transaction = await request(`${source.url}/v1/transactions`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ operations }),
  }); // 4, 5, 6
  assert.equal(transaction.status, 200, transaction.text);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const between = new Date().toISOString();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await request(`${source.url}/v1/documents/things/b`, { method: 'DELETE' }); // 7
  await put(source, 'a', { n: 2 }); // 8
  const whole = join(directory, 'whole.tar');
  await backupOf(source, whole);
  const lines = async (server: ServerProcess) =>
    (JSON.parse((await request(`${server.url}/v1/events?after=0`)).text) as { items: unknown[] }).items;
  const all = await lines(source);
  assert.equal(all.length, 8);

  // Said, not done.
  const dry = await loggos('restore', whole, '--data', join(directory, 'dry'), '--at', '5', '--dry-run');
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, /Would restore position 6 /);
  assert.ok(!existsSync(join(directory, 'dry')));
  for (const [at, code] of [
    ['9', 1],
    ['2999-01-01T00:00:00Z', 1],
    ['yesterday', 2],
  ] as const) {
    const refused = await loggos('restore', whole, '--data', join(directory, 'refused'), '--at', at);
    assert.equal(refused.code, code, `${at}: ${refused.stderr}`);
    assert.ok(!existsSync(join(directory, 'refused', 'databases')), 'nothing is left');
  }

  const inside = await restore(whole, join(directory, 'inside'), '--at', '4');
  assert.equal(inside.position, 6, 'inside a transaction: its last event');
  assert.equal((await restore(whole, join(directory, 'timed'), '--at', between)).position, 6);
  assert.equal((await loggos('verify', join(directory, 'inside'))).code, 0);
  const copy = await started('inside');
  assert.deepEqual(await get(copy, 'a'), { n: 1, more: true });
  assert.deepEqual(await get(copy, 'b'), { n: 1 });
  assert.deepEqual(await get(copy, 'e'), { n: 1 });
  assert.deepEqual(await lines(copy), all.slice(0, 6));
  const next = await put(copy, 'b', { n: 'another' });
  assert.equal((JSON.parse(next.text) as { position: number }).position, 7);
  assert.match(next.headers.get('etag') ?? '', /^"2-/);
  await copy.end();
  await copy.start();
  assert.deepEqual(await get(copy, 'b'), { n: 'another' });

  // A backup of the copy, taken back to before the fork: the copy's own history is no ancestor of that.
  const second = join(directory, 'second.tar');
  await backupOf(copy, second);
  const before = await restore(second, join(directory, 'before'), '--at', '2');
  assert.equal(before.position, 2);
  const third = await started('before');
  assert.deepEqual(await get(third, 'a'), { n: 1 });
  assert.equal(await get(third, 'c'), 404);
  const written = await put(third, 'c', { n: 3 });
  assert.equal(written.headers.get('loggos-history'), before.historyId);
  const diverged = await request(`${third.url}/v1/documents/things/a`, {
    headers: { 'Loggos-History': inside.historyId, 'Loggos-Min-Position': '7' },
  });
  assert.equal(diverged.status, 409, diverged.text);
});
