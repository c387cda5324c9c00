import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { entry, loggos, request, serverOf, temporaryDirectory } from '../support/server-process.ts';

test('a verification that is interrupted says so and leaves nothing of what it unpacked', async (context) => {
  const directory = await temporaryDirectory(context);
  const server = await serverOf(context, ['--segment-bytes', '64MiB']);
  await server.start();
  const document = { text: 'x'.repeat(9_000) };
  for (let first = 0; first < 2_000; first += 100) {
    const operations = Array.from({ length: 100 }, (_, n) => ({
      op: 'put',
      collection: 'c',
      id: `d${first + n}`,
      document,
    }));
    const body = JSON.stringify({ operations });
    const answer = await request(`${server.url}/v1/transactions`, { method: 'POST', body });
    assert.equal(answer.status, 200, answer.text);
  }
  const file = join(directory, 'backup.tar');
  const made = await loggos('backup', '--url', server.url, '--to', file);
  assert.equal(made.code, 0, made.stderr);
  const child = spawn(process.execPath, [entry, 'verify', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = once(child, 'close') as Promise<[number | null]>;
  while (!readdirSync(directory).some((name) => name.includes('verifying'))) {
    assert.equal(child.exitCode, null, stderr);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  child.kill('SIGINT');
  const [code] = await ended;
  assert.equal(code, 1, stderr);
  assert.match(stderr, /backup\.tar: The verification was interrupted\. \(stopped\)\n$/);
  assert.deepEqual(readdirSync(directory), ['backup.tar']);
  assert.equal((await loggos('verify', file)).code, 0);
});
