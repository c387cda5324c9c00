import { assert } from '../../base/assert.ts';
import type { TailView } from '../live-documents.ts';
import { dedupeKey } from './dedupe.ts';
import { DocumentMap } from './document-map.ts';
import { DropQueue } from './drop-queue.ts';
import type { DedupeEntry, DocumentRow, EventEffect, InstanceEffects } from './types.ts';

/** One document's part of the tail. */
interface TailDocument {
  row: DocumentRow;
  /** Of its events, ascending. */
  readonly positions: DropQueue<number>;
}

/** What came from one instance that left something. */
interface TailInstance {
  readonly instance: number;
  readonly events: readonly EventEffect[];
  readonly rows: readonly DocumentRow[];
  readonly dedupe: readonly DedupeEntry[];
  readonly bytes: number;
}

/** Beside texts: row, event, map entries, positions and the strings of their names, measured with small documents. */
const eventBytes = 450;
const dedupeBytes = 450;
const twoByteText = /[\u0100-\uffff]/;

/**
 * What the live state keeps in memory above the durable checkpoint: event lines, latest rows, dedupe entries. One owner
 * pushes and prunes.
 */
export class Tail implements TailView {
  readonly #instances = new DropQueue<TailInstance>();
  readonly #events = new DropQueue<EventEffect>();
  readonly #documents = new DocumentMap<TailDocument>();
  readonly #dedupe = new Map<string, DedupeEntry>();
  #firstPosition = 0;
  #bytes = 0;

  /** Effects of the next instance that is applied. */
  push({ instance, events, rows, dedupe }: InstanceEffects): void {
    if (events.length === 0 && dedupe.length === 0) return;
    const last = this.#instances.at(this.#instances.length - 1);
    assert(last === undefined || last.instance < instance, 'instances come in order');
    const bytes = bytesOf(events, rows, dedupe);
    this.#instances.push({ instance, events, rows, dedupe, bytes });
    this.#bytes += bytes;
    for (const row of rows) this.#putRow(row);
    for (const event of events) this.#putEvent(event);
    for (const entry of dedupe) this.#dedupe.set(dedupeKey(entry.actor, entry.key, entry.line), entry);
  }

  /**
   * Drops all that came from instances at or below one that the durable checkpoint covers. A row that changed again
   * above it stays.
   */
  prune(instance: number): void {
    for (;;) {
      const oldest = this.#instances.at(0);
      if (oldest === undefined || oldest.instance > instance) return;
      this.#instances.drop(1);
      this.#drop(oldest);
    }
  }

  row(collection: string, documentId: string): DocumentRow | undefined {
    return this.#documents.get(collection, documentId)?.row;
  }

  dedupe(actor: string, key: string, line: number): DedupeEntry | undefined {
    return this.#dedupe.get(dedupeKey(actor, key, line));
  }

  get firstPosition(): number {
    return this.#events.length === 0 ? 0 : this.#firstPosition;
  }

  /** About what it takes of the heap. */
  get bytes(): number {
    return this.#bytes;
  }

  line(position: number): string | undefined {
    return this.#events.at(position - this.#firstPosition)?.line;
  }

  lines(after: number, countMax: number): readonly EventEffect[] {
    const start = Math.max(after + 1 - this.#firstPosition, 0);
    return this.#events.slice(start, Math.min(start + Math.max(countMax, 0), this.#events.length));
  }

  positionsOf(collection: string, documentId: string): readonly number[] {
    return this.#documents.get(collection, documentId)?.positions.slice(0) ?? [];
  }

  /** States how its parts belong together; walks all of them. */
  checkInvariants(): void {
    const instances = this.#instances.slice(0);
    const sum = instances.reduce((bytes, part) => bytes + part.bytes, 0);
    assert(sum === this.#bytes, 'the bytes of the tail are the sum of its instances', { sum, bytes: this.#bytes });
    const events = instances.flatMap((part) => part.events);
    assert(events.length === this.#events.length, 'each event of the tail came from one of its instances');
    events.forEach((event, index) => {
      assert(event === this.#events.at(index), 'events stand in the order of their instances', { index });
      assert(event.position === this.firstPosition + index, 'positions have no gaps', { position: event.position });
    });
    const positions = this.#documents.values().reduce((count, document) => count + document.positions.length, 0);
    assert(positions === events.length, 'each event belongs to one document of the tail', { positions });
    for (const { row, positions: own } of this.#documents.values()) {
      assert(row.position === own.at(own.length - 1), 'a row of the tail is its last event', {
        position: row.position,
      });
    }
    const entries = new Set(instances.flatMap((part) => part.dedupe));
    for (const entry of this.#dedupe.values()) assert(entries.has(entry), 'a dedupe entry came from its instances');
  }

  #putRow(row: DocumentRow): void {
    const document = this.#documents.get(row.collection, row.documentId);
    if (document === undefined) {
      this.#documents.set(row.collection, row.documentId, { row, positions: new DropQueue() });
    } else document.row = row;
  }

  #putEvent(event: EventEffect): void {
    if (this.#events.length === 0) this.#firstPosition = event.position;
    assert(event.position === this.#firstPosition + this.#events.length, 'positions have no gaps');
    this.#events.push(event);
    const document = this.#documents.get(event.collection, event.documentId);
    assert(document !== undefined, 'an event comes with the row that it leaves');
    document.positions.push(event.position);
  }

  #drop({ events, dedupe, bytes }: TailInstance): void {
    this.#bytes -= bytes;
    this.#events.drop(events.length);
    this.#firstPosition += events.length;
    for (const { collection, documentId } of events) {
      const positions = this.#documents.get(collection, documentId)?.positions;
      positions?.drop(1);
      if (positions?.length === 0) this.#documents.delete(collection, documentId);
    }
    for (const entry of dedupe) {
      const key = dedupeKey(entry.actor, entry.key, entry.line);
      if (this.#dedupe.get(key) === entry) this.#dedupe.delete(key);
    }
  }
}

function bytesOf(events: readonly EventEffect[], rows: readonly DocumentRow[], dedupe: readonly DedupeEntry[]): number {
  let bytes = events.length * eventBytes + dedupe.length * dedupeBytes;
  for (const { line } of events) bytes += twoByteText.test(line) ? line.length * 2 : line.length;
  const first = events[0]?.position ?? 0;
  for (const { position, body } of rows) {
    // A body at the end of its line is a slice of it; the result of a patch is a text of its own.
    const line = events[position - first]?.line ?? '';
    if (line.slice(-body.length - 1, -1) !== body) bytes += body.length;
  }
  for (const { result } of dedupe) bytes += result.length;
  return bytes;
}
