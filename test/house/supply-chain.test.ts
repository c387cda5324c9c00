import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { z } from 'zod';
import { version } from '../../src/server/version.ts';
import { readText } from './tree.ts';

const lockFile = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      resolved: z.string().optional(),
      integrity: z.string().optional(),
      dev: z.boolean().optional(),
      devOptional: z.boolean().optional(),
      hasInstallScript: z.boolean().optional(),
    }),
  ),
});
const manifest = z.object({
  version: z.string(),
  dependencies: z.record(z.string(), z.string()),
  devDependencies: z.record(z.string(), z.string()),
  allowScripts: z.record(z.string(), z.boolean()),
});

const lock = lockFile.parse(JSON.parse(readText('package-lock.json')));
const {
  version: stated,
  dependencies,
  devDependencies,
  allowScripts,
} = manifest.parse(JSON.parse(readText('package.json')));
const locked = Object.entries(lock.packages)
  .filter(([path]) => path !== '')
  .map(([path, entry]) => ({ name: path.slice(path.lastIndexOf('node_modules/') + 13), ...entry }));

test('only packages on the list may run, none below its lowest version', () => {
  const allowed = new Map(
    readFileSync(new URL('allowed-packages.txt', import.meta.url), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.split(' ') as [string, string]),
  );
  for (const { name, version = '', dev, devOptional } of locked) {
    if (dev === true || devOptional === true) continue;
    const lowest = allowed.get(name);
    assert.ok(lowest !== undefined, `${name} ${version} is new: add it to allowed-packages.txt, or do without`);
    assert.ok(isAtLeast(version, lowest), `${name} is ${version}, below ${lowest}`);
  }
});

test('the program says the version that package.json has', () => {
  assert.equal(version, stated);
});

test('versions are exact in package.json', () => {
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    assert.match(version, /^\d+\.\d+\.\d+$/, name);
  }
});

test('the lock file names no registry, and a hash for every package', () => {
  for (const { name, resolved, integrity } of locked) {
    assert.equal(resolved, undefined, `${name} is tied to ${resolved}`);
    assert.match(integrity ?? '', /^sha512-/, name);
  }
});

test('only approved packages run a script when they are installed', () => {
  for (const { name, hasInstallScript } of locked) {
    if (hasInstallScript === true) assert.equal(allowScripts[name], true, `${name} has an install script`);
  }
});

test('every runtime dependency says in docs/dependencies.md why it is there', () => {
  const page = readText('docs/dependencies.md');
  for (const name of Object.keys(dependencies)) assert.ok(page.includes(`| \`${name}\` |`), name);
});

function isAtLeast(version: string, lowest: string): boolean {
  const [left, right] = [version, lowest].map((text) => text.split('.').map((part) => Number.parseInt(part, 10)));
  for (let index = 0; index < 3; index++) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
