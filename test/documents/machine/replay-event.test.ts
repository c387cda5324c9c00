import assert from 'node:assert/strict';
import { test } from 'node:test';
import { carriesContent, contentAfter } from '../../../src/documents/machine/replay-event.ts';
import { put, World } from './given.ts';

function given(): World {
  const world = new World();
  world.write(put('a', { n: 1, é: '😀' }));
  world.write({ kind: 'merge', id: 'a', content: { m: { k: null, l: 2 } } });
  world.write({ kind: 'patch', id: 'a', content: [{ op: 'move', from: '/n', path: '/z' }] });
  world.write({ kind: 'delete', id: 'a' });
  return world;
}

test('a body is replayed from the events before it', () => {
  const { lines } = given();
  const bodies: string[] = [];
  for (const line of lines) bodies.push(contentAfter(bodies.at(-1), line));
  const expected = ['{"n":1,"é":"😀"}', '{"n":1,"é":"😀","m":{"l":2}}', '{"é":"😀","m":{"l":2},"z":1}', ''];
  assert.deepEqual(bodies, expected);
});

test('an event that carries the content needs nothing before it', () => {
  const world = given();
  for (let count = 5; count <= 16; count++) {
    world.write(count === 5 ? put('a', {}) : { kind: 'merge', id: 'a', content: { count } });
  }
  const line = world.lines.at(-1) ?? '';
  assert.equal(contentAfter(undefined, line), '{"count":16}');
  assert.equal(carriesContent('merged', 16), true);
  assert.equal(carriesContent('merged', 15), false);
  assert.equal(carriesContent('patched', 15), false);
  assert.equal(carriesContent('deleted', 15), true);
});

test('a patch that has nothing to stand on, or does not fit, is damage', () => {
  const { lines } = given();
  const damaged = { code: 'checkpoint-damaged' };
  assert.throws(() => contentAfter(undefined, lines[1] ?? ''), damaged);
  assert.throws(() => contentAfter('', lines[1] ?? ''), damaged);
  assert.throws(() => contentAfter('{"n', lines[1] ?? ''), damaged);
  assert.throws(() => contentAfter('{}', lines[2] ?? ''), damaged);
  assert.throws(() => contentAfter('{}', 'no line'), damaged);
});

test('erased content is gone, and said to be', () => {
  const line = '{"position":1,"operation":"created","revision":1,"erased":true}';
  assert.throws(() => contentAfter('{}', line), { code: 'history-trimmed' });
});
