import assert from 'node:assert/strict';
import { test } from 'node:test';
import { request, serverOf } from '../support/server-process.ts';

const json = { 'Content-Type': 'application/json' };

test('an idempotency key replays its first outcome after kill -9', async (context) => {
  const server = await serverOf(context);
  await server.start();
  const create = () =>
    request(`${server.url}/v1/documents/orders`, {
      method: 'POST',
      headers: { ...json, 'Idempotency-Key': 'order-1' },
      body: '{"total":10}',
    });
  const first = await create();
  assert.equal(first.status, 201);
  const missing = () =>
    request(`${server.url}/v1/documents/orders/none`, { method: 'DELETE', headers: { 'Idempotency-Key': 'rejected' } });
  assert.equal((await missing()).status, 404);
  await server.kill();
  await server.start();
  const second = await create();
  assert.equal(second.status, 201);
  assert.equal(second.headers.get('idempotency-replayed'), 'true');
  assert.equal(second.headers.get('location'), first.headers.get('location'));
  assert.equal(second.headers.get('loggos-position'), first.headers.get('loggos-position'));
  await request(`${server.url}/v1/documents/orders/none`, { method: 'PUT', body: '{}' });
  assert.equal((await missing()).status, 404, 'a rejection is replayed too');
});

test('a paused Replayer changes no answer and keeps the log; resumed, the log shrinks on disk', async (context) => {
  const server = await serverOf(context, ['--segment-bytes', '1048576']);
  await server.start();
  const configure = async (change: unknown) => {
    const answer = await request(`${server.url}/v1/checkpoint`, {
      method: 'PATCH',
      headers: { 'Content-Type': 'application/merge-patch+json' },
      body: JSON.stringify(change),
    });
    assert.equal(answer.status, 200, answer.text);
  };
  const status = async () =>
    JSON.parse((await request(`${server.url}/v1/checkpoint`)).text) as {
      checkpointInstance: number;
      appliedInstance: number;
      minChosenInstance: number;
      log: { segments: number; bytes: number };
    };
  await configure({ holdCount: 0, holdBytes: 0, holdSeconds: 0, replayer: { state: 'paused' } });
  const body = JSON.stringify({ text: 'x'.repeat(20_000) });
  for (let n = 0; n < 400; n++) {
    const answer = await request(`${server.url}/v1/documents/big/d${n % 50}`, { method: 'PUT', body });
    assert(answer.status < 300, answer.text);
  }
  const paused = await status();
  assert(paused.checkpointInstance < paused.appliedInstance);
  assert.equal(paused.minChosenInstance, 1, 'nothing is cleaned');
  await server.kill();
  await server.start();
  const read = await request(`${server.url}/v1/documents/big/d49`);
  assert.equal(read.headers.get('etag'), '"8"');
  const history = await request(`${server.url}/v1/documents/big/d49/history?limit=1000`);
  assert.equal((JSON.parse(history.text) as { items: unknown[] }).items.length, 8);
  assert((await status()).checkpointInstance < paused.appliedInstance, 'the pause is kept over a restart');
  await configure({ replayer: { state: 'running' } });
  const until = Date.now() + 20_000;
  for (;;) {
    const now = await status();
    if (now.checkpointInstance === now.appliedInstance && now.log.bytes < paused.log.bytes / 2) break;
    assert(Date.now() < until, `the log shrinks: ${JSON.stringify(now)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const after = await request(`${server.url}/v1/documents/big/d49/history?limit=1000`);
  assert.equal(after.text, history.text, 'the same bytes from the checkpoint as from the tail');
});

test('writes that are rejected do not fill the disk while the Replayer is paused: they wait for it as others do', async (context) => {
  const flags = ['--segment-bytes', '1MiB', '--tail-bytes-max', '4MiB', '--deadline', '1s'];
  const server = await serverOf(context, flags);
  await server.start();
  const replayer = async (state: 'running' | 'paused') => {
    const headers = { 'Content-Type': 'application/merge-patch+json' };
    const body = JSON.stringify({ replayer: { state } });
    const answer = await request(`${server.url}/v1/checkpoint`, { method: 'PATCH', headers, body });
    assert.equal(answer.status, 200, answer.text);
    return JSON.parse(answer.text) as { log: { bytes: number } };
  };
  await replayer('paused');
  const body = JSON.stringify({ text: 'x'.repeat(900_000) });
  const rejected = () =>
    request(`${server.url}/v1/documents/c/never`, { method: 'PUT', headers: { 'If-Match': '"7"' }, body });
  let count = 0;
  for (let answer = await rejected(); answer.status !== 503; answer = await rejected()) {
    assert.equal(answer.status, 412, answer.text);
    assert.ok(++count < 40, 'it is never refused');
  }
  assert.ok(count > 5, 'they are let in as long as there is room');
  const { log } = await replayer('running');
  assert.ok(log.bytes < 40_000_000, `${log.bytes}`);
  for (const until = Date.now() + 10_000; (await rejected()).status !== 412; ) assert.ok(Date.now() < until);
});
