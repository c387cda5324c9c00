import { assert } from '../base/assert.ts';
import { type Ballot, compareBallots } from '../paxos/ballot.ts';
import type { HiddenRange } from './format.ts';

/** Where the deciding record of an instance stands. */
export interface IndexEntry {
  readonly offset: number;
  readonly kind: 'accepted' | 'chosen';
  readonly ballot: Ballot;
}

/** Whether the left record decides an instance over the right one, which stands before it. */
export function decides(
  left: Pick<IndexEntry, 'kind' | 'ballot'>,
  right: Pick<IndexEntry, 'kind' | 'ballot'>,
): boolean {
  if (left.kind !== right.kind) return left.kind === 'chosen';
  return compareBallots(left.ballot, right.ballot) >= 0;
}

/** The few ballots of a log, numbered. */
export class BallotTable {
  readonly #ballots: Ballot[] = [];
  #last = -1;

  numberOf(ballot: Ballot): number {
    const last = this.#ballots[this.#last];
    if (last !== undefined && (last === ballot || compareBallots(last, ballot) === 0)) return this.#last;
    const found = this.#ballots.findIndex((known) => compareBallots(known, ballot) === 0);
    this.#last = found === -1 ? this.#ballots.push(ballot) - 1 : found;
    return this.#last;
  }

  ballot(number: number): Ballot {
    const ballot = this.#ballots[number];
    assert(ballot !== undefined, 'a numbered ballot is in the table', { number });
    return ballot;
  }
}

const spanMax = 2 ** 26;

/** Offsets of one segment's deciding records: 8 bytes an instance, since instances come nearly in order. */
export class SegmentIndex {
  readonly #ballots: BallotTable;
  #firstInstance = 0;
  #lastInstance = -1;
  /** By instance from `#firstInstance`; 0: none. */
  #offsets = new Uint32Array(0);
  /** The ballot's number × 2, + 1 for a record learned as chosen. */
  #tags = new Uint32Array(0);
  /** Places that could not be read, and what they may have held. */
  readonly hidden: (HiddenRange & { readonly offset: number })[] = [];

  constructor(ballots: BallotTable) {
    this.#ballots = ballots;
  }

  /** The oldest instance of which a record stands here; undefined: none does. */
  get firstInstance(): number | undefined {
    return this.#lastInstance < 0 ? undefined : this.#firstInstance;
  }

  /** Takes the record where it decides over the one that is there. */
  put(instance: number, offset: number, record: Pick<IndexEntry, 'kind' | 'ballot'>): void {
    const old = this.get(instance);
    if (old !== undefined && !decides(record, old)) return;
    this.#makeRoom(instance);
    this.#offsets[instance - this.#firstInstance] = offset;
    const chosen = record.kind === 'chosen' ? 1 : 0;
    this.#tags[instance - this.#firstInstance] = this.#ballots.numberOf(record.ballot) * 2 + chosen;
  }

  get(instance: number): IndexEntry | undefined {
    const offset = this.#offsets[instance - this.#firstInstance];
    if (offset === undefined || offset === 0) return undefined;
    const tag = this.#tags[instance - this.#firstInstance] ?? 0;
    return {
      offset,
      kind: tag % 2 === 1 ? 'chosen' : 'accepted',
      ballot: this.#ballots.ballot(Math.floor(tag / 2)),
    };
  }

  #makeRoom(instance: number): void {
    if (this.#lastInstance < 0) this.#firstInstance = instance;
    const first = Math.min(this.#firstInstance, instance);
    const last = Math.max(this.#lastInstance, instance);
    const span = last - first + 1;
    assert(span <= spanMax, 'the instances of one segment lie close together', { first, last });
    if (first < this.#firstInstance || span > this.#offsets.length) {
      this.#offsets = moved(this.#offsets, this.#firstInstance - first, span * 2);
      this.#tags = moved(this.#tags, this.#firstInstance - first, span * 2);
    }
    this.#firstInstance = first;
    this.#lastInstance = last;
  }
}

function moved(old: Uint32Array, shift: number, length: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(Math.max(64, length, old.length + shift));
  larger.set(old, shift);
  return larger;
}
