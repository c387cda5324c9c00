#!/usr/bin/env node
// Runs on any Node that can parse it: an older one hands over to the one that `npm ci` installed.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/**
 * What a server needs of its start to stay small and quick. Memory that garbage was in is not given back, so there is
 * little of it, but enough that most requests end before their garbage is collected (in MiB, a power of two: V8 rounds
 * others up); and who collects it does not wait for helpers, which other threads keep from running. Large buffers go
 * back to the system at once, from few arenas. And no object has a `__proto__` to write to, whatever code of others does
 * with what clients sent.
 */
const serverFlags = ['--max-semi-space-size=8', '--no-parallel-scavenge', '--disable-proto=delete'];
const serverEnvironment = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '1048576',
  MALLOC_TRIM_THRESHOLD_: '1048576',
};

if (Number.parseInt(process.versions.node, 10) >= 24) {
  const given = `${process.execArgv} ${process.env.NODE_OPTIONS}`;
  const hasFlags = serverFlags.every((flag) => given.includes(flag.split('=')[0] ?? flag));
  if (process.argv[2] === 'serve' && process.platform !== 'win32' && !hasFlags) {
    // The same process begins anew, under the same id: neither can be set once it runs.
    const words = [process.execPath, ...serverFlags, ...process.execArgv, ...process.argv.slice(1)];
    process.execve(process.execPath, words, { ...serverEnvironment, ...process.env });
  }
  // Worker threads look for it in the environment.
  process.env.NODE_COMPILE_CACHE ??= here('.cache/compile');
  module.enableCompileCache(process.env.NODE_COMPILE_CACHE);
  await import('../src/cli/main.ts');
} else if (existsSync(here('node_modules/.bin/node'))) {
  const child = spawn(here('node_modules/.bin/node'), process.argv.slice(1), { stdio: 'inherit' });
  process.on('SIGINT', () => {}); // the terminal tells the child as well
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
} else {
  console.error(`loggos: needs Node 24 or newer, this is ${process.versions.node}; run "npm start" once to install it`);
  process.exit(1);
}
