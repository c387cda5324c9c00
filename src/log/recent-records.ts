import type { LogRecord } from './log.ts';
import { decides } from './segment-index.ts';

/** The newest durable records, up to a number of bytes: what followers and the Replayer ask for is nearly always here. */
export class RecentRecords {
  readonly #bytesMax: number;
  readonly #records = new Map<number, LogRecord>();
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
      this.#forget(old);
    }
    this.#records.set(record.instance, record);
    this.#bytes += record.value.byteLength;
    if (this.#bytes > this.#bytesMax) this.#evict();
  }

  dropBelow(instance: number): void {
    for (const record of this.#records.values()) if (record.instance < instance) this.#forget(record);
  }

  #evict(): void {
    for (const record of this.#records.values()) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#forget(record);
    }
  }

  #forget(record: LogRecord): void {
    this.#records.delete(record.instance);
    this.#bytes -= record.value.byteLength;
  }
}
