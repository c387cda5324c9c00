import { assert } from '../base/assert.ts';
import { TransientMap } from '../base/transient-map.ts';
import type { LogRecord } from './log.ts';
import { decides } from './segment-index.ts';

const compactAfter = 1024;

/** The newest durable records, up to a number of bytes: what followers and the Replayer ask for is nearly always here. */
export class RecentRecords {
  readonly #bytesMax: number;
  readonly #records = new TransientMap<number, LogRecord>();
  /** In the order of arrival from `#oldest` on; one that is not in `#records` any more is passed over. */
  #arrivals: LogRecord[] = [];
  #oldest = 0;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(instance: number): LogRecord | undefined {
    return this.#records.get(instance);
  }

  put(record: LogRecord): void {
    const old = this.#records.get(record.instance);
    if (old !== undefined) {
      if (!decides(record, old)) return;
      this.#bytes -= old.value.byteLength;
    }
    this.#records.set(record.instance, record);
    this.#arrivals.push(record);
    this.#bytes += record.value.byteLength;
    while (this.#bytes > this.#bytesMax) this.#evictOldest();
  }

  #evictOldest(): void {
    const record = this.#arrivals[this.#oldest];
    assert(record !== undefined, 'what is counted has arrived');
    this.#oldest += 1;
    if (this.#records.get(record.instance) === record) {
      this.#records.delete(record.instance);
      this.#bytes -= record.value.byteLength;
    }
    // Taking from the front of an array, or of a map, costs more the longer it is.
    if (this.#oldest < compactAfter || this.#oldest * 2 < this.#arrivals.length) return;
    this.#arrivals = this.#arrivals.slice(this.#oldest);
    this.#oldest = 0;
  }
}
