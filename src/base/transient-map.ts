/** Deletions after which a map begins anew, at least. */
const deletionsMin = 64;

/**
 * A map for entries that come and go. In V8 the table of a `Map` is replaced as entries go, and an old table points to
 * the one that followed it: once a table that is no longer used has grown old with the garbage collector, all that later
 * tables ever held stays in memory until the next full collection. Measured: a third of the garbage of every request,
 * and twice its time. So this one begins anew, in a map of its own, before such a chain grows long.
 *
 * Iterating sees the entries as they were when it began, or as they are.
 */
export class TransientMap<Key, Value> {
  #map = new Map<Key, Value>();
  #deletions = 0;

  get size(): number {
    return this.#map.size;
  }

  get(key: Key): Value | undefined {
    return this.#map.get(key);
  }

  has(key: Key): boolean {
    return this.#map.has(key);
  }

  set(key: Key, value: Value): void {
    this.#map.set(key, value);
  }

  delete(key: Key): boolean {
    if (!this.#map.delete(key)) return false;
    this.#deletions++;
    if (this.#deletions >= deletionsMin && this.#deletions >= this.#map.size) {
      this.#map = new Map(this.#map);
      this.#deletions = 0;
    }
    return true;
  }

  clear(): void {
    this.#map = new Map();
    this.#deletions = 0;
  }

  keys(): MapIterator<Key> {
    return this.#map.keys();
  }

  values(): MapIterator<Value> {
    return this.#map.values();
  }

  entries(): MapIterator<[Key, Value]> {
    return this.#map.entries();
  }

  [Symbol.iterator](): MapIterator<[Key, Value]> {
    return this.#map[Symbol.iterator]();
  }
}
