import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromBase64url, toBase64url } from '../../../src/documents/machine/base64url.ts';
import { parseTime, printTime, timeMax } from '../../../src/documents/machine/utc-time.ts';
import { utf8Cut, utf8Length } from '../../../src/documents/machine/utf8-length.ts';

test('base64url is what Node prints, and comes back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const text = toBase64url(bytes);
      assert.equal(text, Buffer.from(bytes).toString('base64url'));
      assert.deepEqual(fromBase64url(text), bytes);
    }),
  );
});

test('what is not the one text of some bytes is no base64url', () => {
  for (const text of ['A', 'AB', 'AAB', 'AA==', 'A+/A', 'é', 'AAAAA'])
    assert.equal(fromBase64url(text), undefined, text);
});

test('a time is printed as RFC 3339 in UTC with milliseconds, as Date does, and comes back', () => {
  const times = fc.oneof(fc.integer({ min: 0, max: timeMax }), fc.constantFrom(0, timeMax, 951_782_400_000));
  fc.assert(
    fc.property(times, (time) => {
      assert.equal(printTime(time), new Date(time).toISOString());
      assert.equal(parseTime(printTime(time)), time);
    }),
    { numRuns: 5_000 },
  );
});

test('offsets, missing and finer fractions are understood', () => {
  assert.equal(parseTime('2026-11-24T10:00:00Z'), Date.UTC(2026, 10, 24, 10));
  assert.equal(parseTime('2026-11-24t10:00:00.5z'), Date.UTC(2026, 10, 24, 10, 0, 0, 500));
  assert.equal(parseTime('2026-11-24T10:00:00.123999+02:30'), Date.UTC(2026, 10, 24, 7, 30, 0, 123));
  assert.equal(parseTime('2026-11-24T22:00:00-05:00'), Date.UTC(2026, 10, 25, 3));
});

test('what no calendar has is no time', () => {
  const texts = [
    '',
    '2026',
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-01-01T24:00:00Z',
  ];
  texts.push('2026-01-01T00:60:00Z', '2026-12-31T23:59:60Z', '2026-01-01T00:00:00', '1969-12-31T23:59:59Z', '1e3');
  for (const text of texts) assert.equal(parseTime(text), undefined, text);
});

test('lengths and cuts in UTF-8 are those of the encoded bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (left, right) => {
      const bytes = Buffer.byteLength(left);
      assert.equal(utf8Length(left), bytes);
      assert.equal(utf8Cut(`.${left}${right}`, 1, bytes), bytes === 0 ? 1 : 1 + left.length);
    }),
  );
  assert.equal(utf8Cut('é', 0, 1), undefined);
});
