import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { systemHashes } from '../../src/system/hashes.ts';
import { FrameDecoder, frameHeadBytes, sealFrame, sealOf } from '../../src/transport/frame.ts';

function frameOf(payload: Uint8Array, seal = 0): Buffer {
  const frame = Buffer.concat([Buffer.alloc(frameHeadBytes), payload]);
  sealFrame(frame, systemHashes, seal);
  return frame;
}

function all(decoder: FrameDecoder): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  for (let next = decoder.next(); next !== undefined; next = decoder.next()) payloads.push(next);
  return payloads;
}

test('frames come out whole and in order wherever the stream is cut', () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 8 });
  const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(payloads, cuts, (sent, lengths) => {
      const stream = Buffer.concat(sent.map((payload) => frameOf(payload)));
      const decoder = new FrameDecoder(systemHashes, 100);
      const received: Uint8Array[] = [];
      let at = 0;
      for (let turn = 0; at < stream.length; turn++) {
        const length = lengths[turn % lengths.length] ?? 1;
        decoder.push(new Uint8Array(stream.subarray(at, at + length)));
        at += length;
        received.push(...all(decoder));
      }
      assert.deepEqual(
        received.map((payload) => [...payload]),
        sent.map((payload) => [...payload]),
      );
      assert.equal(decoder.fault, undefined);
    }),
  );
});

test('a changed byte anywhere in a frame is found, and nothing after it is given out', () => {
  const payload = Uint8Array.of(1, 2, 3, 4, 5);
  const frame = frameOf(payload);
  for (let at = 0; at < frame.length; at++) {
    const changed = Buffer.from(frame);
    changed[at] = (changed[at] ?? 0) ^ 0x40;
    const decoder = new FrameDecoder(systemHashes, 1_000);
    decoder.push(Buffer.concat([changed, frame]));
    assert.deepEqual(all(decoder), [], `byte ${at}`);
    decoder.push(Buffer.alloc(100));
    decoder.push(frame);
    assert.deepEqual(all(decoder), [], `byte ${at}`);
  }
});

test('a frame larger than allowed is refused by its head, before anything of it is kept', () => {
  const decoder = new FrameDecoder(systemHashes, 100);
  const frame = frameOf(new Uint8Array(101));
  decoder.push(frame.subarray(0, frameHeadBytes));
  assert.equal(decoder.next(), undefined);
  assert.equal(decoder.fault, 'oversize');
});

test('a length that was changed on its way ends the stream at once, and nobody waits for what it promises', () => {
  const decoder = new FrameDecoder(systemHashes, 1_000_000);
  const frame = frameOf(new Uint8Array(50));
  frame.writeUInt32BE(500_000, 4);
  decoder.push(frame);
  assert.equal(decoder.next(), undefined);
  assert.equal(decoder.fault, 'bad-checksum');
});

test('random bytes never throw and never are a frame', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (chunks) => {
      const decoder = new FrameDecoder(systemHashes, 1_000);
      for (const chunk of chunks) decoder.push(chunk);
      assert.deepEqual(all(decoder), []);
    }),
  );
});

test('a frame of one session is none of another, whoever brings it', () => {
  const [past, present] = [sealOf('past', systemHashes), sealOf('present', systemHashes)];
  const decoder = new FrameDecoder(systemHashes, 100);
  const payload = new Uint8Array([1, 2, 3]);
  decoder.push(frameOf(payload));
  assert.deepEqual(all(decoder), [payload], 'a hello');
  decoder.seal = present;
  decoder.push(frameOf(payload, present));
  assert.deepEqual(all(decoder), [payload]);
  decoder.push(frameOf(payload, past));
  assert.deepEqual(all(decoder), []);
  assert.equal(decoder.fault, 'bad-checksum');
});
