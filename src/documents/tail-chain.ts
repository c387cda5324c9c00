import { assert } from '../base/assert.ts';
import type { Hashes } from '../base/hashes.ts';
import { ChainWalk, chainStart } from './history/chain-walk.ts';
import type { LiveDocuments } from './live-documents.ts';
import type { CheckpointReader } from './store/checkpoint-reader.ts';

/** Positions between two marks, about: what one answer has to hash. */
const MARK_POSITIONS = 256;
/** Lines hashed before others have a turn. */
const STRIDE_POSITIONS = 1_000;

interface Mark {
  readonly position: number;
  readonly chain: Uint8Array;
}

/**
 * Full chain hashes of the tail's positions. Lines show eight characters only; so it marks the chain every few hundred
 * positions while instances are applied, and hashes from the nearest mark. What the checkpoint holds, it asks there.
 */
export class TailChain {
  readonly #live: LiveDocuments;
  readonly #checkpoint: CheckpointReader;
  readonly #hashes: Hashes;
  /** Ascending; the first may lie right before the tail. */
  #marks: Mark[] = [];

  constructor(live: LiveDocuments, checkpoint: CheckpointReader, hashes: Hashes) {
    this.#live = live;
    this.#checkpoint = checkpoint;
    this.#hashes = hashes;
    live.onApplied(() => this.#onApplied());
  }

  /** @returns 32 bytes; undefined: above what is applied */
  async at(position: number): Promise<Uint8Array | undefined> {
    for (let prunedTo = -1; ; ) {
      const { state, tail } = this.#live;
      if (position === 0) return chainStart;
      if (position < 0 || position > state.position) return undefined;
      if (position === state.position) return state.chain;
      const { firstPosition } = tail;
      if (firstPosition === 0 || position < firstPosition) return this.#checkpoint.chainAt(position);
      assert(firstPosition > prunedTo, 'what the tail does not hold is in the checkpoint');
      const chain = await this.#inTail(position);
      if (chain !== undefined) return chain;
      // Pruned while it was hashed; each time further, until the checkpoint holds it.
      prunedTo = firstPosition;
    }
  }

  async #inTail(position: number): Promise<Uint8Array | undefined> {
    const mark = await this.#markBefore(position);
    if (mark === undefined) return undefined;
    const walk = new ChainWalk(this.#hashes, mark.position, mark.chain);
    while (walk.position < position) {
      const lines = this.#live.tail.lines(walk.position, Math.min(STRIDE_POSITIONS, position - walk.position));
      if (lines[0]?.position !== walk.position + 1) return undefined;
      for (const { line } of lines) {
        assert(walk.next(line) !== undefined, 'the lines of the tail are a chain');
      }
      this.#mark(walk.position, walk.chain);
      if (walk.position < position) await new Promise(setImmediate);
    }
    return walk.chain;
  }

  async #markBefore(position: number): Promise<Mark | undefined> {
    const { firstPosition } = this.#live.tail;
    const known = this.#marks.findLast((mark) => mark.position <= position && mark.position >= firstPosition - 1);
    if (known !== undefined || firstPosition === 0) return known;
    const chain = firstPosition === 1 ? chainStart : await this.#checkpoint.chainAt(firstPosition - 1);
    return chain === undefined ? undefined : { position: firstPosition - 1, chain };
  }

  #onApplied(): void {
    const { state, tail } = this.#live;
    const last = this.#marks.at(-1)?.position ?? 0;
    if (state.position < last + MARK_POSITIONS) return;
    this.#mark(state.position, state.chain);
    const kept = this.#marks.findIndex((mark) => mark.position >= tail.firstPosition - 1);
    if (kept > 0) this.#marks.splice(0, kept);
  }

  #mark(position: number, chain: Uint8Array): void {
    const at = this.#marks.findLastIndex((mark) => mark.position <= position);
    if (this.#marks[at]?.position !== position) this.#marks.splice(at + 1, 0, { position, chain });
  }
}
