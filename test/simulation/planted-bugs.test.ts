import assert from 'node:assert/strict';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { plantedBugs } from '../../src/base/planted-bugs.ts';
import { filesBelow, readText } from '../house/tree.ts';

const sources = filesBelow('src').filter((path) => path.endsWith('.ts'));

test('nothing but the simulator can plant a bug', () => {
  const planters = sources.filter((path) => /\bplantBug\b/.test(readText(path)));
  const others = planters.filter((path) => !path.startsWith('src/simulation/'));
  assert.deepEqual(others, ['src/base/planted-bugs.ts']);
  assert.ok(planters.length > others.length, 'the simulator plants them');
});

test('each bug of the list stands where it would be made, and each that stands somewhere is in the list', () => {
  const placed = sources.flatMap((path) =>
    [...readText(path).matchAll(/isPlanted\(\s*'([a-z-]+)'/g)].map(([, bug = '']) => bug),
  );
  assert.deepEqual([...new Set(placed)].sort(), [...plantedBugs].sort());
  assert.ok(plantedBugs.length >= 24);
});

test('a server never loads the simulator', () => {
  const loaded = loadedFrom(['src/cli/main.ts', 'src/index.ts'], (path) => path !== 'src/cli/commands/simulate.ts');
  assert.ok(loaded.has('src/server/serve.ts') && loaded.has('src/system/disk-worker.ts'), 'what serves was walked');
  const simulation = [...loaded].filter((path) => path.startsWith('src/simulation/'));
  assert.deepEqual(simulation, []);
  assert.match(readText('src/cli/commands/simulate.ts'), /await import\('\.\.\/simulate\.ts'\)/);
});

/**
 * All files that these load, at once or later: through imports, late imports where `mayLoadLate` says so, and threads.
 * Imports of types alone are gone when it runs.
 */
function loadedFrom(entries: readonly string[], mayLoadLate: (path: string) => boolean): Set<string> {
  const loaded = new Set<string>();
  const waiting = [...entries];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (loaded.has(path)) continue;
    loaded.add(path);
    const text = readText(path).replaceAll(/^(?:import|export) type [^;]*;/gm, '');
    const late = mayLoadLate(path) ? [...text.matchAll(/import\('(\.[^']+)'\)|new URL\('(\.[^']+\.ts)'/g)] : [];
    const found = [...text.matchAll(/(?:from|^import) '(\.[^']+)'/gm), ...late];
    for (const [, one, other] of found) waiting.push(normalize(join(dirname(path), one ?? other ?? '')));
  }
  return loaded;
}
