import assert from 'node:assert/strict';
import { test } from 'node:test';
import { request, type ServerProcess, serverOf } from '../support/server-process.ts';

async function write(server: ServerProcess, n: number): Promise<void> {
  const answer = await request(`${server.url}/v1/documents/things/t${n}`, { method: 'PUT', body: '{}' });
  assert.equal(answer.status, 201, answer.text);
}

async function listed(server: ServerProcess): Promise<number[]> {
  const answer = await request(`${server.url}/v1/snapshots`);
  const { items } = JSON.parse(answer.text) as { items: { instance: number }[] };
  return items.map(({ instance }) => instance);
}

test('a backup a day fills no disk: of those that downloads made the newest two stay, and each that was asked for', async (context) => {
  const server = await serverOf(context, ['--segment-bytes', '1MiB']);
  await server.start();
  await write(server, 0);
  const asked = await request(`${server.url}/v1/snapshots`, { method: 'POST' });
  assert.equal(asked.status, 201, asked.text);
  const { instance: kept } = JSON.parse(asked.text) as { instance: number };
  const made: string[] = [];
  for (let day = 1; day <= 5; day += 1) {
    await write(server, day);
    const tar = await request(`${server.url}/v1/snapshots/latest.tar`);
    assert.equal(tar.status, 200, tar.text);
    made.push(/snapshots\/(\d+)\.tar$/.exec(tar.headers.get('content-location') ?? '')?.[1] ?? 'none');
  }
  const expected = [kept, ...made.slice(-2).map(Number)];
  assert.deepEqual(await listed(server), expected);
  await server.kill();
  await server.start();
  assert.deepEqual(await listed(server), expected, 'a restart drops none, and forgets none');

  // Asked for now: from here on it is its owner's to drop.
  const again = await request(`${server.url}/v1/snapshots`, { method: 'POST' });
  assert.equal((JSON.parse(again.text) as { instance: number }).instance, expected[2], again.text);
  for (let day = 6; day <= 9; day += 1) {
    await write(server, day);
    assert.equal((await request(`${server.url}/v1/snapshots/latest.tar`)).status, 200);
  }
  const later = await listed(server);
  // A download that was begun before the restart may be resumed for an hour after it.
  assert.deepEqual(later.slice(0, 3), expected);
  assert.equal(later.length, 5);
  const dropped = await request(`${server.url}/v1/snapshots/${kept}`, { method: 'DELETE' });
  assert.equal(dropped.status, 204, dropped.text);
  assert.deepEqual(await listed(server), later.slice(1));
});
