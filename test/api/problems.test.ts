import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { printProblems, problemsPage } from '../../scripts/print-problems.ts';
import { problems, problemType } from '../../src/api/problems.ts';
import type { ErrorCode } from '../../src/base/errors.ts';

test('docs/problems.md is what the table prints', async () => {
  assert.equal(await readFile(problemsPage, 'utf8'), printProblems(), 'run node scripts/print-problems.ts');
});

test('the table has the codes of errors.ts, each with a status, a title and advice', async () => {
  const source = await readFile(new URL('../../src/base/errors.ts', import.meta.url), 'utf8');
  const [, union = ''] = /export type ErrorCode =([^;]*);/.exec(source) ?? [];
  const codes = [...union.matchAll(/'([a-z-]+)'/g)].map(([, code]) => code);
  assert.deepEqual(Object.keys(problems).sort(), codes.sort());
  for (const [code, { status, title, advice }] of Object.entries(problems)) {
    assert.ok(status >= 400 && status <= 599, code);
    assert.ok(title.length > 0 && !title.endsWith('.'), code);
    assert.match(advice, /\.$/, code);
    assert.equal(problemType(code as ErrorCode), `/problems/${code}`);
  }
});

test('waiting is advised only where it helps', () => {
  const waiting = Object.entries(problems).filter(([, { retryAfterSeconds }]) => retryAfterSeconds !== undefined);
  for (const [code, { status }] of waiting) assert.ok(status === 429 || status === 503, code);
});
