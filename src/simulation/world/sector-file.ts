/** What a power cut keeps or loses as one. */
export const sectorBytes = 512;

/** Where a synced sector ends up: where it belongs, nowhere, or over the sector of this number. */
export type Landing = 'lands' | 'lost' | number;

/** What a sync will have made durable when it is done: what was there when it was asked for. */
export interface SyncCapture {
  /** Sectors that were dirty, with their content of then where it has been written over since. */
  readonly sectors: Map<number, Uint8Array | undefined>;
  readonly bytes: number;
}

/**
 * The content of one file, twice: as the running machine reads it (its page cache), and as the platter has it. A write
 * changes only the first. Copies share their bytes until one of them is written to.
 */
export class SectorFile {
  /** Both may be longer than the file; zero beyond its end. */
  #readable = new Uint8Array(0);
  #platter = new Uint8Array(0);
  #ownsReadable = true;
  #ownsPlatter = true;
  #platterBytes = 0;
  /** The end of everything that ever landed on the platter since it was cut. */
  #platterHigh = 0;
  readonly #dirty = new Set<number>();
  #captures: SyncCapture[] = [];
  /** Sectors whose synced content goes with the next sync of this file, and what is there then. */
  readonly #going = new Map<number, Uint8Array>();
  /** Sectors that the platter does not give any more. */
  readonly #lost = new Set<number>();
  /** Length as the machine sees it. */
  bytes = 0;

  read(offset: number, length: number): Uint8Array {
    return this.#readable.slice(offset, Math.max(offset, Math.min(this.bytes, offset + length)));
  }

  /** `flushesEarly` is asked for every sector: whether it reaches the platter now, before anybody syncs. */
  write(offset: number, bytes: Uint8Array, flushesEarly: () => boolean = () => false): void {
    if (bytes.byteLength === 0) return;
    const end = offset + bytes.byteLength;
    for (let sector = Math.floor(offset / sectorBytes); sector * sectorBytes < end; sector += 1) {
      this.#keepForSyncs(sector);
      this.#dirty.add(sector);
    }
    this.#makeReadable(end);
    this.#readable.set(bytes, offset);
    this.bytes = Math.max(this.bytes, end);
    if (this.#lost.size > 0) this.#findAgain(offset, end);
    for (let sector = Math.floor(offset / sectorBytes); sector * sectorBytes < end; sector += 1)
      if (flushesEarly()) this.#persist(sector, this.#page(sector));
  }

  truncate(bytes: number): void {
    this.#makeReadable(bytes);
    if (bytes < this.bytes) {
      for (let sector = Math.floor(bytes / sectorBytes); sector * sectorBytes < this.bytes; sector += 1)
        this.#keepForSyncs(sector);
      this.#readable.fill(0, bytes, this.bytes);
      this.#dirty.add(Math.floor(bytes / sectorBytes));
    }
    this.bytes = bytes;
  }

  /** A sync was asked for: what is written from now on is not in it. */
  beginSync(): SyncCapture {
    const sectors = new Map<number, Uint8Array | undefined>();
    for (const sector of this.#dirty) sectors.set(sector, undefined);
    const capture = { sectors, bytes: this.bytes };
    this.#captures.push(capture);
    return capture;
  }

  /**
   * The sync is done. `landing` is asked for every sector. One that did not land shows the older content from the next
   * sync of this file on: a disk that forgets the very last write is as if it had never been asked, and nobody can tell.
   */
  endSync(capture: SyncCapture, landing: (sector: number) => Landing = () => 'lands'): void {
    this.dropSync(capture);
    for (const [sector, older] of this.#going) if (!capture.sectors.has(sector)) this.#persist(sector, older);
    this.#going.clear();
    if (capture.sectors.size > 0) this.#makePlatter(Math.min(capture.bytes, this.bytes));
    for (const [sector, older] of capture.sectors) {
      const content = older ?? this.#page(sector);
      const place = landing(sector);
      if (place !== 'lands') this.#going.set(sector, this.#onPlatter(sector));
      this.#persist(sector, content);
      if (typeof place === 'number' && place !== sector) this.#persist(place, content);
      if (older === undefined) this.#dirty.delete(sector);
    }
    this.#setPlatterBytes(capture.bytes);
  }

  /** The sync failed: its pages count as clean although they were not written, and are readable until the power goes. */
  failSync(capture: SyncCapture): void {
    this.dropSync(capture);
    for (const [sector, older] of capture.sectors) if (older === undefined) this.#dirty.delete(sector);
  }

  /** The process that asked for the sync is gone, and nothing of it happened: its pages stay dirty. */
  dropSync(capture: SyncCapture): void {
    this.#captures = this.#captures.filter((other) => other !== capture);
  }

  /**
   * What was not synced is decided by `pick`, which answers a whole number below its argument: each dirty sector is as
   * it was on the platter, or as it is. Then the length: as it was, as it is, or in between.
   */
  powerCut(pick: (choices: number) => number): void {
    for (const sector of this.#dirty) if (pick(2) === 1) this.#persist(sector, this.#page(sector));
    this.#dirty.clear();
    this.#going.clear();
    const grown = this.bytes - this.#platterBytes;
    const lengths = [this.#platterBytes, this.bytes, this.#platterBytes + (grown > 0 ? pick(grown) : 0)];
    this.#setPlatterBytes(lengths[grown === 0 ? 0 : pick(3)] ?? this.bytes);
    this.#readable = this.#platter;
    this.#ownsReadable = false;
    this.#ownsPlatter = false;
    this.bytes = this.#platterBytes;
    if (this.#readable.byteLength < this.bytes) this.#makeReadable(this.bytes);
  }

  /** The pages of these bytes leave the cache, except those that are still to be written. */
  evict(offset: number, length: number): void {
    const end = Math.min(this.bytes, offset + length);
    for (let sector = Math.floor(offset / sectorBytes); sector * sectorBytes < end; sector += 1) {
      if (this.#dirty.has(sector)) continue;
      const first = sector * sectorBytes;
      const page = this.#platter.slice(first, first + Math.min(sectorBytes, this.bytes - first));
      this.#makeReadable(this.bytes);
      this.#readable.fill(0, first, Math.min(first + sectorBytes, this.bytes));
      this.#readable.set(page, first);
    }
  }

  /** Replaces bytes in place, on the platter and where they can be read: rot, or somebody's hand. */
  damage(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.byteLength;
    this.#makeReadable(end);
    this.#makePlatter(end);
    this.#readable.set(bytes, offset);
    this.#platter.set(bytes, offset);
    this.#platterHigh = Math.max(this.#platterHigh, end);
  }

  /** A sector fails every read that touches it, until it is written over whole. */
  lose(sector: number): void {
    this.#lost.add(sector);
  }

  canRead(offset: number, length: number): boolean {
    const end = Math.min(this.bytes, offset + length);
    for (const sector of this.#lost) {
      if (sector * sectorBytes < end && offset < (sector + 1) * sectorBytes) return false;
    }
    return true;
  }

  /** Replaces the whole content, on the platter too: somebody's hand. */
  replace(bytes: Uint8Array): void {
    this.#readable = bytes.slice();
    this.#platter = bytes.slice();
    this.#ownsReadable = true;
    this.#ownsPlatter = true;
    this.bytes = bytes.byteLength;
    this.#platterBytes = bytes.byteLength;
    this.#platterHigh = bytes.byteLength;
    this.#dirty.clear();
    this.#lost.clear();
  }

  clone(): SectorFile {
    const copy = new SectorFile();
    copy.#readable = this.#readable;
    copy.#platter = this.#platter;
    copy.#platterBytes = this.#platterBytes;
    copy.#platterHigh = this.#platterHigh;
    copy.bytes = this.bytes;
    for (const sector of this.#dirty) copy.#dirty.add(sector);
    for (const sector of this.#lost) copy.#lost.add(sector);
    for (const [sector, older] of this.#going) copy.#going.set(sector, older);
    for (const file of [this, copy]) {
      file.#ownsReadable = false;
      file.#ownsPlatter = false;
    }
    return copy;
  }

  /** The content of a sector as it can be read, short at the end of the file: not a copy. */
  #page(sector: number): Uint8Array {
    const first = sector * sectorBytes;
    return this.#readable.subarray(first, Math.max(first, Math.min(first + sectorBytes, this.bytes)));
  }

  /** A whole sector as the platter has it, zero beyond the end. */
  #onPlatter(sector: number): Uint8Array {
    const content = new Uint8Array(sectorBytes);
    content.set(this.#platter.subarray(sector * sectorBytes, (sector + 1) * sectorBytes));
    return content;
  }

  #persist(sector: number, page: Uint8Array): void {
    if (page.byteLength === 0) return;
    const first = sector * sectorBytes;
    this.#makePlatter(first + page.byteLength);
    this.#platter.set(page, first);
    this.#platterHigh = Math.max(this.#platterHigh, first + page.byteLength);
  }

  #setPlatterBytes(bytes: number): void {
    if (this.#platterHigh > bytes) {
      this.#makePlatter(this.#platterHigh);
      this.#platter.fill(0, bytes, this.#platterHigh);
    }
    this.#platterHigh = Math.min(this.#platterHigh, bytes);
    this.#platterBytes = bytes;
  }

  /** A disk puts what is written to a bad sector elsewhere. */
  #findAgain(offset: number, end: number): void {
    for (const sector of this.#lost) {
      if (offset <= sector * sectorBytes && (sector + 1) * sectorBytes <= end) this.#lost.delete(sector);
    }
  }

  #keepForSyncs(sector: number): void {
    for (const { sectors } of this.#captures) {
      if (sectors.has(sector) && sectors.get(sector) === undefined) sectors.set(sector, this.#page(sector).slice());
    }
  }

  #makeReadable(bytes: number): void {
    if (this.#ownsReadable && this.#readable.byteLength >= bytes) return;
    this.#readable = grown(this.#readable, bytes);
    this.#ownsReadable = true;
  }

  #makePlatter(bytes: number): void {
    if (this.#ownsPlatter && this.#platter.byteLength >= bytes) return;
    this.#platter = grown(this.#platter, bytes);
    this.#ownsPlatter = true;
  }
}

/** A copy with room for `bytes`, zero beyond the old ones. */
function grown(old: Uint8Array<ArrayBuffer>, bytes: number): Uint8Array<ArrayBuffer> {
  if (old.byteLength >= bytes) return old.slice();
  const larger = new Uint8Array(Math.max(bytes, old.byteLength * 2, sectorBytes));
  larger.set(old);
  return larger;
}
