// Installs what is missing, and nothing when nothing is: the first step of `npm start` and `npm test`.
// Plain JavaScript, for it runs on whatever Node (20 or newer) the machine has; all else runs on the one it installs.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const installedNode = join(root, 'node_modules', '.bin', 'node');

if (!isInstalled()) install();

/** npm writes `node_modules/.package-lock.json` last: it is the stamp, and says exactly what is installed. */
function isInstalled() {
  const wanted = packagesOf('package-lock.json');
  const present = packagesOf(join('node_modules', '.package-lock.json'));
  if (wanted === undefined || present === undefined || !existsSync(installedNode)) return false;
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    if (path === '') return true;
    const found = present[path];
    if (found === undefined) return optional === true; // for another platform
    return found.version === version && found.integrity === integrity;
  });
}

function packagesOf(lockFile) {
  try {
    return JSON.parse(readFileSync(join(root, lockFile), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

function install() {
  console.error('Installing dependencies (once) …');
  const startedAt = Date.now();
  npm('ci', '--loglevel=error');
  // Where install scripts are switched off, the one that is needed is run by name.
  if (!existsSync(installedNode)) npm('rebuild', 'node', '--ignore-scripts=false', '--loglevel=error');
  if (!existsSync(installedNode)) fail(`npm has not installed ${installedNode}: is its install script forbidden?`);
  console.error(`Installed in ${Math.round((Date.now() - startedAt) / 1000)} s.`);
}

/** The very npm that runs this script, else the one on the path. Its output is shown only where it fails. */
function npm(...parameters) {
  const byPath = process.env.npm_execpath;
  const [command, ...first] = byPath?.endsWith('.js') ? [process.execPath, byPath] : ['npm'];
  const { status, error, stdout, stderr } = spawnSync(command, [...first, ...parameters], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    // `npm ci` wants the development tools too: the runtime is one of them.
    env: { ...process.env, NODE_ENV: '', npm_config_omit: '', npm_config_include: 'dev' },
  });
  if (status === 0) return;
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`);
  fail(`npm ${parameters[0]} failed${error === undefined ? '' : `: ${error.message}`}`);
}

function fail(message) {
  console.error(`loggos: ${message}`);
  process.exit(1);
}
