import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { DiskFile } from '../../base/disk.ts';
import type { LoggosError } from '../../base/errors.ts';
import type { Hashes } from '../../base/hashes.ts';
import { chainPrefix } from '../machine/event-line.ts';
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
import { chainPrefixOf, factsOf } from './line-facts.ts';
import { lineEnds } from './lines.ts';

/** A place where the chain is known. */
export interface ChainMark {
  readonly position: number;
  /** c after it: 32 bytes. */
  readonly chain: Uint8Array;
}

/**
 * Makes a sealed file of plain lines: zstd frames of whole lines, then the index. Deterministic. The chain is hashed
 * from the nearest mark to where each frame begins; without marks, over every line.
 * @param plain - whole lines, each with its newline
 * @param chainBefore - c before the first line
 * @param marks - ascending; only a saving: the result is the same without them
 * @returns the file's bytes, and c after the last line
 * @throws LoggosError `checkpoint-damaged` where a line is not the one that the chain covers
 */
export function sealLines(options: {
  readonly plain: Buffer;
  readonly first: number;
  readonly chainBefore: Uint8Array;
  readonly marks: readonly ChainMark[];
  readonly hashes: Hashes;
  readonly cuts: HistoryCuts;
}): { readonly bytes: Buffer; readonly chainAfter: Uint8Array } {
  const { plain, first, cuts } = options;
  const lines = new LinesWithChain(options);
  const frames: FrameInfo[] = [];
  const parts: Buffer[] = [];
  let offset = 0;
  for (let index = 0; index < lines.count; ) {
    const start = lines.start(index);
    const firstIndex = index;
    while (index < lines.count && lines.start(index) - start < cuts.frameBytesMin) index++;
    const plainBytes = lines.start(index) - start;
    const frame = compress(plain.subarray(start, start + plainBytes));
    frames.push({
      offset,
      bytes: frame.length,
      plainBytes,
      firstPosition: first + firstIndex,
      firstTime: lines.time(firstIndex),
      chainBefore: lines.chainBefore(firstIndex),
    });
    parts.push(frame);
    offset += frame.length;
  }
  const chainAfter = lines.chainBefore(lines.count);
  const lastTime = lines.time(lines.count - 1);
  parts.push(encodeSealedIndex({ frames, lastPosition: first + lines.count - 1, lastTime, chainAfter }));
  return { bytes: Buffer.concat(parts), chainAfter };
}

/** The lines of a file by their index, and the chain before any of them, asked for in ascending order. */
class LinesWithChain {
  readonly count: number;
  readonly #plain: Buffer;
  readonly #first: number;
  readonly #marks: readonly ChainMark[];
  readonly #hashes: Hashes;
  /** Where each line begins, and the end of the last. */
  readonly #starts: number[];
  #walk: ChainWalk;

  constructor(options: {
    readonly plain: Buffer;
    readonly first: number;
    readonly chainBefore: Uint8Array;
    readonly marks: readonly ChainMark[];
    readonly hashes: Hashes;
  }) {
    this.#plain = options.plain;
    this.#first = options.first;
    this.#marks = options.marks;
    this.#hashes = options.hashes;
    this.#starts = [0, ...lineEnds(options.plain)];
    this.count = this.#starts.length - 1;
    this.#walk = new ChainWalk(options.hashes, options.first - 1, options.chainBefore);
  }

  start(index: number): number {
    return this.#starts[index] ?? this.#plain.length;
  }

  time(index: number): number {
    const facts = factsOf(this.#line(index));
    if (facts?.position !== this.#first + index) throw this.#damaged(index);
    return facts.time;
  }

  chainBefore(index: number): Uint8Array {
    const position = this.#first + index - 1;
    const mark = this.#marks.findLast((known) => known.position <= position);
    if (mark !== undefined && mark.position > this.#walk.position) this.#jump(mark);
    while (this.#walk.position < position) {
      const next = this.#walk.position + 1 - this.#first;
      if (this.#walk.next(this.#line(next)) === undefined) throw this.#damaged(next);
    }
    return this.#walk.chain;
  }

  #jump({ position, chain }: ChainMark): void {
    const index = position - this.#first;
    if (chainPrefixOf(this.#line(index)) !== chainPrefix(chain)) throw this.#damaged(index);
    this.#walk = new ChainWalk(this.#hashes, position, chain);
  }

  #line(index: number): string {
    return this.#plain.toString('utf8', this.start(index), this.start(index + 1) - 1);
  }

  #damaged(index: number): LoggosError {
    return damagedFile(plainFileName(this.#first), 'a line does not continue the chain', this.#first + index);
  }
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
