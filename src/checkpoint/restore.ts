import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import type { Disk } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import type { Observer } from '../base/observer.ts';
import type { Random } from '../base/random.ts';
import type { CheckpointMoment } from '../statemachine/state-machine.ts';
import { checkpointDirectory, machineDirectory, writeCurrent } from './current.ts';
import { listFiles, makeDurableDirectory, replaceFile } from './files.ts';
import { type Group, groupFileName, presentHistory, printGroup } from './group-file.ts';
import { type Identity, identityFileName, writeIdentity } from './identity-file.ts';
import { copySnapshot, loadMachines, syncTree } from './install.ts';
import { type Manifest, manifestName, type SealedManifest } from './manifest.ts';
import { randomId, randomIncarnation } from './random-id.ts';
import { extractSnapshot } from './tar-reader.ts';
import { type FilesMachine, fileBytes, verifyContents } from './verify.ts';

/** While it is there and identity.json is not, a restore was cut short: nothing starts here. */
const restoringName = 'restoring';

export interface RestoreOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  /** A tar, or a directory with one unpacked. */
  readonly source: string;
  readonly dataDirectory: string;
  readonly machines: readonly FilesMachine[];
  /** Of the one member of the new group. */
  readonly replicaName: string;
  /** Where the database goes; default: the name in the manifest. */
  readonly database?: string;
  /** An earlier moment of the backup's history to restore: the last event not after it, of a transaction its last. */
  readonly at?: CheckpointMoment;
  /** Does everything but the last step, and leaves nothing behind. */
  readonly dryRun?: boolean;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  readonly newClusterId?: string;
  readonly newHistoryId?: string;
}

export interface RestoreReport {
  /** Of the backup. */
  readonly manifest: Manifest;
  /** What was restored: the backup's end, or where `at` is. */
  readonly restored: RestoredMoment;
  readonly identity: Identity;
  readonly database: string;
  readonly historyId: string;
}

export type RestoredMoment = Pick<Manifest, 'instance' | 'position' | 'time' | 'chain' | 'digest'>;

/** What a data directory is, as far as starting in it or restoring into it goes. */
export type DataDirectoryState = 'empty' | 'replica' | 'unfinished-restore' | 'foreign-loggos-files';

/** `unfinished-restore` and `foreign-loggos-files` (databases without an identity) must not be started in. */
export async function dataDirectoryState(disk: Disk, dataDirectory: string): Promise<DataDirectoryState> {
  const has = async (name: string) => (await disk.stat(`${dataDirectory}/${name}`)) !== undefined;
  if (await has(identityFileName)) return 'replica';
  if (await has(restoringName)) return 'unfinished-restore';
  return (await has('databases')) ? 'foreign-loggos-files' : 'empty';
}

/**
 * Makes a new cluster of one from a backup: a new cluster id, a new history that forks off the backup's at its position,
 * fresh promises; instances and positions carry on. Everything is built under `restoring/`; identity.json comes last,
 * so that a crash at any step leaves nothing that starts, and running it again cleans up first.
 * @throws LoggosError `directory-unusable` where Loggos has files already; `snapshot-damaged`, `no-room`, `not-found`
 */
export async function restoreBackup(options: RestoreOptions): Promise<RestoreReport> {
  const { disk, dataDirectory, dryRun = false } = options;
  const state = await dataDirectoryState(disk, dataDirectory);
  if (state === 'replica' || state === 'foreign-loggos-files') {
    throw new LoggosError(
      'directory-unusable',
      `${dataDirectory} holds files of Loggos: restore into another directory`,
    );
  }
  if (state === 'unfinished-restore') await removeLeftovers(disk, dataDirectory);
  try {
    await makeDurableDirectory(disk, `${dataDirectory}/${restoringName}`, 2);
    const report = await build(options);
    if (dryRun) await removeLeftovers(disk, dataDirectory);
    else await switchOver(disk, dataDirectory, report.identity);
    return report;
  } catch (error) {
    const failedState = await dataDirectoryState(disk, dataDirectory).catch(() => undefined);
    if (failedState === 'unfinished-restore') await removeLeftovers(disk, dataDirectory).catch(() => undefined);
    throw error;
  }
}

/** Builds the new data directory's contents under `restoring/`. */
async function build(options: RestoreOptions): Promise<RestoreReport> {
  const { disk, random, machines, dataDirectory, replicaName, observer } = options;
  const databases = `${dataDirectory}/${restoringName}/databases`;
  const work = `${dataDirectory}/${restoringName}/checkpoint`;
  const sealed = await takeSource(options, work);
  const { manifest } = sealed;
  const old = await verifyContents(disk, work, sealed, machines);

  const identity: Identity = {
    clusterId: options.newClusterId ?? randomId(random),
    replicaId: 1,
    name: replicaName,
    incarnation: randomIncarnation(random),
  };
  const historyId = options.newHistoryId ?? randomId(random);
  await loadMachines(work, manifest, machines);
  const restored = options.at === undefined ? manifest : await rewind(work, manifest, machines, options.at);
  await forkMachines(work, manifest, machines, historyId);
  if (restored !== manifest) await verifyRestored(disk, work, restored, machines);
  await replaceFile(disk, work, groupFileName, printGroup(forkGroup(old, restored, identity, historyId)));
  await disk.remove(`${work}/${manifestName}`);
  await syncTree(disk, work);

  const database = options.database ?? manifest.database;
  await disk.makeDirectory(`${databases}/${database}/checkpoints`);
  await disk.rename(work, checkpointDirectory(`${databases}/${database}`, 1));
  await disk.syncDirectory(`${databases}/${database}/checkpoints`);
  await writeCurrent(disk, `${databases}/${database}`, 1);
  await disk.syncDirectory(databases);
  observer.report('info', 'backup-restored', { instance: restored.instance, position: restored.position });
  return { manifest, restored, identity, database, historyId };
}

async function takeSource(options: RestoreOptions, directory: string): Promise<SealedManifest> {
  const { disk, clock, source, onProgress } = options;
  const stat = await disk.stat(source);
  if (stat === undefined) throw new LoggosError('not-found', `${source} is not there`);
  let done = 0;
  const onBytes = (bytes: number) => {
    done += bytes;
    onProgress?.(done, Math.max(done, stat.bytes));
  };
  if (stat.kind === 'directory') return copySnapshot(disk, source, directory, onBytes);
  return extractSnapshot(fileBytes(disk, source), { disk, clock, directory, onBytes });
}

/** Takes the one machine of a backup back. @throws LoggosError `invalid-parameter` */
async function rewind(
  directory: string,
  { machines: [first, ...others] }: Manifest,
  machines: readonly FilesMachine[],
  moment: CheckpointMoment,
): Promise<RestoredMoment> {
  const machine = machines.find(({ id }) => id === first?.id);
  // Two machines would have to be taken back to one instance, of which only one has positions.
  if (others.length > 0 || machine?.rewindCheckpointState === undefined) {
    throw new LoggosError('invalid-parameter', 'The machines of this backup cannot be taken back to an earlier moment');
  }
  const rewound = await machine.rewindCheckpointState(machineDirectory(directory, machine.id), moment);
  return { ...rewound, time: new Date(rewound.time).toISOString() };
}

/** What was taken back is read whole once more: nothing has vouched for it yet. @throws LoggosError `snapshot-damaged` */
async function verifyRestored(
  disk: Disk,
  directory: string,
  restored: RestoredMoment,
  machines: readonly FilesMachine[],
): Promise<void> {
  for (const machine of machines) {
    const machineFiles = machineDirectory(directory, machine.id);
    const files = (await listFiles(disk, machineFiles)).map(({ name, bytes }) => ({ name, bytes, sealed: false }));
    const found = await machine.verifyCheckpointState?.(machineFiles, files);
    assert(
      found === undefined || (found.position === restored.position && found.digest === restored.digest),
      'what is restored is what was rebuilt',
      { machine: machine.id },
    );
  }
}

async function forkMachines(
  directory: string,
  manifest: Manifest,
  machines: readonly FilesMachine[],
  historyId: string,
): Promise<void> {
  for (const { id } of manifest.machines) {
    const machine = machines.find((each) => each.id === id);
    await machine?.forkCheckpointState?.(machineDirectory(directory, id), historyId);
  }
}

function forkGroup(old: Group, restored: RestoredMoment, identity: Identity, historyId: string): Group {
  const { clusterId, replicaId: id, name, incarnation } = identity;
  const { instance, position } = restored;
  // A history that forked off later than what is restored is no part of it.
  const ancestors = old.histories.filter(({ forkPosition }, index) => index === 0 || forkPosition <= position);
  const parent = presentHistory({ ...old, histories: ancestors }).id;
  return {
    clusterId,
    histories: [...ancestors, { id: historyId, clusterId, parent, forkPosition: position, forkInstance: instance }],
    memberships: [{ instance, members: [{ id, name, incarnation, role: 'voter', address: '' }] }],
  };
}

async function switchOver(disk: Disk, dataDirectory: string, identity: Identity): Promise<void> {
  await disk.rename(`${dataDirectory}/${restoringName}/databases`, `${dataDirectory}/databases`);
  await disk.syncDirectory(`${dataDirectory}/${restoringName}`);
  await disk.syncDirectory(dataDirectory);
  await writeIdentity(disk, dataDirectory, identity);
  await disk.removeTree(`${dataDirectory}/${restoringName}`);
  await disk.syncDirectory(dataDirectory);
}

/** The marker goes last: until then what is there is known to be a restore's. */
async function removeLeftovers(disk: Disk, dataDirectory: string): Promise<void> {
  await disk.removeTree(`${dataDirectory}/databases`);
  // Without it a power cut could bring `databases` back and not the marker.
  await disk.syncDirectory(dataDirectory);
  await disk.removeTree(`${dataDirectory}/${restoringName}`);
  await disk.syncDirectory(dataDirectory);
}
