import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Disk, DiskError } from '../base/disk.ts';
import { LoggosError } from '../base/errors.ts';
import type { Observer } from '../base/observer.ts';
import type { Random } from '../base/random.ts';
import { type Identity, readIdentity, writeIdentity } from '../checkpoint/identity-file.ts';
import { randomId, randomIncarnation } from '../checkpoint/random-id.ts';
import { dataDirectoryState } from '../checkpoint/restore.ts';
import { fileWords } from '../system/file-words.ts';

/** Makes the directory, with its parents, where it is absent. @throws LoggosError `directory-unusable` */
export async function makeDataDirectory(disk: Disk, directory: string): Promise<void> {
  try {
    if (existsSync(directory) && !statSync(directory).isDirectory()) throw new Error('it is not a directory');
    // Not by `recursive`, which never ends where the parent is there and refuses with ENOENT, as /proc does.
    if (existsSync(dirname(directory)) && !existsSync(directory)) mkdirSync(directory, { mode: 0o700 });
    await disk.makeDirectory(directory);
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const reason = error instanceof DiskError ? (error.cause ?? error) : error;
    throw new LoggosError('directory-unusable', `cannot use ${directory}: ${fileWords(reason)}`, {}, error);
  }
}

export interface NewIdentity {
  readonly random: Random;
  readonly observer: Observer;
  /** Waits until it is known which cluster a new replica is of; absent: it is a cluster of its own. */
  readonly found?: () => Promise<{ readonly clusterId: string; readonly replicaId: number }>;
}

/**
 * Who this directory is; a new one gets its identity here, durable before anything else is (A4).
 * @param name - for a new one; an older one keeps its own
 * @throws LoggosError `directory-unusable`: a restore was cut short, the identity is lost, damaged or of a newer release
 */
export async function openIdentity(
  disk: Disk,
  directory: string,
  name: string,
  { random, observer, found }: NewIdentity,
): Promise<Identity> {
  const state = await dataDirectoryState(disk, directory);
  if (state === 'unfinished-restore') {
    throw new LoggosError('directory-unusable', `a restore into ${directory} was cut short: run it again`);
  }
  if (state === 'foreign-loggos-files') {
    throw new LoggosError('directory-unusable', `${directory} has databases but no identity.json: put it back`);
  }
  const known = state === 'replica' ? await readIdentity(disk, directory) : undefined;
  if (known !== undefined) {
    observer.report('debug', 'identity-read', { replica: known.name, incarnation: known.incarnation });
    return known;
  }
  const { clusterId, replicaId } = (await found?.()) ?? { clusterId: randomId(random), replicaId: 1 };
  const identity = { clusterId, replicaId, name, incarnation: randomIncarnation(random) };
  await writeIdentity(disk, directory, identity);
  observer.report('info', 'replica-born', { replica: name, clusterId: identity.clusterId });
  return identity;
}
