import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePort, loggos, request, ServerProcess, serverOf } from '../support/server-process.ts';

test('a second process on the directory is refused at once, by name, also while the holder is stopped', async (context) => {
  const holder = await serverOf(context);
  await holder.start();
  await request(`${holder.url}/v1/documents/things/one`, { method: 'PUT', body: '{}' });
  const second = new ServerProcess(holder.data, await freePort());
  context.after(() => second.kill());
  for (const signal of ['SIGCONT', 'SIGSTOP'] as const) {
    holder.signal(signal);
    const startedAt = Date.now();
    second.spawn();
    assert.equal(await second.exited(), 75, second.output);
    assert(Date.now() - startedAt < 10_000, 'it does not wait for the holder');
    assert.match(second.output, new RegExp(`\\b${holder.pid}\\b`), 'it says who holds the directory');
  }
  const restored = await loggos('restore', 'no-such-backup.tar', '--data', holder.data);
  assert.equal(restored.code, 75, restored.stderr);
  holder.signal('SIGCONT');
  const read = await request(`${holder.url}/v1/documents/things/one`);
  assert.equal(read.status, 200, 'the holder goes on as if nothing had been');
  // What a dead process leaves behind holds nobody up.
  holder.signal('SIGSTOP');
  await holder.kill();
  await second.start();
  assert.equal((await request(`${second.url}/v1/documents/things/one`)).status, 200);
});
