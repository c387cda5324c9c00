import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '../../src/server/logger.ts';

function logged(format: 'text' | 'json', level = 'info'): { lines: string[]; logger: ReturnType<typeof createLogger> } {
  const lines: string[] = [];
  return { lines, logger: createLogger(level, format, (line) => lines.push(line)) };
}

test('a line to read has the time, the level, the event and its facts', () => {
  const { lines, logger } = logged('text');
  logger.info({ cutBytes: 0, segment: '01' }, 'log-opened');
  assert.match(lines[0] ?? '', /^\d\d:\d\d:\d\d\.\d{3} info {2}log-opened cutBytes=0 segment=01\n$/);
});

test('nobody forges a line: control characters stay escaped', () => {
  const { lines, logger } = logged('text');
  logger.warn({ id: 'a\n12:00:00.000 info  forged\u001b[2J' }, 'x');
  assert.equal(lines.length, 1);
  assert.equal(lines[0]?.split('\n').length, 2);
  assert.ok(!lines[0]?.includes('\u001b'));
});

test('a line to collect is JSON, and an error keeps its stack there', () => {
  const { lines, logger } = logged('json');
  logger.error({ error: new Error('no') }, 'failed');
  const entry = JSON.parse(lines[0] ?? '');
  assert.equal(entry.msg, 'failed');
  assert.match(entry.error.stack, /Error: no\n/);
});

test('what is below the level is not logged', () => {
  const { lines, logger } = logged('text', 'warn');
  logger.info('x');
  assert.deepEqual(lines, []);
});
