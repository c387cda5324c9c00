import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PaxosMessage } from '../../src/paxos/messages.ts';
import { frameHeadBytes } from '../../src/transport/frame.ts';
import { decodeHello, encodeHello } from '../../src/transport/hello.ts';
import { decodeMessage, encodeMessage } from '../../src/transport/message-codec.ts';
import { anyMessage, anyPeer } from './arbitraries.ts';

const bytesOf = (message: PaxosMessage) => new Uint8Array(encodeMessage(message).subarray(frameHeadBytes));

test('every message comes back as it was sent', () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      assert.deepEqual(plain(decodeMessage(bytesOf(message))), plain(message));
    }),
    { numRuns: 1_000 },
  );
});

test('every hello comes back as it was said', () => {
  fc.assert(
    fc.property(anyPeer, fc.string(), (peer, database) => {
      const hello = decodeHello(encodeHello({ database, peer }).subarray(frameHeadBytes));
      assert.deepEqual(plain(hello), plain({ database, peer }));
    }),
  );
});

test('bytes that are no message, a message cut short and one with bytes too many are nothing; none of them throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      decodeMessage(bytes);
      decodeHello(bytes);
    }),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(anyMessage, fc.nat(), fc.nat(255), (message, place, byte) => {
      const bytes = bytesOf(message);
      const at = place % bytes.length;
      assert.equal(decodeMessage(bytes.subarray(0, at)), undefined);
      assert.equal(decodeMessage(Uint8Array.of(...bytes, byte)), undefined);
      const changed = bytes.slice();
      changed[at] = byte;
      decodeMessage(changed);
    }),
    { numRuns: 1_000 },
  );
});

test('a count that the bytes cannot hold allocates nothing', () => {
  const learned = bytesOf({ kind: 'learned', entries: [], chosenTo: 1 });
  learned.set([0xff, 0xff, 0xff, 0xff], learned.length - 4);
  assert.equal(decodeMessage(learned), undefined);
});

test('instances beyond 2^32 and beyond what bitwise operators hold pass whole', () => {
  for (const instance of [2 ** 31, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER]) {
    const message = { kind: 'fetch', firstInstance: instance } as const;
    assert.deepEqual(decodeMessage(bytesOf(message)), message);
  }
});

test('a message is whole wherever in it the writer needs more room', () => {
  for (let valueBytes = 0; valueBytes < 300; valueBytes++) {
    const ballot = { round: 1, replica: 2, incarnation: '0123456789abcdef' };
    const accepted = [
      { instance: 1, ballot, value: new Uint8Array(valueBytes).fill(7), maybeSuperseded: 'ambiguous' as const },
    ];
    const message = { kind: 'promised' as const, ballot, truncatedTo: 0, accepted, cannotTell: [] };
    assert.deepEqual(plain(decodeMessage(bytesOf(message))), plain(message), `a value of ${valueBytes} bytes`);
  }
});

/** Without the difference between a `Buffer` and other bytes, and without prototypes. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, entry) => (isBytes(entry) ? Buffer.from(entry).toString('hex') : entry)),
  );
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}
