import type { Ballot } from '../paxos/ballot.ts';
import { ballotZero, compareBallots } from '../paxos/ballot.ts';
import { decodeHidden, type HiddenRange, type RecordHeader, type SegmentHeader } from './format.ts';
import type { Scanned } from './scan.ts';
import { decides } from './segment-index.ts';

export type Proof = 'ambiguous' | 'damaged';

/** Where an unreadable place is, for reports. */
export interface DamagePlace {
  readonly segment: string;
  readonly offset: number;
  readonly what: string;
}

/** The deciding record of an instance among those that boot could read. */
export interface InHand {
  readonly kind: 'accepted' | 'chosen';
  readonly ballot: Ballot;
  readonly segment: number;
  readonly offset: number;
  /** Its place in the order of the log. */
  readonly order: number;
  /** Where the first readable record of the instance stands. */
  readonly firstOrder: number;
}

interface Hidden extends HiddenRange {
  readonly proof: Proof;
  readonly order: number;
  readonly place: DamagePlace;
  /** Repeated from an earlier boot. */
  readonly isMark?: boolean;
}

/**
 * What boot learns from the log, told everything in the order of the log. It decides three things: what is proved
 * chosen (the largest `chosenTo` before the first damage that matters), which record of an instance decides, and of
 * which instances this replica cannot tell (A5, A6).
 */
export class BootFindings {
  readonly #checkpointInstance: number;
  readonly inHand = new Map<number, InHand>();
  #order = 0;
  /** The last `chosenTo` read. */
  #lastChosenTo = 0;
  /** The last one before the first damage that matters, and where it stands. */
  #proof = { chosenTo: 0, order: 0 };
  #isLimited = false;
  /** An unreadable place, until a readable header says how new the records in it can be. */
  #open: Omit<Hidden, 'to'> | undefined;
  #hidden: Hidden[] = [];
  /** The newest instance that was in the log, as far as headers tell. */
  newestInLog = 0;
  highestAccepted = ballotZero;

  constructor(checkpointInstance: number) {
    this.#checkpointInstance = checkpointInstance;
  }

  get newestInstance(): number {
    return Math.max(this.newestInLog, this.#checkpointInstance);
  }

  get lastChosenTo(): number {
    return this.#lastChosenTo;
  }

  /** Places with provable damage that matters, and those at or below the checkpoint, which only want a report. */
  get damage(): {
    readonly matters: readonly (Hidden & { instance: number })[];
    readonly ignored: readonly DamagePlace[];
  } {
    const damaged = this.#hidden.filter(({ proof }) => proof === 'damaged');
    return {
      matters: damaged
        .filter((hidden) => this.#matters(hidden))
        .map((hidden) => ({ ...hidden, instance: Math.max(hidden.above, this.#checkpointInstance) + 1 })),
      ignored: damaged.filter((hidden) => !this.#matters(hidden)).map(({ place }) => place),
    };
  }

  /** What may be hidden at the ambiguous place of that order. */
  ambiguousRange(order: number): HiddenRange | undefined {
    return this.#hidden.find((hidden) => hidden.order === order && hidden.proof === 'ambiguous');
  }

  get hasMarks(): boolean {
    return this.#hidden.some(({ proof }) => proof === 'ambiguous');
  }

  onSegment(header: SegmentHeader): void {
    this.#closeOpen(header.newestInstance);
    this.#order += 1;
    this.#sawChosenTo(header.chosenTo);
    this.newestInLog = Math.max(this.newestInLog, header.newestInstance);
  }

  /** Records may be hidden here: unreadable bytes, a segment's header, segments in the middle. Returns its order. */
  onUnreadable(proof: Proof, place: DamagePlace): number {
    this.#order += 1;
    this.#open ??= { above: this.#lastChosenTo, proof, order: this.#order, place };
    return this.#order;
  }

  /** Segments before the oldest one are gone although instances above the checkpoint stood in them. */
  onMissingStart(newestInstance: number, place: DamagePlace): void {
    this.#order += 1;
    this.#hide({ above: this.#checkpointInstance, to: newestInstance, proof: 'damaged', order: this.#order, place });
  }

  /** Returns its order. */
  onRecord(item: Extract<Scanned, { kind: 'record' }>, segment: number, proof: Proof, place: DamagePlace): number {
    const { header } = item;
    this.#closeOpen(header.newestInstance);
    this.#order += 1;
    this.#sawChosenTo(header.chosenTo);
    this.newestInLog = Math.max(this.newestInLog, header.newestInstance);
    if (!item.intact) this.#onDamagedPayload(header, proof, place);
    else if (header.type === 'hidden') this.#repeatMark(decodeHidden(item.payload), place);
    else if (header.type === 'settled') this.#hidden = this.#hidden.filter(({ isMark }) => !isMark);
    else if (header.type === 'accepted' || header.type === 'chosen') this.#take(header, header.type, segment);
    return this.#order;
  }

  /** Nothing follows. */
  end(): void {
    this.#closeOpen(undefined);
  }

  get lastInstance(): number {
    return [...this.inHand.keys()].reduce((last, instance) => Math.max(last, instance), this.#checkpointInstance);
  }

  /** The last instance that is proved chosen, with all before it down to the checkpoint. */
  get chosenTo(): number {
    let chosenTo = this.#checkpointInstance;
    for (;;) {
      const record = this.inHand.get(chosenTo + 1);
      if (record === undefined) return chosenTo;
      const isProved = chosenTo < this.#proof.chosenTo && record.firstOrder < this.#proof.order;
      if (record.kind !== 'chosen' && !isProved) return chosenTo;
      chosenTo += 1;
    }
  }

  /** Of which unreadable places a record of the instance might have decided over the one in hand. */
  doubtsOf(instance: number): Proof | undefined {
    const record = this.inHand.get(instance);
    if (record?.kind === 'chosen') return undefined;
    const proofs = this.#hidden
      .filter(
        ({ above, to, order }) =>
          instance > above && (to === undefined || instance <= to) && order > (record?.order ?? 0),
      )
      .map(({ proof }) => proof);
    return proofs.includes('damaged') ? 'damaged' : proofs[0];
  }

  /** The highest instance of which a record may be hidden, where that is known; else the proof of the open end. */
  get hiddenEnd(): { readonly to: number; readonly openProof: Proof | undefined } {
    const open = this.#hidden.filter(({ to }) => to === undefined).map(({ proof }) => proof);
    const openProof = open.includes('damaged') ? 'damaged' : open[0];
    return { to: this.#hidden.reduce((highest, { to }) => Math.max(highest, to ?? 0), 0), openProof };
  }

  #sawChosenTo(chosenTo: number): void {
    this.#lastChosenTo = Math.max(this.#lastChosenTo, chosenTo);
    if (!this.#isLimited) this.#proof = { chosenTo: this.#lastChosenTo, order: this.#order };
  }

  #closeOpen(newestInstance: number | undefined): void {
    const open = this.#open;
    this.#open = undefined;
    if (open !== undefined) this.#hide({ ...open, to: newestInstance });
  }

  #onDamagedPayload(header: RecordHeader, proof: Proof, place: DamagePlace): void {
    const isInstance = header.type === 'accepted' || header.type === 'chosen';
    // A mark whose payload is gone hides as much as an unreadable place.
    if (!isInstance) this.onUnreadable(proof, place);
    else this.#hide({ above: header.instance - 1, to: header.instance, proof, order: this.#order, place });
  }

  /** An earlier boot cut here. It knew what it had, so that what it called chosen later is proved all the same. */
  #repeatMark(range: HiddenRange, place: DamagePlace): void {
    this.#hidden.push({ ...range, proof: 'ambiguous', order: this.#order, place, isMark: true });
  }

  #hide(hidden: Hidden): void {
    this.#hidden.push(hidden);
    if (this.#matters(hidden)) this.#isLimited = true;
  }

  #matters({ to, above }: HiddenRange): boolean {
    return to === undefined || (to > this.#checkpointInstance && to > above);
  }

  #take(header: RecordHeader, kind: 'accepted' | 'chosen', segment: number): void {
    if (kind === 'accepted' && compareBallots(header.ballot, this.highestAccepted) > 0) {
      this.highestAccepted = header.ballot;
    }
    if (header.instance <= this.#checkpointInstance) return;
    const record = { kind, ballot: header.ballot, segment, offset: header.offset, order: this.#order };
    const old = this.inHand.get(header.instance);
    if (old !== undefined && !decides(record, old)) return;
    this.inHand.set(header.instance, { ...record, firstOrder: old?.firstOrder ?? this.#order });
  }
}
