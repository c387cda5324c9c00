import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { LoggosError } from '../../src/base/errors.ts';
import { KernelLock } from '../../src/system/kernel-lock.ts';

const root = mkdtempSync(join(tmpdir(), 'loggos-lock-'));
after(() => rmSync(root, { recursive: true, force: true }));

const code = (expected: string) => (error: unknown) => error instanceof LoggosError && error.code === expected;
const lockModule = new URL('../../src/system/kernel-lock.ts', import.meta.url);
const holder = `
  const { KernelLock } = await import(process.argv[1]);
  KernelLock.take(process.argv[2]); // the object is not kept: the lock is held all the same
  globalThis.gc();
  process.stdout.write('held');
  setInterval(() => {}, 1000);
`;

async function holdInAnotherProcess(path: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', holder, lockModule.href, path]);
  await once(child.stdout, 'data');
  return child;
}

test('a lock that is held is refused at once, to this process and to another, and the file is private', () => {
  const path = join(root, 'own.sqlite');
  const lock = KernelLock.take(path);
  assert.equal(statSync(path).mode % 0o1000, 0o600);
  assert.throws(() => KernelLock.take(path), code('directory-locked'));
  lock.release();
  lock.release();
  KernelLock.take(path).release();
});

test('a second process is refused, also while the holder is stopped, and not after the holder was killed', async () => {
  const path = join(root, 'other.sqlite');
  const child = await holdInAnotherProcess(path);
  try {
    assert.throws(() => KernelLock.take(path), code('directory-locked'));
    child.kill('SIGSTOP');
    assert.throws(() => KernelLock.take(path), code('directory-locked'));
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  KernelLock.take(path).release();
});

test('a place where no lock can be taken is said to be unusable', () => {
  assert.throws(() => KernelLock.take(join(root, 'absent', 'lock.sqlite')), code('directory-unusable'));
  const garbage = join(root, 'garbage.sqlite');
  writeFileSync(garbage, 'this is not a database at all, and never was one: '.repeat(40));
  assert.throws(() => KernelLock.take(garbage), code('directory-unusable'));
});
