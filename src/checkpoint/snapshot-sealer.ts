import { assert } from '../base/assert.ts';
import type { Disk } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import type { Observer } from '../base/observer.ts';
import type { Random } from '../base/random.ts';
import type { CheckpointFacts, CheckpointFile, CheckpointLock, StateMachine } from '../statemachine/state-machine.ts';
import type { AppliedLog } from './applied-log.ts';
import { copyFile, hashAndSync, makeParent, syncDirectories, writeNewFile } from './files.ts';
import { type GroupFile, groupAt, groupFileName, presentHistory, printGroup } from './group-file.ts';
import {
  isSnapshotFileName,
  type ManifestFile,
  type ManifestMachine,
  manifestName,
  printManifest,
  type SealedManifest,
} from './manifest.ts';
import { randomId } from './random-id.ts';
import type { Replayer } from './replayer.ts';
import { automaticName, readersName, type SnapshotInfo, type Snapshots, sealingPrefix } from './snapshots.ts';
import { makeLayout } from './tar-layout.ts';

const zeroHash = Buffer.alloc(32).toString('base64url');
const noFacts: CheckpointFacts = { position: 0, time: 0, chain: zeroHash, digest: zeroHash };

export interface SealerOptions {
  readonly disk: Disk;
  readonly random: Random;
  readonly observer: Observer;
  readonly database: string;
  readonly machines: readonly StateMachine[];
  readonly log: AppliedLog;
  readonly group: GroupFile;
  readonly replayer: Replayer;
  readonly snapshots: Snapshots;
  /** Aborted when the replica stops, with a reason that clients are told: what is being sealed is given up. */
  readonly stopping: AbortSignal;
}

/** `kept` stays until it is deleted; `automatic` may be dropped when newer ones are there. */
export type SnapshotKind = 'kept' | 'automatic';

/** `own`: an automatic one that Loggos needs, however many downloads were begun. */
export type SealKind = SnapshotKind | 'own';

/** Left to the log while a snapshot is copied. */
const keepFreeBytes = 16 * 1024 * 1024;

/** What was copied under the locks. */
interface Copy {
  readonly instance: number;
  readonly names: readonly string[];
  readonly machines: readonly ManifestMachine[];
  readonly facts: CheckpointFacts;
}

/**
 * Seals snapshots: brings every machine to one instance, copies or links their files under a short lock, then hashes,
 * syncs and names the whole. A crash before the one rename leaves nothing that is taken for a snapshot.
 */
export class SnapshotSealer {
  readonly #options: SealerOptions;
  #running: Promise<SnapshotInfo> | undefined;
  #next: Promise<SnapshotInfo> | undefined;
  #nextKind: SealKind = 'automatic';

  constructor(options: SealerOptions) {
    this.#options = options;
  }

  /**
   * A snapshot that has everything applied before the call: a new one, or the newest where nothing was written since.
   * Calls that wait for one under way share the one after it.
   * @throws LoggosError `busy` (the Replayer stands still, or too many downloads were begun), `no-room`, `not-found`
   * (nothing was ever applied)
   */
  create(kind: SealKind = 'kept'): Promise<SnapshotInfo> {
    if (kind === 'kept' || this.#nextKind === 'automatic') this.#nextKind = kind;
    this.#next ??= this.#begin();
    return this.#next;
  }

  /** Resolves when nothing is being sealed. */
  async settle(): Promise<void> {
    await Promise.allSettled([this.#running, this.#next]);
  }

  async #begin(): Promise<SnapshotInfo> {
    await this.#running?.catch(() => undefined);
    const kind = this.#nextKind;
    this.#nextKind = 'automatic';
    this.#running = this.#next;
    this.#next = undefined;
    return this.#sealOrReuse(kind);
  }

  async #sealOrReuse(kind: SealKind): Promise<SnapshotInfo> {
    const { log, replayer, snapshots, stopping } = this.#options;
    stopping.throwIfAborted();
    const applied = log.appliedInstance;
    if (applied === 0) throw new LoggosError('not-found', 'Nothing was written yet: there is nothing to snapshot');
    await beforeStop(replayer.advanceTo(applied), stopping);
    for (;;) {
      const newest = snapshots.newestInstance;
      const isCurrent = newest !== undefined && newest >= replayer.lastWriteInstance;
      if (!isCurrent && kind === 'automatic') snapshots.checkBegun();
      const given = isCurrent ? await this.#give(newest, kind) : await this.#seal(applied, kind);
      if (given !== undefined) return given;
      stopping.throwIfAborted();
    }
  }

  /** Undefined: there was one of that instance already, which somebody removed meanwhile. */
  async #seal(applied: number, kind: SealKind): Promise<SnapshotInfo | undefined> {
    const { replayer, snapshots, disk, random, observer, stopping } = this.#options;
    const sealing = `${snapshots.directory}/${sealingPrefix}${randomId(random)}`;
    try {
      await disk.makeDirectory(sealing);
      const copy = await replayer.atOneInstance(applied, (instance) => this.#copy(sealing, instance));
      await snapshots.removalEnded(copy.instance);
      if (snapshots.has(copy.instance)) return await this.#give(copy.instance, kind);
      return await this.#finish(sealing, copy, kind);
    } catch (error) {
      if (!stopping.aborted) observer.report('error', 'seal-failed', { error: String(error) });
      throw error;
    } finally {
      await disk.removeTree(sealing).catch(() => undefined);
    }
  }

  /** Undefined: somebody removes it, or has. */
  async #give(instance: number, kind: SealKind): Promise<SnapshotInfo | undefined> {
    const { snapshots } = this.#options;
    try {
      if (kind === 'kept') await snapshots.keep(instance);
      return await snapshots.info(instance);
    } catch (error) {
      if (error instanceof LoggosError && error.code === 'not-found') return undefined;
      throw error;
    }
  }

  /** Under the locks: short, since executeForCheckpoint waits meanwhile. */
  async #copy(sealing: string, instance: number): Promise<Copy> {
    const names: string[] = [];
    const manifests: ManifestMachine[] = [];
    let facts: CheckpointFacts | undefined;
    await withLocks(this.#options.machines, async (machine, lock) => {
      assert(lock.instance === instance, 'every machine is sealed at one instance', {
        machine: machine.id,
        locked: lock.instance,
        instance,
      });
      const state = await machine.checkpointState(lock);
      await this.#checkRoom(state.files);
      for (const file of state.files) {
        const name = `machine-${machine.id}/${file.name}`;
        assert(isSnapshotFileName(name), 'checkpoint files have plain names', { name });
        await makeParent(this.#options.disk, sealing, name);
        await this.#copyFile(`${state.directory}/${file.name}`, file, `${sealing}/${name}`);
        names.push(name);
      }
      const own = machine.checkpointFacts?.();
      facts ??= own;
      const fingerprint = Buffer.from(machine.checkpointFingerprint()).toString('base64url');
      manifests.push({ id: machine.id, fingerprint, digest: own?.digest ?? zeroHash });
    });
    return { instance, names, machines: manifests, facts: facts ?? noFacts };
  }

  /** What is linked takes no room. */
  async #checkRoom(files: readonly CheckpointFile[]): Promise<void> {
    const { disk, snapshots } = this.#options;
    const needed = files.reduce((sum, file) => (file.sealed ? sum : sum + file.bytes), 0);
    const free = await disk.freeBytes(snapshots.directory);
    if (free >= needed + keepFreeBytes) return;
    throw new LoggosError('no-room', `A snapshot needs ${needed} bytes; ${free} are free`, { needed, free });
  }

  async #copyFile(from: string, file: CheckpointFile, to: string): Promise<void> {
    const { disk, stopping } = this.#options;
    stopping.throwIfAborted();
    if (file.copyTo !== undefined) await file.copyTo(to, stopping);
    else if (file.sealed) await disk.link(from, to);
    else await copyFile(disk, from, to, stopping);
  }

  /** Hashes, manifest, layout; everything synced; then the name. */
  async #finish(sealing: string, copy: Copy, kind: SealKind): Promise<SnapshotInfo> {
    const { disk, snapshots, observer } = this.#options;
    const sealed = await this.#writeManifest(sealing, copy);
    await (await makeLayout(sealed)).save(disk, sealing);
    await disk.makeDirectory(`${sealing}/${readersName}`);
    if (kind !== 'kept') await writeNewFile(disk, `${sealing}/${automaticName}`, new Uint8Array(0));
    await syncDirectories(disk, sealing, [...copy.names, `${readersName}/-`]);
    await disk.rename(sealing, `${snapshots.directory}/${copy.instance}`);
    await disk.syncDirectory(snapshots.directory);
    observer.report('info', 'snapshot-sealed', { instance: copy.instance, files: copy.names.length });
    return snapshots.added(copy.instance);
  }

  async #writeManifest(sealing: string, copy: Copy): Promise<SealedManifest> {
    const { disk, database, group, stopping } = this.#options;
    const present = group.group;
    assert(present !== undefined, 'a checkpoint that covers an instance has a group.json', { instance: copy.instance });
    await writeNewFile(disk, `${sealing}/${groupFileName}`, printGroup(groupAt(present, copy.instance)));
    const files: ManifestFile[] = [];
    for (const name of [groupFileName, ...copy.names].sort()) {
      files.push({ name, ...(await hashAndSync(disk, `${sealing}/${name}`, () => stopping.throwIfAborted())) });
    }
    const { id: historyId, parent } = presentHistory(present);
    const sealed = printManifest({
      clusterId: present.clusterId,
      historyId,
      ...(parent === undefined ? {} : { parent }),
      database,
      instance: copy.instance,
      position: copy.facts.position,
      time: new Date(copy.facts.time).toISOString(),
      chain: copy.facts.chain,
      digest: copy.facts.digest,
      files,
      machines: copy.machines,
    });
    await writeNewFile(disk, `${sealing}/${manifestName}`, sealed.bytes);
    return sealed;
  }
}

/** Rejects with the signal's reason as soon as it is aborted; the work goes on by itself. */
async function beforeStop<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Locks every machine in the order of ids, acts on each, and unlocks all, also after a failure. */
async function withLocks(
  machines: readonly StateMachine[],
  action: (machine: StateMachine, lock: CheckpointLock) => Promise<void>,
): Promise<void> {
  const locked: { machine: StateMachine; lock: CheckpointLock }[] = [];
  try {
    for (const machine of [...machines].sort((left, right) => left.id - right.id)) {
      locked.push({ machine, lock: await machine.lockCheckpointState() });
    }
    for (const { machine, lock } of locked) await action(machine, lock);
  } finally {
    for (const { machine, lock } of locked) await machine.unlockCheckpointState(lock);
  }
}
