import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readKeptSeeds } from '../../src/simulation/kept-seeds.ts';

test('kept seeds are read by name, and a file that says too little or too much is refused', () => {
  const directory = mkdtempSync(join(tmpdir(), 'loggos-kept-'));
  try {
    const keep = (name: string, value: unknown) => writeFileSync(join(directory, name), JSON.stringify(value));
    const whole = { seed: 7, options: { replicas: 5, without: ['kill'] }, mendedBy: '3f2a9c1', was: 'it forgot' };
    keep('b.json', whole);
    keep('a.json', { ...whole, seed: 3, options: {} });
    keep('README.md', 'no seed');
    assert.deepEqual(readKeptSeeds(directory), [{ seed: 3 }, { seed: 7, replicas: 5, without: ['kill'] }]);
    for (const wrong of [
      { ...whole, mendedBy: undefined },
      { ...whole, was: '' },
      { ...whole, options: { replicas: 4 } },
      { ...whole, options: { plant: 'answer-before-sync' } },
      { ...whole, options: { without: ['nonsense'] } },
    ]) {
      keep('c.json', wrong);
      assert.throws(() => readKeptSeeds(directory));
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('every seed that is kept here can be read', () => {
  assert.doesNotThrow(() => readKeptSeeds(fileURLToPath(new URL('./seeds', import.meta.url))));
});
