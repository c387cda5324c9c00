import { readFileSync, renameSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { lock as takeVisibleLock } from 'proper-lockfile';
import { z } from 'zod';
import { LoggosError } from '../base/errors.ts';
import type { Observer } from '../base/observer.ts';
import { KernelLock } from '../system/kernel-lock.ts';

/** Who holds a data directory: for messages only, never believed. */
const holder = z.object({ pid: z.int(), since: z.string(), host: z.string() });

const staleMs = 10_000;
const updateMs = 2_000;

/** File systems of other machines, by `statfs` type: the kernel's lock means nothing to the other host. */
const remoteFileSystems: ReadonlyMap<number, string> = new Map([
  [0x6969, 'nfs'],
  [0xff534d42, 'cifs'],
  [0xfe534d42, 'smb'],
  [0x517b, 'smb'],
  [0x65735546, 'fuse'],
]);

/**
 * One process a data directory. The kernel's lock decides (A4: two processes of one incarnation must never be); beside
 * it lies a proper-lockfile for people and tools, whose loss is repaired and means nothing.
 */
export class DirectoryLock {
  readonly #directory: string;
  readonly #kernelLock: KernelLock;
  readonly #observer: Observer;
  #releaseVisible: (() => Promise<void>) | undefined;
  #released = false;

  private constructor(directory: string, kernelLock: KernelLock, observer: Observer) {
    this.#directory = directory;
    this.#kernelLock = kernelLock;
    this.#observer = observer;
  }

  /**
   * Takes it or fails at once, also while the holder is stopped; after the holder died it is free at once.
   * @param directory - is there
   * @throws LoggosError `directory-locked`, saying who holds it; `directory-unusable`
   */
  static async take(directory: string, observer: Observer): Promise<DirectoryLock> {
    warnOfRemoteFiles(directory, observer);
    const taken = new DirectoryLock(directory, takeKernelLock(directory), observer);
    taken.#writeHolder();
    // Whatever lies here is dead: its owner would hold the kernel's lock.
    removeVisibleLock(directory);
    await taken.#takeVisible();
    return taken;
  }

  /** Gives it back; nothing happens the second time. */
  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await this.#releaseVisible?.().catch(() => undefined);
    rmSync(holderPath(this.#directory), { force: true });
    this.#kernelLock.release();
  }

  async #takeVisible(): Promise<void> {
    try {
      this.#releaseVisible = await takeVisibleLock(this.#directory, {
        lockfilePath: visiblePath(this.#directory),
        stale: staleMs,
        update: updateMs,
        onCompromised: (error) => this.#onCompromised(error),
      });
    } catch (error) {
      this.#observer.report('warn', 'visible-lock-not-taken', { error: String(error) });
    }
  }

  /** Removed by hand, or late while the process was stopped. The kernel's lock is still ours: it goes with the process. */
  #onCompromised(error: Error): void {
    if (this.#released) return;
    this.#observer.report('warn', 'visible-lock-lost', { error: error.message });
    removeVisibleLock(this.#directory);
    void this.#takeVisible();
  }

  #writeHolder(): void {
    const text = JSON.stringify({ pid: process.pid, since: new Date().toISOString(), host: hostname() });
    const path = holderPath(this.#directory);
    try {
      writeFileSync(`${path}.new`, `${text}\n`, { mode: 0o600 });
      renameSync(`${path}.new`, path);
    } catch (error) {
      // On a full disk, say: what is for messages only keeps nobody from starting. The dead one's name would be wrong.
      this.#observer.report('warn', 'lock-holder-not-written', { error: String(error) });
      rmSync(path, { force: true });
    }
  }
}

function takeKernelLock(directory: string): KernelLock {
  try {
    return KernelLock.take(`${directory}/lock.sqlite`);
  } catch (error) {
    if (!(error instanceof LoggosError) || error.code !== 'directory-locked') throw error;
    throw new LoggosError('directory-locked', `${directory} is in use by ${describeHolder(directory)}`, {}, error);
  }
}

function describeHolder(directory: string): string {
  try {
    const { pid, since, host } = holder.parse(JSON.parse(readFileSync(holderPath(directory), 'utf8')));
    return `process ${pid}${host === hostname() ? '' : ` on ${host}`} since ${since}`;
  } catch {
    return 'another process';
  }
}

function removeVisibleLock(directory: string): void {
  try {
    rmdirSync(visiblePath(directory));
  } catch {
    // Absent, or not ours to remove: taking it says so.
  }
}

function warnOfRemoteFiles(directory: string, observer: Observer): void {
  const kind = remoteFileSystems.get(statfsSync(directory).type);
  if (kind !== undefined) observer.report('warn', 'data-on-remote-file-system', { directory, kind });
}

function holderPath(directory: string): string {
  return `${directory}/holder.json`;
}

function visiblePath(directory: string): string {
  return `${directory}/.lock`;
}
