import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LoggosError } from '../../src/base/errors.ts';
import { parseStrictJson, printJson, readStrictJson } from '../../src/base/strict-json.ts';

const limits = { depthMax: 100, keysMax: 10_000 };
const encoder = new TextEncoder();

function parse(json: string | Uint8Array): unknown {
  return parseStrictJson(typeof json === 'string' ? encoder.encode(json) : json, limits);
}

function refusal(json: string | Uint8Array): LoggosError {
  try {
    parse(json);
  } catch (error) {
    assert(error instanceof LoggosError, `a LoggosError, not ${error}`);
    return error;
  }
  return assert.fail(`accepted: ${typeof json === 'string' ? json.slice(0, 80) : [...json.slice(0, 40)]}`);
}

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
const keys = (count: number) => `{${Array.from({ length: count }, (_, index) => `"k${index}":0`).join(',')}}`;
const of = (...bytes: number[]) => new Uint8Array(bytes);

const accepted: readonly (readonly [string, string, string?])[] = [
  ['an empty object', '{}'],
  ['space of all four kinds', ' \t\r\n{ "a" : [ 1 , 2 ] }\n', '{"a":[1,2]}'],
  ['every escape', String.raw`"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00"`, JSON.stringify('"\\/\b\f\n\r\té😀')],
  ['NUL in a string', String.raw`{"a":"x\u0000y"}`],
  ['text beyond ASCII as it is', '{"ключ":"значение 😀"}'],
  ['depth 100', nested(100)],
  ['10,000 keys', keys(10_000)],
  ['equal keys in different objects', '{"a":{"a":1},"b":{"a":1}}'],
  ['the keys constructor and prototype', '{"constructor":{"prototype":1},"toString":2}'],
  ['keys that only look like __proto__', '{"__proto_":1,"__proto___":2,"_proto__":3}'],
  ['__proto__ as a value', '["__proto__"]'],
  ['integer-like keys, moved to the front', '{"b":1,"2":2,"1":3}', '{"1":3,"2":2,"b":1}'],
  ['2^53 − 1', '9007199254740991'],
  ['−(2^53 − 1)', '-9007199254740991'],
  ['2^53', '9007199254740992'],
  ['1e20', '1e20', '100000000000000000000'],
  ['the printed form of 1e20', '100000000000000000000'],
  ['1e21 as digits', '1000000000000000000000', '1e+21'],
  ['digits that JavaScript prints as they are', '12345678901234567000', '12345678901234567000'],
  ['digits of a printed large double', '1180591620717411300000', '1.1805916207174113e+21'],
  ['the largest double', '1.7976931348623157e308', '1.7976931348623157e+308'],
  ['the smallest double', '5e-324'],
  ['1.0', '1.0', '1'],
  ['more digits than a fraction holds', '0.1000000000000000055511151231257827', '0.1'],
  ['−0', '-0', '0'],
  ['−0.0e-10', '-0.0e-10', '0'],
  ['zero with a large exponent', '0e999', '0'],
];
for (const [name, json, printed = json] of accepted) {
  test(`accepted and printed as an equal value: ${name}`, () => assert.equal(printJson(parse(json)), printed));
}

const refused: readonly (readonly [string, string | Uint8Array, string, string?])[] = [
  ['nothing', '', 'malformed-json'],
  ['space alone', ' ', 'malformed-json'],
  ['two values', '1 2', 'malformed-json'],
  ['a comma too many', '[1,]', 'malformed-json'],
  ['a key without quotes', '{a:1}', 'malformed-json'],
  ['an object not closed', '{"a":1', 'malformed-json'],
  ['a bracket of the other kind', '{"a":1]', 'malformed-json'],
  ['a leading zero', '01', 'malformed-json'],
  ['a plus', '+1', 'malformed-json'],
  ['a point without digits', '1.', 'malformed-json'],
  ['NaN', 'NaN', 'malformed-json'],
  ['a control character in a string', '"a\u0001"', 'malformed-json'],
  ['a wrong escape', String.raw`"\x41"`, 'malformed-json'],
  ['an escape cut short', String.raw`"\u00e"`, 'malformed-json'],
  ['other space', '\u00a01', 'malformed-json'],
  ['a byte order mark', of(0xef, 0xbb, 0xbf, 0x7b, 0x7d), 'malformed-json'],
  ['byte ff', of(0x22, 0xff, 0x22), 'malformed-json'],
  ['an overlong slash', of(0x22, 0xc0, 0xaf, 0x22), 'malformed-json'],
  ['a sequence cut short', of(0x22, 0xe2, 0x82, 0x22), 'malformed-json'],
  ['a surrogate in UTF-8', of(0x22, 0xed, 0xa0, 0x80, 0x22), 'malformed-json'],
  ['UTF-16', of(0x7b, 0, 0x7d, 0), 'malformed-json'],
  ['the same key twice', '{"a":1,"b":2,"a":3}', 'malformed-json', '/a'],
  ['the same key in two forms', String.raw`{"x":[{"a":1,"\u0061":2}]}`, 'malformed-json', '/x/0/a'],
  ['a key twice, whose first value hides a key', '{"a":{"b":1},"a":2}', 'malformed-json', '/a'],
  ['depth 101', nested(101), 'malformed-json', '/0'.repeat(100)],
  ['depth 5,000', nested(5_000), 'malformed-json'],
  ['depth 1,000,000', '['.repeat(1_000_000), 'malformed-json'],
  ['depth 1,000,000 of objects', '{"a":'.repeat(1_000_000), 'malformed-json'],
  ['10,001 keys', keys(10_001), 'document-too-large', '/k10000'],
  ['a high surrogate alone', String.raw`{"a":"\ud800"}`, 'unrepresentable-value', '/a'],
  ['a low surrogate alone', String.raw`["\udc00"]`, 'unrepresentable-value', '/0'],
  ['two high surrogates', String.raw`"\ud800\ud800"`, 'unrepresentable-value'],
  ['a lone surrogate in a key', String.raw`{"\ud800":1}`, 'unrepresentable-value', '/\ufffd'],
  ['the key __proto__', '{"a":{"__proto__":{}}}', 'key-not-allowed', '/a/__proto__'],
  ['the key __proto__, escaped', String.raw`{"\u005f_proto_\u005F":1}`, 'key-not-allowed', '/__proto__'],
  ['2^53 + 1', '[0,9007199254740993]', 'unrepresentable-value', '/1'],
  ['−(2^53 + 1)', '-9007199254740993', 'unrepresentable-value', ''],
  ['12345678901234567890', '12345678901234567890', 'unrepresentable-value'],
  ['2^64, which a double holds and JavaScript prints otherwise', '18446744073709551616', 'unrepresentable-value'],
  ['1e400', '1e400', 'unrepresentable-value'],
  ['−1e400', '-1e400', 'unrepresentable-value'],
  ['1e-400', '{"a":1e-400}', 'unrepresentable-value', '/a'],
  ['0.0…1 without an exponent', `0.${'0'.repeat(400)}1`, 'unrepresentable-value'],
  ['400 digits', '9'.repeat(400), 'unrepresentable-value'],
];
for (const [name, json, code, pointer] of refused) {
  test(`refused: ${name}`, () => {
    const error = refusal(json);
    assert.equal(error.code, code);
    assert.equal(typeof error.facts.offset, 'number');
    if (pointer !== undefined) assert.equal(error.facts.pointer, pointer);
  });
}

test('a number of five million digits is refused in bounded time', () => {
  assert.equal(refusal('9'.repeat(5_000_000)).code, 'unrepresentable-value');
});

test('the offset names the first bad byte', () => {
  assert.equal(refusal('{"a":tru}').facts.offset, 8);
  assert.equal(refusal(of(0x22, 0x61, 0x62, 0xff, 0x22)).facts.offset, 3);
});

test('a pointer escapes its tokens', () => {
  assert.equal(refusal('{"a/b":{"c~d":1e999}}').facts.pointer, '/a~1b/c~0d');
});

test('keys named like what objects inherit do not pollute', () => {
  parse('{"constructor":{"prototype":{"polluted":1}}}');
  assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
});

/** The same verdict on syntax as `JSON.parse`; the same value where both accept. */
function agrees(json: string): void {
  let expected: unknown;
  let isJson = true;
  try {
    expected = JSON.parse(json);
  } catch {
    isJson = false;
  }
  try {
    const { value, text, isCompact } = readStrictJson(encoder.encode(json), limits);
    assert(isJson, `accepted what JSON.parse refuses: ${json}`);
    assert.deepEqual(value, expected);
    assert.equal(text, json);
    if (isCompact) assert.equal(text, printJson(value));
  } catch (error) {
    assert(error instanceof LoggosError, String(error));
    const syntax = error.code === 'malformed-json' && /not JSON|too early/.test(error.message);
    if (syntax) assert.equal(isJson, false, `refused what JSON.parse accepts: ${json}`);
    else if (isJson) assert.match(error.message, /twice|__proto__|surrogate|double|nested/);
  }
}

const mutationBytes = '{}[]",:\\/-+.eE0123456789tfnuax \n\u0001é😀';
test('20,000 mutated documents get the same verdict as from JSON.parse', () => {
  const mutation = fc.record({ at: fc.nat(), remove: fc.nat(3), insert: fc.nat(mutationBytes.length) });
  const documents = fc.tuple(
    fc.json({ maxDepth: 4 }),
    fc.array(mutation, { maxLength: 4 }),
    fc.constantFrom('', ' ', '{"a":1,', '["\\u0041",-0.5e+3,', '\t'),
  );
  fc.assert(
    fc.property(documents, ([document, mutations, before]) => {
      let json = before + document;
      for (const { at, remove, insert } of mutations) {
        const index = json.length === 0 ? 0 : at % json.length;
        json = json.slice(0, index) + mutationBytes.slice(insert, insert + 1) + json.slice(index + remove);
      }
      agrees(json.toWellFormed());
    }),
    { numRuns: 20_000 },
  );
});

test('what was accepted is stored and answered as an equal value', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      const json = JSON.stringify(value);
      let parsed: unknown;
      try {
        parsed = parse(json);
      } catch (error) {
        assert(error instanceof LoggosError);
        return;
      }
      assert.equal(printJson(parsed), json);
      assert.equal(printJson(parse(printJson(parsed))), json);
    }),
    { numRuns: 2_000 },
  );
});

test('what is sent as it is stored is told apart', () => {
  const isCompact = (json: string) => readStrictJson(encoder.encode(json), limits).isCompact;
  for (const json of ['{}', '{"a":[1,-20,true,null,"é😀"],"b":{"c":"1"}}', '0', '"\u007f\u2028"']) {
    assert.equal(isCompact(json), true, json);
    assert.equal(printJson(parse(json)), json);
  }
  // Printed in another form, or perhaps.
  const other = ['{"a": 1}', ' {}', '{}\n', '[1 ]', '"\\/"', '{"b":1,"2":2}', '-0', '[1.50]', '1e2', '[-0.0]', '1.5'];
  for (const json of other) assert.equal(isCompact(json), false, json);
  assert.equal(isCompact('{}'), true, 'of each text for itself');
});
