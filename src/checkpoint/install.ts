import type { Disk } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import { checkpointDirectory, machineDirectory, nextInstall, writeCurrent } from './current.ts';
import { listFiles, syncDirectories, withFile } from './files.ts';
import { type Manifest, machineFiles, manifestName, type SealedManifest } from './manifest.ts';
import { readSealedManifest } from './snapshots.ts';
import { checkContent, makeFreshDirectory, writeFile } from './tar-reader.ts';
import { checkFiles, type FilesMachine, fileBytes, verifyContents } from './verify.ts';

export interface InstallOptions {
  readonly disk: Disk;
  readonly databaseDirectory: string;
  /** `incoming/<incomingId>` holds what `extractSnapshot` or `copySnapshot` put there. */
  readonly incomingId: string;
  /** They convert the files where they lie; the running ones are not touched. */
  readonly machines: readonly FilesMachine[];
  /** What the snapshot must be of. */
  readonly clusterId: string;
  readonly database: string;
  /** A snapshot that is not newer is refused (F2). A rebuild of a rotten checkpoint passes 0. */
  readonly newerThan: number;
  /** Looked at until the switch begins. */
  readonly signal?: AbortSignal;
}

/**
 * Makes a received snapshot the checkpoint that the next boot opens (F4): each machine checks and converts its files in
 * `incoming/`, all of it is synced, renamed to `checkpoints/<install>`, and `CURRENT` is switched. Before the switch the
 * old state is whole, after it the new one. The log and the promises are not touched (F1).
 * @throws LoggosError `snapshot-damaged`, `wrong-cluster`, `not-found`
 */
export async function installSnapshot(options: InstallOptions): Promise<{ readonly install: number }> {
  const { disk, databaseDirectory, machines, signal } = options;
  const incoming = incomingDirectory(databaseDirectory, options.incomingId);
  const sealed = await readSealedManifest(disk, incoming);
  checkInstallable(sealed.manifest, options);
  // Hashed when they came, and again now: what rotted since is not switched to.
  await checkFiles(disk, incoming, sealed.manifest, () => signal?.throwIfAborted());
  await verifyContents(disk, incoming, sealed, machines, signal);
  signal?.throwIfAborted();
  await loadMachines(incoming, sealed.manifest, machines);
  await disk.remove(`${incoming}/${manifestName}`);
  await syncTree(disk, incoming);

  const install = await nextInstall(disk, databaseDirectory);
  await disk.makeDirectory(`${databaseDirectory}/checkpoints`);
  await disk.rename(incoming, checkpointDirectory(databaseDirectory, install));
  await disk.syncDirectory(`${databaseDirectory}/checkpoints`);
  await disk.syncDirectory(`${databaseDirectory}/incoming`);
  await writeCurrent(disk, databaseDirectory, install);
  return { install };
}

/** Refuses what must not be installed here; to be asked as soon as the manifest is there. */
export function checkInstallable(
  manifest: Manifest,
  expected: { readonly clusterId: string; readonly database: string; readonly newerThan: number },
): void {
  if (manifest.clusterId !== expected.clusterId) {
    throw new LoggosError('wrong-cluster', `The snapshot is of cluster ${manifest.clusterId}`);
  }
  if (manifest.database !== expected.database) {
    throw new LoggosError('wrong-cluster', `The snapshot is of the database ${manifest.database}`);
  }
  if (manifest.instance <= expected.newerThan) {
    throw new LoggosError('snapshot-damaged', `The snapshot is of instance ${manifest.instance}, which is not newer`);
  }
}

/** Where a snapshot is received. */
export function incomingDirectory(databaseDirectory: string, incomingId: string): string {
  return `${databaseDirectory}/incoming/${incomingId}`;
}

/**
 * Copies a snapshot in a directory (sealed here, or unpacked by somebody) into a fresh one, every file checked.
 * @throws LoggosError `snapshot-damaged`, `no-room`
 */
export async function copySnapshot(
  disk: Disk,
  source: string,
  directory: string,
  onBytes?: (bytes: number) => void,
): Promise<SealedManifest> {
  const sealed = await readSealedManifest(disk, source);
  await makeFreshDirectory(disk, directory, sealed);
  for (const file of sealed.manifest.files) {
    const path = `${source}/${file.name}`;
    if ((await disk.stat(path))?.kind !== 'file') {
      throw new LoggosError('snapshot-damaged', `${file.name} is missing`);
    }
    await writeFile(disk, directory, file.name, checkContent(file, fileBytes(disk, path)), onBytes);
  }
  await syncDirectories(
    disk,
    directory,
    sealed.manifest.files.map((file) => file.name),
  );
  return sealed;
}

/** Lets each machine check and convert its files where they lie. */
export async function loadMachines(
  directory: string,
  manifest: Manifest,
  machines: readonly FilesMachine[],
): Promise<void> {
  for (const { id } of manifest.machines) {
    const machine = machines.find((each) => each.id === id);
    if (machine === undefined) throw new LoggosError('snapshot-damaged', `Machine ${id} is not registered here`);
    const files = machineFiles(manifest, id).map(({ name, bytes }) => ({ name, bytes, sealed: false }));
    await machine.loadCheckpointState(machineDirectory(directory, id), files, manifest.instance);
  }
}

/** Syncs every file below a directory and every directory. */
export async function syncTree(disk: Disk, directory: string): Promise<void> {
  const files = await listFiles(disk, directory);
  for (const { name } of files) await withFile(disk, `${directory}/${name}`, 'read', (file) => file.sync());
  await syncDirectories(
    disk,
    directory,
    files.map((file) => file.name),
  );
}
