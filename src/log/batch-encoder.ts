import type { Hashes } from '../base/hashes.ts';
import { ballotZero } from '../paxos/ballot.ts';
import { encodeRecord, type RecordHeader, recordBytes, type Seal } from './format.ts';
import type { LogRecord } from './log.ts';

/** What is the same for every record of one write. */
export interface BatchFacts {
  readonly segment: number;
  /** Where the write begins in the segment, which is also the end of what is durable. */
  readonly offset: number;
  readonly time: number;
}

/** Puts the records of one write into one buffer, which is used again for the next. */
export class BatchEncoder {
  readonly #seal: Seal;
  readonly #hashes: Hashes;
  #bytes = Buffer.allocUnsafeSlow(64 * 1024);
  #length = 0;
  #facts: BatchFacts = { segment: 0, offset: 0, time: 0 };
  /** The newest instance in the log, what is encoded already included. */
  newestInstance: number;

  constructor(seal: Seal, hashes: Hashes, newestInstance: number) {
    this.#seal = seal;
    this.#hashes = hashes;
    this.newestInstance = newestInstance;
  }

  begin(facts: BatchFacts, bytesMax: number): void {
    if (this.#bytes.byteLength < bytesMax)
      this.#bytes = Buffer.allocUnsafeSlow(Math.max(bytesMax, this.#bytes.byteLength * 2));
    this.#facts = facts;
    this.#length = 0;
  }

  /** Returns the record's offset in the segment. */
  add(record: LogRecord, chosenTo: number): number {
    this.newestInstance = Math.max(this.newestInstance, record.instance);
    return this.#put(record.kind, record.instance, record.ballot, record.value, chosenTo);
  }

  addMark(type: 'seal' | 'hidden' | 'settled', payload: Uint8Array, chosenTo: number): number {
    return this.#put(type, 0, ballotZero, payload, chosenTo);
  }

  /** A view of what was put in, good until `begin` is called again. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #put(
    type: RecordHeader['type'],
    instance: number,
    ballot: RecordHeader['ballot'],
    payload: Uint8Array,
    chosenTo: number,
  ): number {
    const { segment, time } = this.#facts;
    const offset = this.#facts.offset + this.#length;
    const header = {
      type,
      instance,
      ballot,
      durableTo: this.#facts.offset,
      chosenTo,
      newestInstance: this.newestInstance,
      time,
    };
    const place = { bytes: this.#bytes, position: this.#length, segment, offset };
    this.#length += encodeRecord(place, header, payload, this.#seal, this.#hashes);
    return offset;
  }
}

/** Bytes of these records in a segment. */
export function bytesOf(records: readonly LogRecord[]): number {
  return records.reduce((sum, record) => sum + recordBytes(record.value.byteLength), 0);
}
