import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type TestContext, test } from 'node:test';
import { silentObserver } from '../../src/base/observer.ts';
import { DirectoryLock } from '../../src/server/directory-lock.ts';

const holderProgram = new URL('lock-holder.ts', import.meta.url).pathname;

test('a second process is refused at once and told who holds the directory, also while the holder is stopped', async (context) => {
  const directory = newDirectory(context);
  const holder = await hold(context, directory);
  const message = new RegExp(`is in use by process ${holder.pid} since \\d{4}-`);
  await assert.rejects(DirectoryLock.take(directory, silentObserver), { code: 'directory-locked', message });
  holder.kill('SIGSTOP');
  const startedAt = performance.now();
  await assert.rejects(DirectoryLock.take(directory, silentObserver), { code: 'directory-locked', message });
  assert.ok(performance.now() - startedAt < 500, 'refused at once');
});

test('after kill -9 the directory is free at once', async (context) => {
  const directory = newDirectory(context);
  const holder = await hold(context, directory);
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  assert.ok(readdirSync(directory).includes('.lock'), 'the dead process left its visible lock');
  const startedAt = performance.now();
  const lock = await DirectoryLock.take(directory, silentObserver);
  assert.ok(performance.now() - startedAt < 1_000, 'without waiting for the visible lock to become stale');
  await lock.release();
});

test('released, nothing is left but the file that the kernel locks', async (context) => {
  const directory = newDirectory(context);
  const lock = await DirectoryLock.take(directory, silentObserver);
  assert.ok(readdirSync(directory).includes('.lock'), 'people and tools see it');
  await lock.release();
  await lock.release();
  assert.deepEqual(readdirSync(directory), ['lock.sqlite']);
});

test('the visible lock, removed by hand, is reported and taken again', async (context) => {
  const directory = newDirectory(context);
  const lost = Promise.withResolvers<string>();
  const report = (_level: string, event: string): void => lost.resolve(event);
  const lock = await DirectoryLock.take(directory, { ...silentObserver, report });
  rmdirSync(`${directory}/.lock`);
  assert.equal(await lost.promise, 'visible-lock-lost');
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(readdirSync(directory).includes('.lock'));
  await assert.rejects(DirectoryLock.take(directory, silentObserver), { code: 'directory-locked' });
  await lock.release();
});

test('two processes that meet a lock of a dead one: never two winners', async (context) => {
  const directory = newDirectory(context);
  mkdirSync(`${directory}/.lock`);
  for (let round = 0; round < 3; round++) {
    const holders = [startHolder(context, directory), startHolder(context, directory), startHolder(context, directory)];
    const words = await Promise.all(holders.map(firstWord));
    assert.deepEqual([...words].sort(), ['held', 'refused', 'refused']);
    for (const holder of holders) holder.kill('SIGKILL');
    await Promise.all(
      holders.map((holder) => holder.exitCode === null && holder.signalCode === null && once(holder, 'exit')),
    );
  }
});

async function hold(context: TestContext, directory: string): Promise<ChildProcess> {
  const holder = startHolder(context, directory);
  assert.equal(await firstWord(holder), 'held');
  return holder;
}

function startHolder(context: TestContext, directory: string): ChildProcess {
  const holder = spawn(process.execPath, [holderProgram, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  context.after(() => holder.kill('SIGKILL'));
  return holder;
}

async function firstWord(holder: ChildProcess): Promise<string> {
  assert.ok(holder.stdout);
  const [chunk] = await once(holder.stdout, 'data');
  return String(chunk).trim();
}

function newDirectory(context: TestContext): string {
  const directory = mkdtempSync(`${tmpdir()}/loggos-lock-`);
  context.after(() => rmSync(directory, { recursive: true }));
  return directory;
}
