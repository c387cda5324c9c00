import type { Ballot } from '../paxos/ballot.ts';

const twoTo32 = 2 ** 32;

/** Writes a safe integer as 8 bytes, big-endian; never by bitwise operators, which cut at 32 bits (B10). */
export function writeU64(bytes: Buffer, offset: number, value: number): void {
  bytes.writeUInt32BE(Math.floor(value / twoTo32), offset);
  bytes.writeUInt32BE(value % twoTo32, offset + 4);
}

export function readU64(bytes: Buffer, offset: number): number {
  return bytes.readUInt32BE(offset) * twoTo32 + bytes.readUInt32BE(offset + 4);
}

/** Round, replica and incarnation: 24 bytes. */
export function writeBallot(bytes: Buffer, offset: number, ballot: Ballot): void {
  writeU64(bytes, offset, ballot.round);
  writeU64(bytes, offset + 8, ballot.replica);
  bytes.write(ballot.incarnation, offset + 16, 8, 'hex');
}

export function readBallot(bytes: Buffer, offset: number): Ballot {
  return {
    round: readU64(bytes, offset),
    replica: readU64(bytes, offset + 8),
    incarnation: bytes.toString('hex', offset + 16, offset + 24),
  };
}

/** The same memory as a `Buffer`. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
