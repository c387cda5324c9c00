import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runSeed } from './run-seed.ts';

test('the same seed takes the same steps in two processes, and another seed takes others', async () => {
  const program = fileURLToPath(new URL('./print-seeds.ts', import.meta.url));
  const { stdout, stderr } = spawnSync(process.execPath, [program, '1', '2', '3', '4'], { encoding: 'utf8' });
  assert.equal(stderr, '');
  const there = stdout.trim().split('\n');
  const here = [];
  for (const seed of [1, 2, 3, 4]) here.push((await runSeed(seed)).hash);
  assert.deepEqual(here, there);
  assert.equal(new Set(here).size, 4);
});
