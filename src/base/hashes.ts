/** Hash functions from outside: this floor imports nothing of Node. */
export interface Hashes {
  /** SHA-256 of the bytes: 32 bytes. */
  sha256(bytes: Uint8Array): Uint8Array;
  /** CRC-32 (zlib's polynomial) as an unsigned number; `previous` continues one. */
  crc32(bytes: Uint8Array, previous?: number): number;
}
