// `npm test`: type check, lint, floors, unused code, every test, then the simulator. `npm test -- log`: the tests of one folder only.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file that hangs is ended, and fails, after this time. */
const fileMsMax = 240_000;
/** Seeds of the simulator that no change before ran; the same code runs the same ones, so what is red stays red. */
const seedCount = 1_000;
const seedHours = 0.05;

const root = fileURLToPath(new URL('..', import.meta.url));
const chosen = process.argv.slice(2);
const failed: string[] = [];

if (chosen.length === 0) {
  step('types', ['node_modules/typescript/bin/tsc', '-p', '.']);
  step('lint', ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.']);
  step('floors', ['node_modules/dependency-cruiser/bin/dependency-cruise.mjs', 'src', '--output-type', 'err']);
  step('unused code', ['node_modules/knip/bin/knip.js', '--no-progress']);
}
if (failed.length > 0) console.error(`\nFailed before the tests: ${failed.join(', ')}. The rest runs all the same.`);
const passed = run([
  '--test',
  '--test-reporter=spec',
  `--test-concurrency=${Math.max(2, availableParallelism())}`,
  `--test-timeout=${fileMsMax}`,
  ...(chosen.length === 0 ? ['test/**/*.test.ts'] : chosen.map(pattern)),
]);
if (chosen.length === 0) {
  const limits = [
    '--from',
    `${seedOf('src')}`,
    '--seeds',
    `${seedCount}`,
    '--hours',
    `${seedHours}`,
    '--failures',
    '1',
  ];
  step('simulator', ['bin/loggos.js', 'simulate', '--kept', 'test/simulation/seeds', ...limits]);
}
if (failed.length > 0) console.error(`\nFailed: ${failed.join(', ')}`);
process.exitCode = passed && failed.length === 0 ? 0 : 1;

function step(name: string, parameters: string[]): void {
  const startedAt = performance.now();
  if (run(parameters)) console.log(`✔ ${name} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
  else {
    console.error(`✖ ${name}`);
    failed.push(name);
  }
}

function run(parameters: string[]): boolean {
  return spawnSync(process.execPath, parameters, { cwd: root, stdio: 'inherit' }).status === 0;
}

/** A number drawn by the names and contents of all files of a folder. */
function seedOf(folder: string): number {
  const hash = createHash('sha256');
  const paths = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).sort();
  for (const path of paths) {
    const file = join(root, folder, path);
    if (statSync(file).isFile()) hash.update(path.replaceAll(sep, '/')).update('\0').update(readFileSync(file));
  }
  return hash.digest().readUInt32BE(0);
}

/** `log`, `test/log`, `log/segment` or a path of a file. */
function pattern(name: string): string {
  const path = name.startsWith('test/') ? name : `test/${name}`;
  if (existsSync(path) && statSync(path).isDirectory()) return `${path}/**/*.test.ts`;
  if (existsSync(path)) return path;
  if (existsSync(`${path}.test.ts`)) return `${path}.test.ts`;
  console.error(`There is no folder and no file ${path} of tests.`);
  process.exit(2);
}
