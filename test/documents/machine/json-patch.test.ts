import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyPatch as applyReference, createPatch } from 'rfc6902';
import { LoggosError } from '../../../src/base/errors.ts';
import { applyPatch, checkPatch } from '../../../src/documents/machine/json-patch.ts';
import { arrayIndex, parsePointer, valueAt } from '../../../src/documents/machine/json-pointer.ts';

const limits = { documentBytesMax: 1_048_576, keysMax: 10_000, depthMax: 100 };

function refusal(document: unknown, patch: unknown, within = limits): string {
  const before = JSON.stringify([document, patch]);
  try {
    applyPatch(document, patch, within);
  } catch (error) {
    assert(error instanceof LoggosError, String(error));
    assert.equal(JSON.stringify([document, patch]), before, 'a refused patch changes nothing');
    return error.code;
  }
  return 'applied';
}

const deep = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth));

// RFC 6902, appendix A.
const examples: readonly (readonly [string, unknown, unknown, unknown])[] = [
  ['A.1', { foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux' }], { baz: 'qux', foo: 'bar' }],
  ['A.2', { foo: ['bar', 'baz'] }, [{ op: 'add', path: '/foo/1', value: 'qux' }], { foo: ['bar', 'qux', 'baz'] }],
  ['A.3', { baz: 'qux', foo: 'bar' }, [{ op: 'remove', path: '/baz' }], { foo: 'bar' }],
  ['A.4', { foo: ['bar', 'qux', 'baz'] }, [{ op: 'remove', path: '/foo/1' }], { foo: ['bar', 'baz'] }],
  ['A.5', { baz: 'qux', foo: 'bar' }, [{ op: 'replace', path: '/baz', value: 'boo' }], { baz: 'boo', foo: 'bar' }],
  [
    'A.6',
    { foo: { bar: 'baz', waldo: 'fred' }, qux: { corge: 'grault' } },
    [{ op: 'move', from: '/foo/waldo', path: '/qux/thud' }],
    { foo: { bar: 'baz' }, qux: { corge: 'grault', thud: 'fred' } },
  ],
  [
    'A.7',
    { foo: ['all', 'grass', 'cows', 'eat'] },
    [{ op: 'move', from: '/foo/1', path: '/foo/3' }],
    { foo: ['all', 'cows', 'eat', 'grass'] },
  ],
  [
    'A.8',
    { baz: 'qux', foo: ['a', 2, 'c'] },
    [
      { op: 'test', path: '/baz', value: 'qux' },
      { op: 'test', path: '/foo/1', value: 2 },
    ],
    { baz: 'qux', foo: ['a', 2, 'c'] },
  ],
  [
    'A.10',
    { foo: 'bar' },
    [{ op: 'add', path: '/child', value: { grandchild: {} } }],
    { foo: 'bar', child: { grandchild: {} } },
  ],
  ['A.11', { foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux', xyz: 123 }], { foo: 'bar', baz: 'qux' }],
  ['A.14', { '/': 9, '~1': 10 }, [{ op: 'test', path: '/~01', value: 10 }], { '/': 9, '~1': 10 }],
  ['A.16', { foo: ['bar'] }, [{ op: 'add', path: '/foo/-', value: ['abc', 'def'] }], { foo: ['bar', ['abc', 'def']] }],
];
for (const [name, document, patch, expected] of examples) {
  test(`RFC 6902 example ${name}`, () => assert.deepEqual(applyPatch(document, patch, limits), expected));
}

const refusedExamples: readonly (readonly [string, unknown, unknown, string])[] = [
  ['A.9', { baz: 'qux' }, [{ op: 'test', path: '/baz', value: 'bar' }], 'patch-test-failed'],
  ['A.12', { foo: 'bar' }, [{ op: 'add', path: '/baz/bat', value: 'qux' }], 'patch-not-applicable'],
  ['A.15', { '/': 9, '~1': 10 }, [{ op: 'test', path: '/~01', value: '10' }], 'patch-test-failed'],
];
for (const [name, document, patch, code] of refusedExamples) {
  test(`RFC 6902 example ${name} is refused`, () => assert.equal(refusal(document, patch), code));
}

test('RFC 6902 example A.13: a key that stands twice is refused by the JSON door', async () => {
  const { parseStrictJson } = await import('../../../src/base/strict-json.ts');
  const text = '[{"op":"add","path":"/baz","value":"qux","op":"remove"}]';
  assert.throws(() => parseStrictJson(new TextEncoder().encode(text), limits), { code: 'malformed-json' });
});

test('the whole document is replaced, tested, and moved onto itself', () => {
  assert.deepEqual(applyPatch({ a: 1 }, [{ op: 'replace', path: '', value: { b: 2 } }], limits), { b: 2 });
  assert.deepEqual(applyPatch({ a: 1 }, [{ op: 'add', path: '', value: 7 }], limits), 7);
  assert.deepEqual(applyPatch({ a: 1 }, [{ op: 'test', path: '', value: { a: 1 } }], limits), { a: 1 });
  assert.deepEqual(applyPatch({ a: [1] }, [{ op: 'move', from: '/a', path: '/a' }], limits), { a: [1] });
  assert.deepEqual(applyPatch({ a: 1 }, [{ op: 'copy', from: '', path: '/b' }], limits), { a: 1, b: { a: 1 } });
});

test('a copy shares nothing with what it was made of, nor with the patch', () => {
  const value = { deep: [1] };
  const patch = [
    { op: 'add', path: '/a', value },
    { op: 'copy', from: '/a', path: '/b' },
    { op: 'add', path: '/a/deep/-', value: 2 },
    { op: 'add', path: '/b/deep/-', value: 3 },
  ];
  assert.deepEqual(applyPatch({}, patch, limits), { a: { deep: [1, 2] }, b: { deep: [1, 3] } });
  assert.deepEqual(value, { deep: [1] });
});

const attacks: readonly (readonly [string, unknown, unknown, string])[] = [
  ['/__proto__/x', {}, [{ op: 'add', path: '/__proto__/x', value: 1 }], 'key-not-allowed'],
  ['/__proto__', {}, [{ op: 'add', path: '/__proto__', value: { x: 1 } }], 'key-not-allowed'],
  ['from /__proto__', {}, [{ op: 'copy', from: '/__proto__', path: '/a' }], 'key-not-allowed'],
  [
    'a value with __proto__',
    {},
    [{ op: 'add', path: '/a', value: JSON.parse('{"__proto__":{"x":1}}') }],
    'key-not-allowed',
  ],
  ['/constructor/prototype/x', {}, [{ op: 'add', path: '/constructor/prototype/x', value: 1 }], 'patch-not-applicable'],
  ['/toString removed', {}, [{ op: 'remove', path: '/toString' }], 'patch-not-applicable'],
  ['/toString replaced', {}, [{ op: 'replace', path: '/toString', value: 1 }], 'patch-not-applicable'],
  ['/a/length', { a: [1] }, [{ op: 'replace', path: '/a/length', value: 4294967295 }], 'patch-not-applicable'],
  ['/a/length added', { a: [1] }, [{ op: 'add', path: '/a/length', value: 4294967295 }], 'patch-not-applicable'],
  ['length of a text', { a: 'text' }, [{ op: 'test', path: '/a/length', value: 4 }], 'patch-test-failed'],
  ['a character of a text', { a: 'text' }, [{ op: 'copy', from: '/a/0', path: '/b' }], 'patch-not-applicable'],
  ['index 01', { a: [1, 2] }, [{ op: 'remove', path: '/a/01' }], 'patch-not-applicable'],
  ['index -1', { a: [1] }, [{ op: 'remove', path: '/a/-1' }], 'patch-not-applicable'],
  ['index 1e0', { a: [1, 2] }, [{ op: 'remove', path: '/a/1e0' }], 'patch-not-applicable'],
  ['index beyond the end', { a: [1] }, [{ op: 'add', path: '/a/2', value: 1 }], 'patch-not-applicable'],
  ['- removed', { a: [1] }, [{ op: 'remove', path: '/a/-' }], 'patch-not-applicable'],
  ['moved into itself', { a: { b: {} } }, [{ op: 'move', from: '/a', path: '/a/b/c' }], 'patch-not-applicable'],
  ['the whole into itself', { a: {} }, [{ op: 'move', from: '', path: '/a/b' }], 'patch-not-applicable'],
  [
    'thirty doublings',
    { a: ['0123456789'] },
    Array.from({ length: 30 }, () => ({ op: 'copy', from: '/a', path: '/a/-' })),
    'document-too-large',
  ],
  ['a value too deep', {}, [{ op: 'add', path: '/a', value: deep(100) }], 'document-too-large'],
  ['a value far too deep', {}, [{ op: 'add', path: '/a', value: deep(200_000) }], 'document-too-large'],
  ['a test far too deep', { a: [] }, [{ op: 'test', path: '/a', value: deep(200_000) }], 'document-too-large'],
  ['a document far too deep', { a: deep(200_000) }, [], 'document-too-large'],
];
for (const [name, document, patch, code] of attacks) {
  test(`attack: ${name}`, () => {
    assert.equal(refusal(document, patch), code);
    assert.equal(Object.hasOwn(Object.prototype, 'x'), false);
  });
}

test('moves cannot build a tower that recursion falls from', () => {
  const towers = Object.fromEntries(Array.from({ length: 900 }, (_, index) => [`t${index}`, deep(90)]));
  const bottom = '/0'.repeat(89);
  const patch = Array.from({ length: 899 }, (_, index) => {
    return { op: 'move', from: `/t${index}`, path: `/t${index + 1}${bottom}/-` };
  });
  assert.equal(refusal(towers, patch), 'document-too-large');
});

test('inherited names are legitimate keys', () => {
  const patch = [
    { op: 'add', path: '/constructor', value: { prototype: 1 } },
    { op: 'add', path: '/toString', value: 2 },
  ];
  assert.equal(JSON.stringify(applyPatch({}, patch, limits)), '{"constructor":{"prototype":1},"toString":2}');
});

test('what is no JSON Patch is refused whatever it would be applied to', () => {
  const bad: unknown[] = [null, {}, 'x', [null], [[]], [{}], [{ op: 'add', path: '/a' }], [{ op: 'add', value: 1 }]];
  bad.push([{ op: 'jump', path: '' }], [{ op: 'add', path: 'a', value: 1 }], [{ op: 'add', path: '/~2', value: 1 }]);
  bad.push([{ op: 'copy', path: '/a' }], [{ op: 'move', path: '/a', from: 'b' }], [{ op: 'test', path: 7, value: 1 }]);
  bad.push(Array.from({ length: 1_001 }, () => ({ op: 'test', path: '', value: 1 })));
  for (const patch of bad) {
    assert.throws(() => checkPatch(patch), { code: 'malformed-patch' }, JSON.stringify(patch).slice(0, 80));
    assert.equal(refusal({}, patch), 'malformed-patch');
  }
  assert.throws(() => checkPatch([{ op: 'remove', path: '/a/__proto__' }]), { code: 'key-not-allowed' });
  checkPatch(Array.from({ length: 1_000 }, () => ({ op: 'test', path: '', value: 1 })));
});

test('a refused patch leaves the document as it was, and says which operation', () => {
  const document = { a: [1], b: { c: 1 } };
  const patch = [
    { op: 'add', path: '/a/-', value: 2 },
    { op: 'remove', path: '/b' },
    { op: 'remove', path: '/b/c' },
  ];
  assert.throws(() => applyPatch(document, patch, limits), {
    code: 'patch-not-applicable',
    facts: { patchOperation: 2, pointer: '/b/c' },
  });
  assert.deepEqual(document, { a: [1], b: { c: 1 } });
});

test('keys and depth are limited in the result', () => {
  const small = { documentBytesMax: 1_000, keysMax: 3, depthMax: 3 };
  const add = (path: string, value: unknown) => [{ op: 'add', path, value }];
  assert.equal(refusal({ a: 1, b: 2 }, add('/c', 3), small), 'applied');
  assert.equal(refusal({ a: 1, b: 2, c: 3 }, add('/d', 4), small), 'document-too-large');
  assert.equal(refusal({ a: [[]] }, add('/a/0/-', 1), small), 'applied');
  assert.equal(refusal({ a: [[]] }, add('/a/0/-', []), small), 'document-too-large');
});

test('a difference made by the reference library is applied as it applies it', () => {
  const value = fc.jsonValue({ maxDepth: 4 }).filter((one) => !JSON.stringify(one).includes('__proto__'));
  fc.assert(
    fc.property(value, value, (from, to) => {
      const patch = createPatch(from, to);
      const expected = JSON.parse(JSON.stringify(from));
      const holder = { document: expected };
      applyReference(
        holder,
        patch.map((one) => ({ ...one, path: `/document${one.path}` })),
      );
      assert.deepEqual(applyPatch(from, patch, limits), holder.document);
      assert.deepEqual(applyPatch(from, patch, limits), to);
    }),
    { numRuns: 300 },
  );
});

test('pointers are those of RFC 6901', () => {
  const document = JSON.parse(
    '{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\\\j":5,"k\\"l":6," ":7,"m~n":8}',
  );
  const values = { '': document, '/foo': ['bar', 'baz'], '/foo/0': 'bar', '/': 0, '/a~1b': 1, '/c%d': 2, '/e^f': 3 };
  for (const [text, value] of Object.entries({ ...values, '/g|h': 4, '/i\\j': 5, '/k"l': 6, '/ ': 7, '/m~0n': 8 })) {
    assert.deepEqual(valueAt(document, parsePointer(text) ?? assert.fail(text)), { found: true, value });
  }
  for (const text of ['a', '/~', '/~2', '/\ud800']) assert.equal(parsePointer(text), undefined);
  assert.deepEqual(parsePointer('/~01'), ['~1']);
  for (const token of ['', '-', '00', '01', '1.0', ' 1', '+1', '１']) assert.equal(arrayIndex(token), undefined);
});
