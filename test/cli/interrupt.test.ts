import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';

const bin = new URL('../../bin/loggos.js', import.meta.url).pathname;

test('one Ctrl-C that comes twice, as npm passes it on, lets a simulation come to its end', {
  timeout: 60_000,
}, async () => {
  const run = spawn(process.execPath, [bin, 'simulate', '--seeds', '5000', '--jobs', '1'], { stdio: 'pipe' });
  let printed = '';
  run.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  const ended = once(run, 'exit');
  await once(run.stderr, 'data');
  run.kill('SIGINT');
  await setTimeout(100);
  run.kill('SIGINT');
  const [code] = await ended;
  assert.equal(code, 1);
  assert.match(printed, /seeds? \(/);
});
