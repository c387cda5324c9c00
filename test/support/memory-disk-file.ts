/** What a power cut keeps or loses as one. */
export const sectorBytes = 512;

/** The content of one file: as it can be read, and as the platter has it. */
export class MemoryFile {
  /** Longer than the file where it grew by doubling; zero beyond its end. */
  #readable = new Uint8Array(0);
  #durable = new Uint8Array(0);
  #durableBytes = 0;
  /** Sectors written and not synced since. */
  readonly #dirty = new Set<number>();
  bytes = 0;

  read(offset: number, length: number): Uint8Array {
    return this.#readable.slice(offset, Math.min(this.bytes, offset + length));
  }

  write(offset: number, bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    const end = offset + bytes.byteLength;
    this.#readable = grown(this.#readable, end);
    this.#readable.set(bytes, offset);
    this.bytes = Math.max(this.bytes, end);
    for (let sector = Math.floor(offset / sectorBytes); sector * sectorBytes < end; sector += 1)
      this.#dirty.add(sector);
  }

  truncate(bytes: number): void {
    if (bytes < this.bytes) {
      this.#readable.fill(0, bytes, this.bytes);
      this.#dirty.add(Math.floor(bytes / sectorBytes));
    }
    this.#readable = grown(this.#readable, bytes);
    this.bytes = bytes;
  }

  sync(): void {
    for (const sector of this.#dirty) this.#persist(sector);
    this.#dirty.clear();
    this.#durable.fill(0, this.bytes);
    this.#durableBytes = this.bytes;
  }

  /** The pages are marked clean although they were not written: readable until the power goes. */
  failSync(): void {
    this.#dirty.clear();
  }

  /** Each unsynced sector, and the length, survives if the coin says so; the rest is as at the last sync. */
  powerCut(survives: () => boolean): void {
    for (const sector of this.#dirty) if (survives()) this.#persist(sector);
    this.#dirty.clear();
    if (survives()) this.#durableBytes = this.bytes;
    this.#durable.fill(0, this.#durableBytes);
    this.bytes = this.#durableBytes;
    this.#readable = grown(this.#durable.slice(), this.bytes);
  }

  /** Replaces the content, on the platter too. */
  rot(bytes: Uint8Array): void {
    this.#readable = bytes.slice();
    this.#durable = bytes.slice();
    this.bytes = bytes.byteLength;
    this.#durableBytes = bytes.byteLength;
    this.#dirty.clear();
  }

  clone(): MemoryFile {
    const copy = new MemoryFile();
    copy.#readable = this.#readable.slice();
    copy.#durable = this.#durable.slice();
    copy.#durableBytes = this.#durableBytes;
    copy.bytes = this.bytes;
    for (const sector of this.#dirty) copy.#dirty.add(sector);
    return copy;
  }

  #persist(sector: number): void {
    const first = sector * sectorBytes;
    const page = this.#readable.subarray(first, first + sectorBytes);
    if (page.byteLength === 0) return;
    this.#durable = grown(this.#durable, first + page.byteLength);
    this.#durable.set(page, first);
  }
}

/** The same bytes with room for `bytes`, zero beyond the old ones. */
function grown(old: Uint8Array<ArrayBuffer>, bytes: number): Uint8Array<ArrayBuffer> {
  if (old.byteLength >= bytes) return old;
  const larger = new Uint8Array(Math.max(bytes, old.byteLength * 2, sectorBytes));
  larger.set(old);
  return larger;
}
