import type { Clock } from '../base/clock.ts';
import type { Disk } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { StateMachine } from '../statemachine/state-machine.ts';
import { checkpointDirectory, machineDirectory, readCurrent } from './current.ts';
import { blockBytes, listFiles, readBlocks, readSmallFile, withFile } from './files.ts';
import { type Group, groupFileName, presentHistory, readGroup } from './group-file.ts';
import { identityFileName, readIdentity } from './identity-file.ts';
import { contentBytes, type Manifest, machineFiles, manifestName, type SealedManifest } from './manifest.ts';
import { randomId } from './random-id.ts';
import { automaticName, readersName, readSealedManifest, verifiedName } from './snapshots.ts';
import { layoutName } from './tar-layout.ts';
import { checkContent, extractSnapshot } from './tar-reader.ts';

/** A machine as far as its checkpoint's files go, which nobody has open: all that verify, install and restore ask of it. */
export type FilesMachine = Pick<
  StateMachine,
  'id' | 'loadCheckpointState' | 'verifyCheckpointState' | 'rewindCheckpointState' | 'forkCheckpointState'
>;

export interface VerifyOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  /** One of each kind that the source may hold; they are asked to verify, and need not be opened. */
  readonly machines: readonly FilesMachine[];
  /** Where a tar is unpacked for the machines to read; removed afterwards. Default: beside the tar. */
  readonly scratchDirectory?: string;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  /** Once it is aborted, the verification ends soon with its reason. */
  readonly signal?: AbortSignal;
}

/** What was read whole and found to be what it says. */
export type VerifyReport =
  | { readonly kind: 'snapshot'; readonly manifest: Manifest; readonly seal: string; readonly bytes: number }
  | { readonly kind: 'data-directory'; readonly databases: readonly VerifiedDatabase[] };

export interface VerifiedDatabase {
  readonly name: string;
  readonly install: number;
  readonly group: Group | undefined;
  readonly machines: readonly {
    readonly id: number;
    readonly instance: number;
    /** base64url. */
    readonly fingerprint: string;
    readonly digest: string;
  }[];
}

/**
 * Verifies a snapshot's tar, a snapshot in a directory, or a data directory (the checkpoints that CURRENT names; it may
 * not be in use), reading everything and changing nothing.
 * @throws LoggosError `snapshot-damaged` or `checkpoint-damaged`, saying what is wrong; `directory-unusable`, `not-found`
 */
export async function verifySnapshot(source: string, options: VerifyOptions): Promise<VerifyReport> {
  const { disk } = options;
  const stat = await disk.stat(source);
  if (stat === undefined) throw new LoggosError('not-found', `${source} is not there`);
  if (stat.kind === 'file') return verifyTar(source, stat.bytes, options);
  if ((await disk.stat(`${source}/${manifestName}`)) !== undefined) return verifyDirectory(source, options);
  if ((await disk.stat(`${source}/${identityFileName}`)) !== undefined) return verifyDataDirectory(source, options);
  throw new LoggosError('snapshot-damaged', `${source} is neither a snapshot nor a data directory`);
}

/** The bytes of a file on disk, as a source for `extractSnapshot`. */
export async function* fileBytes(disk: Disk, path: string): AsyncGenerator<Uint8Array> {
  const file = await disk.open(path, 'read');
  try {
    yield* readBlocks(file, path, 0, (await file.size()) - 1);
  } finally {
    await file.close();
  }
}

/**
 * What the files of a snapshot say of themselves: the group is the manifest's, and each machine recomputes what the
 * manifest claims of it. The files' hashes were checked before.
 * @throws LoggosError `snapshot-damaged`
 */
export async function verifyContents(
  disk: Disk,
  directory: string,
  { manifest }: SealedManifest,
  machines: readonly FilesMachine[],
  signal?: AbortSignal,
): Promise<Group> {
  const group = await readGroupOf(disk, directory, manifest);
  for (const claimed of manifest.machines) {
    const machine = machines.find(({ id }) => id === claimed.id);
    if (machine === undefined) throw refuse(`It holds machine ${claimed.id}, which is not registered here`);
    const files = machineFiles(manifest, machine.id).map(({ name, bytes }) => ({ name, bytes, sealed: false }));
    const found = await machine.verifyCheckpointState?.(machineDirectory(directory, machine.id), files, signal);
    if (found === undefined) continue;
    const fingerprint = Buffer.from(found.fingerprint).toString('base64url');
    const isFirst = claimed === manifest.machines[0];
    const differences: [string, unknown, unknown][] = [
      ['instance', found.instance, manifest.instance],
      ['fingerprint', fingerprint, claimed.fingerprint],
      ['digest', found.digest, claimed.digest],
    ];
    if (isFirst && found.position !== undefined) differences.push(['position', found.position, manifest.position]);
    if (isFirst && found.chain !== undefined) differences.push(['chain', found.chain, manifest.chain]);
    if (isFirst && found.position !== undefined) differences.push(['digest', found.digest, manifest.digest]);
    for (const [what, actual, stated] of differences) {
      if (actual === stated) continue;
      throw refuse(`Machine ${machine.id}: its ${what} is ${String(actual)}; the manifest says ${String(stated)}`);
    }
  }
  return group;
}

/** Reads every file that a manifest lists and compares lengths and hashes. @throws LoggosError `snapshot-damaged` */
export async function checkFiles(
  disk: Disk,
  directory: string,
  manifest: Manifest,
  onBytes?: (bytes: number) => void,
): Promise<void> {
  for (const file of manifest.files) {
    const path = `${directory}/${file.name}`;
    if ((await disk.stat(path))?.kind !== 'file') throw refuse(`${file.name} is missing`);
    for await (const block of checkContent(file, fileBytes(disk, path))) onBytes?.(block.byteLength);
  }
}

async function verifyTar(path: string, bytes: number, options: VerifyOptions): Promise<VerifyReport> {
  const { disk, clock, random, machines, onProgress, signal } = options;
  const directory = `${options.scratchDirectory ?? `${path}.verifying`}-${randomId(random)}`;
  let done = 0;
  try {
    const sealed = await extractSnapshot(fileBytes(disk, path), {
      disk,
      clock,
      directory,
      onBytes: (count) => {
        signal?.throwIfAborted();
        done += count;
        onProgress?.(done, bytes);
      },
    });
    await verifyContents(disk, directory, sealed, machines, signal);
    onProgress?.(bytes, bytes);
    return { kind: 'snapshot', manifest: sealed.manifest, seal: sealed.seal, bytes };
  } finally {
    await disk.removeTree(directory);
  }
}

async function verifyDirectory(directory: string, options: VerifyOptions): Promise<VerifyReport> {
  const { disk, machines, onProgress, signal } = options;
  const sealed = await readSealedManifest(disk, directory);
  const total = contentBytes(sealed.manifest);
  await checkListed(disk, directory, sealed.manifest);
  let done = 0;
  await checkFiles(disk, directory, sealed.manifest, (bytes) => {
    signal?.throwIfAborted();
    done += bytes;
    onProgress?.(done, total);
  });
  await verifyContents(disk, directory, sealed, machines, signal);
  return { kind: 'snapshot', manifest: sealed.manifest, seal: sealed.seal, bytes: total };
}

/** Nothing but the manifest's files, and what a replica keeps beside them. */
async function checkListed(disk: Disk, directory: string, manifest: Manifest): Promise<void> {
  const listed = new Set(manifest.files.map((file) => file.name));
  for (const name of [manifestName, layoutName, automaticName, verifiedName]) listed.add(name);
  for (const { name, kind } of await listFiles(disk, directory)) {
    if (name.startsWith(`${readersName}/`)) continue;
    if (!listed.has(name) || kind !== 'file') throw refuse(`It holds ${JSON.stringify(name)}, which is not listed`);
  }
}

async function verifyDataDirectory(dataDirectory: string, options: VerifyOptions): Promise<VerifyReport> {
  const { disk } = options;
  await readIdentity(disk, dataDirectory);
  const databases: VerifiedDatabase[] = [];
  for (const name of await disk.list(`${dataDirectory}/databases`)) {
    databases.push(await verifyCheckpoint(`${dataDirectory}/databases/${name}`, name, options));
  }
  return { kind: 'data-directory', databases };
}

async function verifyCheckpoint(
  databaseDirectory: string,
  name: string,
  { disk, machines, onProgress, signal }: VerifyOptions,
): Promise<VerifiedDatabase> {
  const install = await readCurrent(disk, databaseDirectory);
  if (install === undefined) throw new LoggosError('directory-unusable', `${databaseDirectory} has no CURRENT`);
  const directory = checkpointDirectory(databaseDirectory, install);
  const groupBytes = await readSmallFile(disk, `${directory}/${groupFileName}`, blockBytes * 64);
  const verified: VerifiedDatabase['machines'][number][] = [];
  for (const machine of machines) {
    if (machine.verifyCheckpointState === undefined) continue;
    const files = await listFiles(disk, machineDirectory(directory, machine.id));
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    if (files.length === 0) continue;
    const found = await machine.verifyCheckpointState(
      machineDirectory(directory, machine.id),
      files.map((file) => ({ name: file.name, bytes: file.bytes, sealed: false })),
      signal,
    );
    const fingerprint = Buffer.from(found.fingerprint).toString('base64url');
    verified.push({ id: machine.id, instance: found.instance, fingerprint, digest: found.digest });
    onProgress?.(bytes, bytes);
  }
  const group = groupBytes === undefined ? undefined : readGroup(groupBytes, 'checkpoint-damaged');
  return { name, install, group, machines: verified };
}

async function readGroupOf(disk: Disk, directory: string, manifest: Manifest): Promise<Group> {
  const bytes = await withFile(disk, `${directory}/${groupFileName}`, 'read', async (file) =>
    file.read(0, await file.size()),
  );
  const group = readGroup(bytes, 'snapshot-damaged');
  const present = presentHistory(group);
  if (group.clusterId !== manifest.clusterId) throw refuse('group.json is of another cluster than the manifest');
  if (present.id !== manifest.historyId) throw refuse('group.json is of another history than the manifest');
  if (present.parent !== manifest.parent) throw refuse('group.json has another parent history than the manifest');
  if (group.memberships.length === 0) throw refuse('group.json has no membership');
  const late = group.memberships.find((membership) => membership.instance > manifest.instance);
  if (late !== undefined) throw refuse(`group.json has a membership of instance ${late.instance}, after the snapshot`);
  return group;
}

function refuse(why: string): LoggosError {
  return new LoggosError('snapshot-damaged', why);
}
