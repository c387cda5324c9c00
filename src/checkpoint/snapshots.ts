import type { Clock } from '../base/clock.ts';
import type { Disk } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import type { Observer } from '../base/observer.ts';
import type { Random } from '../base/random.ts';
import { discardDirectory, makeDurableDirectory, readSmallFile, trashPrefix, writeNewFile } from './files.ts';
import { type Manifest, manifestBytesMax, manifestName, readManifest, type SealedManifest } from './manifest.ts';
import { randomId } from './random-id.ts';
import type { ReaderLocks } from './snapshot-locks.ts';
import { TarLayout, tarBytes } from './tar-layout.ts';
import { readTar } from './tar-writer.ts';

export const sealingPrefix = '.sealing-';
export const readersName = 'readers';
/** Made by Loggos itself: retention may take it. Without it a snapshot stays until somebody deletes it. */
export const automaticName = 'automatic';
/** Was read back whole and found to be what it says. */
export const verifiedName = 'verified';
/** This replica's own locks begin so; those of its earlier lives are known to be dead. */
const ownLockPrefix = 'replica-';
const automaticKept = 2;
/** A snapshot that was begun to be downloaded can be resumed for so long. */
const begunMs = 3_600_000;
/** So many copies at most stay because their download was begun. */
const begunMax = 3;

/** As `GET /v1/snapshots` shows it. */
export interface SnapshotInfo {
  readonly instance: number;
  readonly position: number;
  readonly time: string;
  /** Of the tar. */
  readonly bytes: number;
  readonly digest: string;
  readonly locks: number;
}

/** A snapshot's tar, held (one reader's lock) until `release`. */
export interface SnapshotTar {
  readonly instance: number;
  readonly bytes: number;
  /** The manifest's seal. */
  readonly etag: string;
  readonly manifest: Manifest;
  /** The bytes `first` to `last` (inclusive). @throws LoggosError `busy` when the lock was lost */
  read(first: number, last: number): AsyncIterable<Uint8Array>;
  release(): Promise<void>;
}

interface Entry {
  readonly info: Omit<SnapshotInfo, 'locks'>;
  automatic: boolean;
  verified: boolean;
  readerCount: number;
  removing: boolean;
  /** Resolves when what last changed its directory has ended: those that do take turns. */
  changed: Promise<unknown>;
  /** Monotonic; when a reader last began, or ended before it had all. */
  begunAt: number | undefined;
  /** Since this start: what was there at boot counts for no client. */
  begunHere: boolean;
}

export interface SnapshotsOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  readonly locks: ReaderLocks;
  /** `<database>/snapshots` */
  readonly directory: string;
}

/** The sealed snapshots of one database: listed, read, dropped. Sealing is `SnapshotSealer`'s. */
export class Snapshots {
  readonly #options: SnapshotsOptions;
  readonly #entries = new Map<number, Entry>();
  #cancelRetention: (() => void) | undefined;
  #closed = false;

  private constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  /** Removes what a crash left behind and lists what is whole. A damaged one is reported and left to the operator. */
  static async open(options: SnapshotsOptions): Promise<Snapshots> {
    const { disk, directory, observer } = options;
    const snapshots = new Snapshots(options);
    await makeDurableDirectory(disk, directory, 1);
    for (const name of await disk.list(directory)) {
      if (name.startsWith(sealingPrefix) || name.startsWith(trashPrefix)) await disk.removeTree(`${directory}/${name}`);
      else if (/^[1-9][0-9]*$/.test(name)) {
        await snapshots.#load(Number(name)).catch((error: unknown) => {
          observer.report('error', 'snapshot-damaged', { snapshot: name, error: String(error) });
        });
      }
    }
    // A download may be resumed after a restart as well.
    for (const entry of snapshots.#entries.values()) entry.begunAt = options.clock.monotonic();
    snapshots.#scheduleRetention();
    return snapshots;
  }

  get directory(): string {
    return this.#options.directory;
  }

  /** The newest instance that a snapshot is of; undefined: none. */
  get newestInstance(): number | undefined {
    return this.#newest(() => true);
  }

  /** The newest instance of a snapshot that Loggos has verified by itself. */
  get newestVerifiedInstance(): number | undefined {
    return this.#newest((entry) => entry.verified);
  }

  has(instance: number): boolean {
    return this.#entries.has(instance);
  }

  /** Oldest first. */
  async list(): Promise<readonly SnapshotInfo[]> {
    const instances = [...this.#entries.keys()].sort((left, right) => left - right);
    const list: SnapshotInfo[] = [];
    for (const instance of instances) {
      const entry = this.#entries.get(instance);
      if (entry === undefined) continue;
      list.push({ ...entry.info, locks: entry.readerCount + (await this.#foreignLocks(instance)) });
    }
    return list;
  }

  /** @throws LoggosError `not-found` */
  async info(instance: number): Promise<SnapshotInfo> {
    const entry = this.#find(instance);
    return { ...entry.info, locks: entry.readerCount + (await this.#foreignLocks(instance)) };
  }

  /** Takes a reader's lock. @throws LoggosError `not-found`, `snapshot-damaged` */
  async open(instance: number): Promise<SnapshotTar> {
    const entry = this.#find(instance);
    const { disk, random, locks, observer } = this.#options;
    const directory = this.#path(instance);
    // Counted before anything is awaited: a removal that begins later sees it.
    entry.readerCount += 1;
    let lost: Error | undefined;
    try {
      const sealed = await readSealedManifest(disk, directory);
      const layout = await TarLayout.load(disk, directory, sealed);
      const lockName = `${ownLockPrefix}${randomId(random)}.lock`;
      const release = await locks.acquire(`${directory}/${readersName}/${lockName}`, (error) => {
        lost = error;
        observer.count('snapshot_locks_lost');
        observer.report('warn', 'snapshot-lock-lost', { instance, error: error.message });
      });
      const { begunAt, begunHere } = entry;
      this.#begun(entry);
      const beganAt = entry.begunAt;
      let isWhole = false;
      const checkLock = () => {
        if (lost !== undefined) throw new LoggosError('busy', 'The lock on the snapshot was lost', {}, lost);
      };
      let released = false;
      return {
        instance,
        bytes: layout.bytes,
        etag: sealed.seal,
        manifest: sealed.manifest,
        read: (first, last) =>
          withCheck(readTar(disk, directory, layout, first, last), checkLock, () => {
            isWhole ||= first === 0 && last === layout.bytes - 1;
          }),
        release: async () => {
          if (released) return;
          released = true;
          entry.readerCount -= 1;
          // Who has all of it resumes nothing; another reader may still.
          if (!isWhole) this.#begun(entry);
          else if (entry.begunAt === beganAt && entry.readerCount === 0) Object.assign(entry, { begunAt, begunHere });
          await release();
          if (isWhole && !this.#closed) await this.retain();
        },
      };
    } catch (error) {
      entry.readerCount -= 1;
      throw error;
    }
  }

  /** @throws LoggosError `not-found`, `in-use` */
  async remove(instance: number): Promise<void> {
    const entry = this.#find(instance);
    const { disk, directory, random } = this.#options;
    entry.removing = true;
    await inTurn(entry, async () => {
      try {
        if (entry.readerCount + (await this.#foreignLocks(instance)) > 0) {
          throw new LoggosError('in-use', `The snapshot of instance ${instance} is being read`);
        }
        await discardDirectory(disk, directory, String(instance), `${trashPrefix}${randomId(random)}`);
        this.#entries.delete(instance);
      } finally {
        entry.removing = false;
      }
    });
  }

  /** Resolves when a removal of it that is under way has ended: it is there for good, or its name is free. */
  async removalEnded(instance: number): Promise<void> {
    const entry = this.#entries.get(instance);
    if (entry?.removing === true) await entry.changed;
  }

  /** One was sealed and has its name. Answers what it is, which somebody may remove at once. */
  async added(instance: number): Promise<SnapshotInfo> {
    const { info } = await this.#load(instance);
    await this.retain();
    return { ...info, locks: 0 };
  }

  /** Another automatic one may be sealed for a download. @throws LoggosError `busy` */
  checkBegun(): void {
    const now = this.#options.clock.monotonic();
    const begun = [...this.#entries].filter(([, entry]) => entry.automatic && isBegun(entry, now));
    if (begun.length < begunMax) return;
    const names = begun.map(([instance]) => `snapshots/${instance}.tar`).join(', ');
    throw new LoggosError('busy', `Downloads of ${begun.length} snapshots were begun: resume or delete ${names}`, {
      limit: begunMax,
    });
  }

  /** Somebody asked for it: retention leaves it alone from now on. */
  async keep(instance: number): Promise<void> {
    const entry = this.#find(instance);
    const { disk } = this.#options;
    await inTurn(entry, async () => {
      if (!entry.automatic) return;
      await disk.remove(`${this.#path(instance)}/${automaticName}`);
      await disk.syncDirectory(this.#path(instance));
      entry.automatic = false;
    });
  }

  /** It was read back whole. */
  async verified(instance: number): Promise<void> {
    const entry = this.#find(instance);
    const { disk } = this.#options;
    await inTurn(entry, async () => {
      if (entry.verified) return;
      await writeNewFile(disk, `${this.#path(instance)}/${verifiedName}`, new Uint8Array(0));
      await disk.syncDirectory(this.#path(instance));
      entry.verified = true;
    });
  }

  /** Drops the automatic ones but the newest two, and those that somebody reads or may resume. */
  async retain(): Promise<void> {
    const { clock, observer } = this.#options;
    for (const [instance, entry] of this.#beyondRetention()) {
      if (this.#closed) return;
      if (entry.removing || entry.readerCount > 0) continue;
      if (entry.begunAt !== undefined && clock.monotonic() - entry.begunAt < begunMs) continue;
      // The newest verified one is what a rebuild begins from, however many unverified ones came after it (E3).
      if (instance === this.newestVerifiedInstance) continue;
      await this.remove(instance).catch((error: unknown) => {
        observer.report('warn', 'snapshot-not-removed', { instance, error: String(error) });
      });
    }
    this.#scheduleRetention();
  }

  /** Nothing is scheduled any more; a reader that is released later leaves no timer behind. */
  close(): void {
    this.#closed = true;
    this.#cancelRetention?.();
  }

  #newest(suits: (entry: Entry) => boolean): number | undefined {
    let newest: number | undefined;
    for (const [instance, entry] of this.#entries) {
      if (suits(entry) && !entry.removing && instance > (newest ?? 0)) newest = instance;
    }
    return newest;
  }

  #find(instance: number): Entry {
    const entry = this.#entries.get(instance);
    if (entry !== undefined && !entry.removing) return entry;
    throw new LoggosError('not-found', `There is no snapshot of instance ${instance}`);
  }

  #path(instance: number): string {
    return `${this.#options.directory}/${instance}`;
  }

  #begun(entry: Entry): void {
    entry.begunAt = this.#options.clock.monotonic();
    entry.begunHere = true;
    this.#scheduleRetention();
  }

  /** The automatic ones but the newest. */
  #beyondRetention(): readonly (readonly [number, Entry])[] {
    const automatic = [...this.#entries].filter(([, entry]) => entry.automatic);
    return automatic.sort(([left], [right]) => right - left).slice(automaticKept);
  }

  /** Looks again when the first begun one that is not needed has had its hour. */
  #scheduleRetention(): void {
    const { clock } = this.#options;
    this.#cancelRetention?.();
    this.#cancelRetention = undefined;
    if (this.#closed) return;
    const begun = this.#beyondRetention().flatMap(([, entry]) =>
      entry.readerCount === 0 && entry.begunAt !== undefined ? [entry.begunAt] : [],
    );
    if (begun.length === 0) return;
    const delayMs = Math.max(1_000, Math.min(...begun) + begunMs - clock.monotonic());
    this.#cancelRetention = clock.after(delayMs, () => void this.retain());
  }

  async #load(instance: number): Promise<Entry> {
    const { disk, directory, observer } = this.#options;
    const path = this.#path(instance);
    const sealed = await readSealedManifest(disk, path);
    const { position, time, digest } = sealed.manifest;
    if (sealed.manifest.instance !== instance) {
      throw new LoggosError('snapshot-damaged', `${directory}/${instance} is of instance ${sealed.manifest.instance}`);
    }
    for (const name of await disk.list(`${path}/${readersName}`)) {
      if (name.startsWith(ownLockPrefix)) await disk.removeTree(`${path}/${readersName}/${name}`);
    }
    const entry: Entry = {
      info: { instance, position, time, bytes: tarBytes(sealed), digest },
      automatic: (await disk.stat(`${path}/${automaticName}`)) !== undefined,
      verified: (await disk.stat(`${path}/${verifiedName}`)) !== undefined,
      readerCount: 0,
      removing: false,
      changed: Promise.resolve(),
      begunAt: undefined,
      begunHere: false,
    };
    this.#entries.set(instance, entry);
    observer.report('debug', 'snapshot-listed', { instance });
    return entry;
  }

  /** Locks of other processes; one left behind is removed by its age. */
  async #foreignLocks(instance: number): Promise<number> {
    const { disk, locks } = this.#options;
    const readers = `${this.#path(instance)}/${readersName}`;
    let count = 0;
    for (const name of await disk.list(readers)) {
      if (name.startsWith(ownLockPrefix) || !name.endsWith('.lock')) continue;
      if (await locks.isLive(`${readers}/${name}`)) count += 1;
      else await disk.removeTree(`${readers}/${name}`);
    }
    return count;
  }
}

/** @throws LoggosError `snapshot-damaged` */
export async function readSealedManifest(disk: Disk, directory: string): Promise<SealedManifest> {
  const bytes = await readSmallFile(disk, `${directory}/${manifestName}`, manifestBytesMax);
  if (bytes === undefined) throw new LoggosError('snapshot-damaged', `${directory} has no ${manifestName}`);
  return readManifest(bytes);
}

/** Changes of one snapshot's directory, one after the other. */
function inTurn(entry: Entry, action: () => Promise<void>): Promise<void> {
  const turn = entry.changed.then(action);
  entry.changed = turn.catch(() => undefined);
  return turn;
}

function isBegun({ readerCount, begunAt, begunHere }: Entry, now: number): boolean {
  return readerCount > 0 || (begunHere && begunAt !== undefined && now - begunAt < begunMs);
}

async function* withCheck(
  blocks: AsyncIterable<Uint8Array>,
  check: () => void,
  onEnd: () => void,
): AsyncGenerator<Uint8Array> {
  for await (const block of blocks) {
    check();
    yield block;
  }
  onEnd();
}
