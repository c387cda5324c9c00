import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyMergePatch } from '../../../src/documents/machine/merge-patch.ts';

const limits = { documentBytesMax: 1_048_576, keysMax: 10_000, depthMax: 100 };
const deep = (depth: number): unknown => JSON.parse(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);

// RFC 7396, section 3 and appendix A.
const examples: readonly (readonly [string, string, string])[] = [
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', '{}'],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['["a","b"]', '["c","d"]', '["c","d"]'],
  ['{"a":"b"}', '["c"]', '["c"]'],
  ['{"a":"foo"}', 'null', 'null'],
  ['{"a":"foo"}', '"bar"', '"bar"'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
  ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  [
    '{"title":"Goodbye!","author":{"givenName":"John","familyName":"Doe"},"tags":["example","sample"],"content":"x"}',
    '{"title":"Hello!","phoneNumber":"+01-123-456-7890","author":{"familyName":null},"tags":["example"]}',
    '{"title":"Hello!","author":{"givenName":"John"},"tags":["example"],"content":"x","phoneNumber":"+01-123-456-7890"}',
  ],
];
for (const [document, patch, result] of examples) {
  test(`RFC 7396: ${document} merged with ${patch}`, () => {
    assert.equal(JSON.stringify(applyMergePatch(JSON.parse(document), JSON.parse(patch), limits)), result);
  });
}

test('a merge patch never walks into prototypes', () => {
  assert.throws(() => applyMergePatch({}, JSON.parse('{"__proto__":{"x":1}}'), limits), { code: 'key-not-allowed' });
  assert.throws(() => applyMergePatch({}, JSON.parse('{"a":{"__proto__":null}}'), limits), { code: 'key-not-allowed' });
  const result = applyMergePatch({}, JSON.parse('{"constructor":{"prototype":{"x":1}},"toString":{"y":2}}'), limits);
  assert.equal(JSON.stringify(result), '{"constructor":{"prototype":{"x":1}},"toString":{"y":2}}');
  assert.equal(Object.hasOwn(Object.prototype, 'x'), false);
  assert.equal(Object.hasOwn(Object.prototype.toString, 'y'), false);
});

test('depth and keys are limited, however deep the patch or the document', () => {
  const tooLarge = { code: 'document-too-large' };
  assert.throws(() => applyMergePatch({}, deep(101), limits), tooLarge);
  assert.throws(() => applyMergePatch({}, deep(100_000), limits), tooLarge);
  assert.throws(() => applyMergePatch(deep(100_000), {}, limits), tooLarge);
  assert.throws(() => applyMergePatch({ a: 1 }, { b: 2 }, { ...limits, keysMax: 1 }), tooLarge);
});

test('neither the document nor the patch is changed, and the result shares nothing with them', () => {
  const value = fc.jsonValue({ maxDepth: 4 }).filter((one) => !JSON.stringify(one).includes('__proto__'));
  fc.assert(
    fc.property(value, value, (document, patch) => {
      const before = JSON.stringify([document, patch]);
      const result = applyMergePatch(document, patch, limits);
      assert.deepEqual(applyMergePatch(result, patch, limits), result, 'merging twice is merging once');
      assert.equal(JSON.stringify([document, patch]), before);
    }),
    { numRuns: 500 },
  );
});
