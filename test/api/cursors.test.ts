import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatEventCursor, parseEventCursor } from '../../src/api/cursors.ts';

const name = fc.stringMatching(/^[A-Za-z0-9_-]{8,21}$/);

test('a cursor reads back as what it was made of', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), name, name, (position, historyId, chain) => {
      const cursor = parseEventCursor(formatEventCursor(position, historyId, chain));
      assert.deepEqual(cursor, { position, history: historyId.slice(0, 8), chain: chain.slice(0, 8) });
    }),
  );
});

test('what is no cursor is not taken for one', () => {
  const texts = ['', '1', '1.a', '1.abcdefgh', '1.abcdefgh.short', '-1.abcdefgh.abcdefgh', '01.abcdefgh.abcdefgh'];
  for (const text of [...texts, '9007199254740992.abcdefgh.abcdefgh', '1.abcdefgh.abcdefgh.', '1.abcd fgh.abcdefgh']) {
    assert.equal(parseEventCursor(text), undefined, text);
  }
});
