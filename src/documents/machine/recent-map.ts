import { DocumentMap } from './document-map.ts';

/**
 * What was used lately of something kept for each document, up to a number of bytes. There are two generations: what is
 * used comes into the younger, and when that has half of the bytes the older is dropped whole. So the last half is held
 * for sure and more by chance; an order of use would cost each access twice as much, and a name of its own.
 */
export class RecentMap<Value> {
  readonly #generationBytes: number;
  readonly #bytesOf: (value: Value) => number;
  #younger = new DocumentMap<Value>();
  #older = new DocumentMap<Value>();
  #youngerBytes = 0;

  constructor(bytesMax: number, bytesOf: (value: Value) => number) {
    this.#generationBytes = bytesMax / 2;
    this.#bytesOf = bytesOf;
  }

  get(collection: string, documentId: string): Value | undefined {
    const value = this.#younger.get(collection, documentId);
    if (value !== undefined) return value;
    const older = this.#older.get(collection, documentId);
    if (older !== undefined) this.set(collection, documentId, older);
    return older;
  }

  /** In place of what was there. Too large a value is only forgotten. */
  set(collection: string, documentId: string, value: Value): void {
    const replaced = this.#younger.get(collection, documentId);
    if (replaced !== undefined) this.#youngerBytes -= this.#bytesOf(replaced);
    const bytes = this.#bytesOf(value);
    if (bytes > this.#generationBytes) {
      this.#younger.delete(collection, documentId);
      this.#older.delete(collection, documentId);
      return;
    }
    if (this.#youngerBytes + bytes > this.#generationBytes) {
      this.#older = this.#younger;
      this.#younger = new DocumentMap();
      this.#youngerBytes = 0;
    }
    this.#younger.set(collection, documentId, value);
    this.#youngerBytes += bytes;
  }
}
