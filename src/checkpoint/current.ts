import * as z from 'zod';
import type { Disk } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import { makeDurableDirectory, readSmallFile, replaceFile, trashPrefix } from './files.ts';
import { GroupFile } from './group-file.ts';
import { printSealed, readSealed } from './sealed-json.ts';

const currentFileName = 'CURRENT';

const currentBody = z.strictObject({ format: z.literal(1), install: z.int().min(1) });

/** The checkpoint that `CURRENT` names. */
export interface CurrentCheckpoint {
  /** A number that only grows. */
  readonly install: number;
  /** `<database>/checkpoints/<install>` */
  readonly directory: string;
  readonly group: GroupFile;
}

/** The install that `CURRENT` names; undefined where the file is absent. @throws LoggosError `directory-unusable` */
export async function readCurrent(disk: Disk, databaseDirectory: string): Promise<number | undefined> {
  const path = `${databaseDirectory}/${currentFileName}`;
  const bytes = await readSmallFile(disk, path, 4096);
  if (bytes === undefined) return undefined;
  const parsed = currentBody.safeParse(readSealed(bytes, path, 'directory-unusable').body);
  if (!parsed.success) throw new LoggosError('directory-unusable', `${path} is not one of format 1`);
  return parsed.data.install;
}

/** The one switch: replaces `CURRENT` atomically and durably. */
export async function writeCurrent(disk: Disk, databaseDirectory: string, install: number): Promise<void> {
  await replaceFile(disk, databaseDirectory, currentFileName, printSealed({ format: 1, install }));
}

/** Where an install's checkpoint lies. */
export function checkpointDirectory(databaseDirectory: string, install: number): string {
  return `${databaseDirectory}/checkpoints/${install}`;
}

/** Where a machine's files lie in a checkpoint, a snapshot, or an incoming snapshot. */
export function machineDirectory(directory: string, machineId: number): string {
  return `${directory}/machine-${machineId}`;
}

/**
 * Boot's first step for a database: resolves `CURRENT`, makes the first checkpoint directory where the database is new,
 * and removes what a crash left behind: incoming snapshots, trash, and checkpoints that were never switched to. The one
 * before the present stays until `removeSuperseded`. Doing it twice is doing it once.
 * @throws LoggosError `directory-unusable` where `CURRENT` is damaged, or names nothing, or is missing beside checkpoint files
 */
export async function openCurrent(disk: Disk, databaseDirectory: string): Promise<CurrentCheckpoint> {
  const install = (await readCurrent(disk, databaseDirectory)) ?? (await makeFirst(disk, databaseDirectory));
  const directory = checkpointDirectory(databaseDirectory, install);
  if ((await disk.stat(directory))?.kind !== 'directory') {
    throw new LoggosError('directory-unusable', `CURRENT names ${directory}, which is not there`);
  }
  await disk.removeTree(`${databaseDirectory}/incoming`);
  await disk.remove(`${databaseDirectory}/${currentFileName}.new`);
  await removeCheckpoints(disk, databaseDirectory, (other) => other > install);
  return { install, directory, group: await GroupFile.open(disk, directory) };
}

/** After the present checkpoint was opened and the log replayed: the ones before it go. */
export async function removeSuperseded(disk: Disk, databaseDirectory: string, install: number): Promise<void> {
  await removeCheckpoints(disk, databaseDirectory, (other) => other < install);
}

/** The number for the next install: above every one that is or was there. */
export async function nextInstall(disk: Disk, databaseDirectory: string): Promise<number> {
  const present = (await readCurrent(disk, databaseDirectory)) ?? 0;
  const names = await disk.list(`${databaseDirectory}/checkpoints`);
  return Math.max(present, ...names.map((name) => installOf(name) ?? 0)) + 1;
}

async function makeFirst(disk: Disk, databaseDirectory: string): Promise<number> {
  for (const name of await disk.list(`${databaseDirectory}/checkpoints`)) {
    const entries = await disk.list(`${databaseDirectory}/checkpoints/${name}`);
    // Before CURRENT is written nothing opens the directory, so files in it mean that CURRENT was lost.
    if (entries.length === 0) continue;
    throw new LoggosError(
      'directory-unusable',
      `${databaseDirectory} has checkpoints but no CURRENT: put CURRENT back, or restore a backup into another directory`,
    );
  }
  const directory = checkpointDirectory(databaseDirectory, 1);
  // checkpoints/, the database's directory, and databases/ may be new too.
  await makeDurableDirectory(disk, directory, 4);
  await writeCurrent(disk, databaseDirectory, 1);
  return 1;
}

async function removeCheckpoints(
  disk: Disk,
  databaseDirectory: string,
  goes: (install: number) => boolean,
): Promise<void> {
  const parent = `${databaseDirectory}/checkpoints`;
  let removed = false;
  for (const name of await disk.list(parent)) {
    const install = installOf(name);
    if (!name.startsWith(trashPrefix) && (install === undefined || !goes(install))) continue;
    await disk.removeTree(`${parent}/${name}`);
    removed = true;
  }
  if (removed) await disk.syncDirectory(parent);
}

function installOf(name: string): number | undefined {
  return /^[1-9][0-9]{0,14}$/.test(name) ? Number(name) : undefined;
}
