import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { LoggosError } from '../../../src/base/errors.ts';
import {
  chainAfterLine,
  chainLink,
  commitmentOf,
  parseEventLine,
  printErasedLine,
  printEventLine,
  printHeader,
  printPayload,
  splitEventLine,
} from '../../../src/documents/machine/event-line.ts';
import { hashes } from './hashes.ts';

const sha256 = (...parts: Uint8Array[]) => {
  return Uint8Array.from(createHash('sha256').update(Buffer.concat(parts)).digest());
};
const isDamage = (error: unknown) => error instanceof LoggosError && error.code === 'checkpoint-damaged';
const previous = new Uint8Array(32).fill(7);

interface Given {
  readonly document?: string;
  readonly metadata?: Record<string, unknown>;
  readonly content?: string;
  readonly transaction?: { first: number; last: number };
}

function line({ document, metadata = {}, content = '{"name":"Gaios"}', transaction }: Given) {
  const salt = Uint8Array.from({ length: 16 }, (_, index) => index * 16);
  const field = document === undefined ? 'document' : 'patch';
  const { payload, contentStart } = printPayload({
    id: 'V1StGXR8',
    actor: 'anonymous',
    collection: 'ports',
    documentId: 'gäios',
    type: 'port.opened',
    metadata,
    idempotencyKey: 'k-1',
    content: { field, json: content },
  });
  const header = printHeader({
    position: 12,
    instance: 9,
    index: 1,
    time: '2026-11-24T10:00:00.000Z',
    operation: document === undefined ? 'replaced' : 'merged',
    revision: 5,
    ...(transaction && { transaction }),
    back: [11, 3],
    payloadBytes: Buffer.byteLength(payload),
  });
  const commitment = sha256(salt, Buffer.from(payload));
  const chain = sha256(previous, Buffer.from(header), commitment);
  const text = printEventLine(header, chain, salt, payload, document);
  return { text, header, payload, contentStart, salt, chain, commitment };
}

test('a line is the header, the chain, the salt and the payload, in the order of the formats page', () => {
  const { text } = line({ metadata: { correlationId: 'c' }, transaction: { first: 11, last: 12 } });
  assert.equal(
    text.replace(/"chain":"[\w-]{8}"/, '"chain":"········"'),
    '{"position":12,"instance":9,"index":1,"time":"2026-11-24T10:00:00.000Z","operation":"replaced","revision":5,' +
      '"transaction":{"first":11,"last":12},"back":[11,3],"payloadBytes":183,"chain":"········",' +
      '"salt":"ABAgMEBQYHCAkKCwwNDg8A","id":"V1StGXR8","actor":"anonymous","collection":"ports","documentId":"gäios",' +
      '"type":"port.opened","metadata":{"correlationId":"c"},"idempotencyKey":"k-1","document":{"name":"Gaios"}}',
  );
});

test('absent fields of a payload are not printed, and a deletion has no content', () => {
  const fields = { id: 'a', actor: 'b', collection: 'c', documentId: 'd"', type: null, metadata: {} };
  const { payload, contentStart } = printPayload(fields);
  assert.equal(payload, '"id":"a","actor":"b","collection":"c","documentId":"d\\"","type":null,"metadata":{}');
  assert.equal(contentStart, payload.length);
  const restored = printPayload({ ...fields, restoredFrom: 3, content: { field: 'document', json: '{}' } });
  assert.equal(restored.payload, `${payload},"restoredFrom":3,"document":{}`);
  assert.equal(restored.payload.slice(restored.contentStart), '{}');
});

test('a line taken apart gives the very bytes that the chain is over', () => {
  const metadata = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 });
  const given = fc.record({
    metadata,
    content: fc
      .dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }))
      .map((value) => JSON.stringify(value).toWellFormed()),
    document: fc.option(fc.constantFrom('{}', '{"document":{"é":"😀"}}', '{"a":"},\\"document\\":{}"}'), {
      nil: undefined,
    }),
    transaction: fc.option(fc.constant({ first: 11, last: 13 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(given, (fields) => {
      const made = line(fields as Given);
      const parts = splitEventLine(made.text);
      assert.equal(parts.header, made.header);
      assert.equal(parts.payload, made.payload);
      assert.deepEqual(parts.salt, made.salt);
      assert.equal(parts.document, fields.document);
      assert.deepEqual(commitmentOf(made.salt, made.payload, hashes), made.commitment);
      assert.deepEqual(chainLink(previous, made.header, made.commitment, hashes), made.chain);
      assert.deepEqual(chainAfterLine(previous, made.text, hashes), made.chain);
    }),
  );
});

test('metadata that looks like the rest of a line does not mislead', () => {
  const made = line({
    metadata: { 'x","chain":"AAAAAAAA","salt":"': '"document":', document: {} },
    document: '{"a":1}',
  });
  assert.equal(splitEventLine(made.text).document, '{"a":1}');
  assert.equal(splitEventLine(made.text).payload, made.payload);
});

test('an erased line still links the chain, and shows nothing that a client sent', () => {
  const { header, chain, commitment } = line({});
  const erased = printErasedLine(header, chain, commitment);
  assert.deepEqual(splitEventLine(erased), {
    header,
    chain: splitEventLine(erased).chain,
    commitment,
  });
  assert.deepEqual(chainAfterLine(previous, erased, hashes), chain);
  const event = parseEventLine(erased);
  assert.equal(event.erased, true);
  assert.equal(event.id, undefined);
  assert.equal(event.revision, 5);
});

test('a changed byte of header, salt, payload or chain breaks the chain at that line', () => {
  const { text } = line({ metadata: { a: 1 } });
  const places = { header: '"revision":5', salt: 'ABAgME', payload: 'Gaios', chain: /"chain":"./ };
  for (const place of Object.values(places)) {
    const at = text.search(place);
    const end = at + (typeof place === 'string' ? place.length : 10) - 1;
    const changed = text.slice(0, end) + (text[end] === '6' ? '7' : '6') + text.slice(end + 1);
    assert.throws(() => chainAfterLine(previous, changed, hashes), isDamage, changed);
  }
  assert.throws(() => chainAfterLine(new Uint8Array(32), text, hashes), isDamage, 'another chain before it');
});

test('what is no event line is damage, never a crash', () => {
  const { text } = line({ document: '{}' });
  for (const bad of [
    '',
    '{}',
    'null',
    '[',
    text.slice(0, -2),
    text.slice(1),
    text.replace('"payloadBytes":', '"payloadBytes":9'),
  ]) {
    assert.throws(() => splitEventLine(bad), isDamage, bad);
  }
  for (const bad of ['', 'null', '[', '7']) assert.throws(() => parseEventLine(bad), isDamage, bad);
});
