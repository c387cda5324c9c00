import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Hashes } from '../../../src/base/hashes.ts';

/** Real ones, of Node. */
export const hashes: Hashes = {
  sha256: (bytes) => Uint8Array.from(hash('sha256', bytes, 'buffer')),
  crc32: (bytes, previous) => crc32(bytes, previous),
};
