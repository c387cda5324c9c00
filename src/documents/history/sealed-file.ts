import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { DiskFile } from '../../base/disk.ts';
import type { Hashes } from '../../base/hashes.ts';
import { ChainWalk } from './chain-walk.ts';
import { damagedFile } from './damage.ts';
import {
  decodeSealedIndex,
  encodeSealedIndex,
  type FrameInfo,
  type HistoryCuts,
  INDEX_TRAILER_BYTES,
  indexBytesOf,
  plainFileName,
  type SealedIndex,
  ZSTD_LEVEL,
} from './format.ts';
import { lineEnds } from './lines.ts';

/**
 * Makes a sealed file of plain lines: zstd frames of whole lines, then the index. Deterministic. The chain is
 * recomputed over every line on the way and compared with what the lines say, so that rot is not sealed.
 * @param plain - whole lines, each with its newline
 * @param chainBefore - c before the first line
 * @returns the file's bytes, and c after the last line
 * @throws LoggosError `checkpoint-damaged` where a line is not the one that the chain covers
 */
export function sealLines(
  plain: Buffer,
  first: number,
  chainBefore: Uint8Array,
  hashes: Hashes,
  cuts: HistoryCuts,
): { readonly bytes: Buffer; readonly chainAfter: Uint8Array } {
  const walk = new ChainWalk(hashes, first - 1, chainBefore);
  const frames: FrameInfo[] = [];
  const parts: Buffer[] = [];
  let offset = 0;
  let frameStart = 0;
  let lineStart = 0;
  let opened = { firstPosition: first, firstTime: 0, chainBefore };
  for (const end of lineEnds(plain)) {
    const before = walk.chain;
    const facts = walk.next(plain.toString('utf8', lineStart, end - 1));
    if (facts === undefined) {
      throw damagedFile(plainFileName(first), 'a line does not continue the chain', walk.position + 1);
    }
    if (lineStart === frameStart) {
      opened = { firstPosition: facts.position, firstTime: facts.time, chainBefore: before };
    }
    lineStart = end;
    if (end - frameStart < cuts.frameBytesMin && end !== plain.length) continue;
    const frame = compress(plain.subarray(frameStart, end));
    frames.push({ ...opened, offset, bytes: frame.length, plainBytes: end - frameStart });
    parts.push(frame);
    offset += frame.length;
    frameStart = end;
  }
  const index = encodeSealedIndex({
    frames,
    lastPosition: walk.position,
    lastTime: walk.time,
    chainAfter: walk.chain,
  });
  return { bytes: Buffer.concat([...parts, index]), chainAfter: walk.chain };
}

/** Undefined: the index is damaged. */
export async function readSealedIndex(file: DiskFile): Promise<SealedIndex | undefined> {
  const size = await file.size();
  if (size < INDEX_TRAILER_BYTES) return undefined;
  const indexBytes = indexBytesOf(await file.read(size - INDEX_TRAILER_BYTES, INDEX_TRAILER_BYTES), size);
  if (indexBytes === undefined) return undefined;
  return decodeSealedIndex(await file.read(size - indexBytes, indexBytes), size);
}

/** The lines of one frame, newlines included. Undefined: the frame is damaged. */
export function decompress(frame: Uint8Array, plainBytes: number): Buffer | undefined {
  try {
    // It stops after the first of several frames without a word: only one is ever given to it.
    const plain = zstdDecompressSync(frame, { maxOutputLength: plainBytes });
    return plain.length === plainBytes ? plain : undefined;
  } catch {
    return undefined;
  }
}

function compress(plain: Buffer): Buffer {
  return zstdCompressSync(plain, {
    pledgedSrcSize: plain.length,
    // Without the checksum most flipped bits would give wrong lines silently.
    params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL, [constants.ZSTD_c_checksumFlag]: 1 },
  });
}
