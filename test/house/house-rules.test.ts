import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { problems } from '../../src/api/problems.ts';
import { filesBelow, foldersIn, readText } from './tree.ts';

const sources = ['src', 'test', 'scripts', 'bin', 'docs'].flatMap(filesBelow);

test('every folder of src has a README of a screen at most', () => {
  const files = new Set(sources);
  const empty = (folder: string): boolean => !sources.some((path) => path.startsWith(`src/${folder}/`));
  for (const folder of foldersIn('src').filter((name) => !empty(name))) {
    const path = `src/${folder}/README.md`;
    assert.ok(files.has(path), `${path} is missing`);
    assert.match(readText(path), new RegExp(`^# ${folder}\n`), path);
    assert.ok(readText(path).split('\n').length <= 40, `${path} is longer than a screen`);
  }
});

test('no marker of unfinished work is left', () => {
  // Put together here, so that this file does not find itself.
  const markers = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].join('|')})\\b`);
  for (const path of sources) {
    const line = readText(path)
      .split('\n')
      .findIndex((text) => markers.test(text));
    assert.equal(line, -1, `${path}:${line + 1}`);
  }
});

test('no test is skipped, left for later or alone', () => {
  const excuses = /\b(?:test|it|describe|suite)\.(?:skip|todo|only)\(|\b(?:skip|todo|only): true\b/;
  for (const path of sources.filter((name) => name.endsWith('.test.ts') && !name.startsWith('test/house/'))) {
    assert.doesNotMatch(readText(path), excuses, path);
  }
});

test('the only index file is the public face of the library', () => {
  const found = sources.filter((path) => /^src\/(?:.*\/)?index\.ts$/.test(path));
  assert.deepEqual(found, ['src/index.ts']);
});

test('every error code has a row in the problem table and in docs/problems.md', () => {
  const codes = [...readText('src/base/errors.ts').matchAll(/^ {2}\| '([a-z-]+)'/gm)].map((match) => match[1] ?? '');
  assert.ok(codes.length > 40);
  assert.deepEqual([...Object.keys(problems)].sort(), [...codes].sort());
  const page = readText('docs/problems.md');
  for (const code of codes) assert.ok(page.includes(`\`${code}\``), `${code} is not in docs/problems.md`);
});

test('the floors refuse a step upwards, a circle and a module of Node below', () => {
  const planted = [
    { file: 'src/base/planted.ts', text: "import '../log/log.ts';\n", rule: 'floor-base' },
    { file: 'src/paxos/planted.ts', text: "import 'node:fs';\n", rule: 'pure-floors' },
    {
      file: 'src/log/planted.ts',
      text: "import '../documents/document-reader.ts';\n",
      rule: 'documents-are-handed-over',
    },
    { file: 'src/checkpoint/planted.ts', text: "import '../system/x.ts';\n", rule: 'interfaces-not-system' },
    { file: 'src/http/planted.ts', text: "import '../log/log.ts';\n", rule: 'http-by-interfaces' },
  ];
  const copy = mkdtempSync(`${tmpdir()}/loggos-floors-`);
  try {
    for (const { file, text, rule } of planted) {
      const outcome = cruise(copy, { [file]: text, 'src/system/x.ts': 'export const x = 1;\n' });
      assert.match(outcome, new RegExp(`"name":"${rule}"`), `${file} breaks ${rule}`);
    }
  } finally {
    rmSync(copy, { recursive: true });
  }
});

/** The rules of this repository, on a tree of a few files beside it. */
function cruise(directory: string, files: Readonly<Record<string, string>>): string {
  const root = new URL('../..', import.meta.url).pathname;
  rmSync(directory, { recursive: true });
  const all = {
    ...files,
    'src/log/log.ts': 'export const log = 1;\n',
    'src/documents/document-reader.ts': 'export const reader = 1;\n',
    'rules.cjs': readFileSync(`${root}.dependency-cruiser.cjs`, 'utf8'),
    'tsconfig.json': readFileSync(`${root}tsconfig.json`, 'utf8'),
    'package.json': '{"type":"module"}',
  };
  for (const [path, text] of Object.entries(all)) write(`${directory}/${path}`, text);
  const program = `${root}node_modules/dependency-cruiser/bin/dependency-cruise.mjs`;
  const { stdout } = spawnSync(process.execPath, [program, 'src', '--config', 'rules.cjs', '--output-type', 'json'], {
    cwd: directory,
    encoding: 'utf8',
  });
  return JSON.stringify(JSON.parse(stdout).summary.violations);
}

function write(path: string, text: string): void {
  spawnSync('mkdir', ['-p', path.slice(0, path.lastIndexOf('/'))]);
  writeFileSync(path, text);
}
