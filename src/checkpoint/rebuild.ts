import type { Disk } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import type { Observer } from '../base/observer.ts';
import type { LogRecord } from '../log/log.ts';
import { decodeChosenValue } from '../paxos/chosen-value.ts';
import { checkpointDirectory, nextInstall, writeCurrent } from './current.ts';
import { makeDurableDirectory } from './files.ts';
import { GroupFile } from './group-file.ts';
import { copySnapshot, incomingDirectory, installSnapshot } from './install.ts';
import { contentBytes, type SealedManifest } from './manifest.ts';
import { readSealedManifest } from './snapshots.ts';
import type { FilesMachine } from './verify.ts';

/** The log as a rebuild needs it. */
export interface RebuildLog {
  /** The oldest instance held; one above the last where nothing is. */
  readonly firstInstance: number;
  /** Everything up to it is proved chosen. */
  readonly chosenTo: number;
  read(firstInstance: number, countMax: number, bytesMax: number): Promise<readonly LogRecord[]>;
  close(): Promise<void>;
}

export interface RebuildOptions {
  readonly disk: Disk;
  readonly observer: Observer;
  /** `databases/<database>` */
  readonly databaseDirectory: string;
  readonly database: string;
  readonly clusterId: string;
  readonly machines: readonly FilesMachine[];
  /** Once it is aborted, the rebuild ends soon with its reason, and what it has copied is gone. */
  readonly signal?: AbortSignal;
  /** Called again and again while a snapshot is copied. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  /** Opens the log as a boot from a checkpoint at that instance would. */
  openLog(checkpointInstance: number): Promise<RebuildLog>;
}

/** `base`: the instance that the new checkpoint begins at; 0: the log alone. */
export type RebuildReport =
  | { readonly done: true; readonly install: number; readonly base: number }
  | { readonly done: false; readonly newestWholeSnapshot: number | undefined };

const progressEvery = 10;

/**
 * Puts another checkpoint in the place of one that is damaged: the newest snapshot that is whole and that the log still
 * reaches back to, or an empty one where the log has everything. It becomes a new install; the next boot opens it and
 * replays the log from there. The damaged one stays until that boot has succeeded. Where nothing serves, nothing changes.
 */
export async function rebuildCheckpoint(options: RebuildOptions): Promise<RebuildReport> {
  const { observer } = options;
  let newestWholeSnapshot: number | undefined;
  for (const candidate of await candidates(options)) {
    options.signal?.throwIfAborted();
    const { instance } = candidate.sealed.manifest;
    if (!(await reaches(options, instance))) {
      // Older ones are out of its reach all the more; whether this one could be restored is worth knowing.
      newestWholeSnapshot = instance;
      observer.report('warn', 'rebuild-log-too-short', { snapshot: instance });
      break;
    }
    try {
      const install = await installCandidate(options, candidate);
      observer.report('warn', 'checkpoint-rebuilt', { install, snapshot: instance });
      return { done: true, install, base: instance };
    } catch (error) {
      if (!(error instanceof LoggosError) || !isUnfit(error)) throw error;
      observer.report('error', 'rebuild-snapshot-unfit', { snapshot: instance, error: error.message });
    }
  }
  options.signal?.throwIfAborted();
  const install = await beginAgain(options);
  if (install === undefined) return { done: false, newestWholeSnapshot };
  observer.report('warn', 'checkpoint-rebuilt', { install, snapshot: 'none: from the log alone' });
  return { done: true, install, base: 0 };
}

interface Candidate {
  readonly directory: string;
  readonly sealed: SealedManifest;
}

/** Newest first; what cannot even say what it is, is left out. */
async function candidates({ disk, observer, databaseDirectory }: RebuildOptions): Promise<readonly Candidate[]> {
  const parent = `${databaseDirectory}/snapshots`;
  const found: Candidate[] = [];
  for (const name of await disk.list(parent)) {
    if (!/^[1-9][0-9]*$/.test(name)) continue;
    try {
      found.push({ directory: `${parent}/${name}`, sealed: await readSealedManifest(disk, `${parent}/${name}`) });
    } catch (error) {
      observer.report('error', 'rebuild-snapshot-unfit', { snapshot: name, error: String(error) });
    }
  }
  return found.sort((left, right) => right.sealed.manifest.instance - left.sealed.manifest.instance);
}

async function reaches({ openLog }: RebuildOptions, instance: number): Promise<boolean> {
  const log = await openLog(instance);
  try {
    return log.firstInstance <= instance + 1;
  } finally {
    await log.close();
  }
}

async function installCandidate(options: RebuildOptions, { directory, sealed }: Candidate): Promise<number> {
  const { disk, databaseDirectory, observer, signal } = options;
  const { instance } = sealed.manifest;
  const incomingId = `rebuild-${instance}`;
  const incoming = incomingDirectory(databaseDirectory, incomingId);
  await disk.removeTree(incoming);
  const totalBytes = contentBytes(sealed.manifest);
  let doneBytes = 0;
  let told = 0;
  try {
    await copySnapshot(disk, directory, incoming, (bytes) => {
      signal?.throwIfAborted();
      doneBytes += bytes;
      options.onProgress?.(doneBytes, totalBytes);
      const percent = Math.floor((100 * doneBytes) / Math.max(1, totalBytes));
      if (percent < told + progressEvery) return;
      told = percent;
      observer.report('info', 'checkpoint-rebuilding', { snapshot: instance, doneBytes, totalBytes, percent });
    });
    // Verified whole once more in there: each row, the chain and the digest.
    return (await installSnapshot({ ...options, incomingId, newerThan: 0 })).install;
  } finally {
    await disk.removeTree(incoming);
  }
}

function isUnfit({ code }: LoggosError): boolean {
  return code === 'snapshot-damaged' || code === 'checkpoint-damaged' || code === 'wrong-cluster';
}

/**
 * An empty checkpoint, where the log has every instance from the first one on, which holds the membership: from it the
 * history keeps its id. Undefined: the log does not reach so far.
 */
async function beginAgain(options: RebuildOptions): Promise<number | undefined> {
  const { disk, databaseDirectory, clusterId } = options;
  const log = await options.openLog(0);
  try {
    // A log that proves nothing gives nothing back, though it begins at the first instance.
    if (log.firstInstance !== 1 || log.chosenTo < 1) return undefined;
    const [record] = await log.read(1, 1, 1);
    const value = record === undefined ? undefined : decodeChosenValue(record.value);
    if (value?.kind !== 'membership' || value.membership.clusterId !== clusterId) return undefined;
    const install = await nextInstall(disk, databaseDirectory);
    const directory = checkpointDirectory(databaseDirectory, install);
    await makeDurableDirectory(disk, directory, 2);
    const group = await GroupFile.open(disk, directory);
    group.add(1, value.membership);
    await group.save();
    await writeCurrent(disk, databaseDirectory, install);
    return install;
  } finally {
    await log.close();
  }
}
