import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Hashes } from '../base/hashes.ts';

const sha256Bytes = 32;

/**
 * Node's own: SHA-256 in one shot, CRC-32 at gigabytes a second. The digest comes as a text of one character a byte:
 * that costs half of what a buffer does, which would have memory of its own outside the heap.
 */
export const systemHashes: Hashes = {
  sha256(bytes) {
    const text = hash('sha256', bytes, 'binary');
    const digest = new Uint8Array(sha256Bytes);
    for (let index = 0; index < sha256Bytes; index++) digest[index] = text.charCodeAt(index);
    return digest;
  },
  crc32: (bytes, previous = 0) => crc32(bytes, previous),
};
