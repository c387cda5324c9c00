import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LoggosError } from '../base/errors.ts';
import { readFounders } from '../checkpoint/founders-file.ts';
import { checkFree } from '../server/listen.ts';
import { PoolDisk } from '../system/pool-disk.ts';
import { note } from './output.ts';

const entry = fileURLToPath(new URL('../../bin/loggos.js', import.meta.url));

/** The three harbours of the island first. */
const harbours = ['gaios', 'lakka', 'loggos'];
/** Replicas reach each other at ports so far above those of REST. */
const peerPortOffset = 1_000;
const readyPollMs = 200;

export interface LocalReplica {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
}

export interface LocalClusterOptions {
  readonly count: number;
  readonly data: string;
  readonly httpBasePort: number;
}

/**
 * Before any process is started: whether all ports are free, so that nobody else is taken for a replica, and whether
 * the directories are of a cluster of that size, since a replica that its group has not founded would wait for ever.
 * @throws LoggosError `in-use`, `usage`
 */
export async function checkPlace({ count, data, httpBasePort }: LocalClusterOptions): Promise<void> {
  for (const name of namesOf(count)) {
    const founders = await readFounders(new PoolDisk(), `${data}/${name}`);
    if (founders === undefined || founders.length === count) continue;
    const advice = `give --replicas ${founders.length}, or another --data`;
    throw new LoggosError('usage', `${data} has a cluster of ${founders.length}, not of ${count}: ${advice}`);
  }
  for (let index = 0; index < count; index++) {
    for (const port of [httpBasePort + index, httpBasePort + index + peerPortOffset]) {
      await checkFree({ host: '127.0.0.1', port }).catch((error: unknown) => {
        if (!(error instanceof LoggosError) || error.code !== 'in-use') throw error;
        const advice = 'choose other ports by --http-base-port';
        throw new LoggosError('in-use', `127.0.0.1:${port} is taken by another process: ${advice}`, {}, error);
      });
    }
  }
}

/** Replicas on this machine, a process and a directory below `data` each. What they log is noted, with their names. */
export class LocalCluster {
  readonly replicas: readonly LocalReplica[];
  readonly #processes: readonly ChildProcess[];
  readonly #ended: Promise<unknown>;
  #isStopping = false;

  constructor({ count, data, httpBasePort }: LocalClusterOptions) {
    const names = namesOf(count);
    const portOf = (name: string) => httpBasePort + names.indexOf(name);
    const peers = names.map((name) => `${name}=127.0.0.1:${portOf(name) + peerPortOffset}`).join(',');
    const started = names.map((name) => {
      const place = ['--http', `127.0.0.1:${portOf(name)}`, '--data', `${data}/${name}`];
      const words = [entry, 'serve', '--replica', name, ...place, '--peers', peers, '--log-format', 'text'];
      const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'] });
      createInterface({ input: child.stderr }).on('line', (line) => note(`${name.padEnd(9)} ${line}`));
      return { name, child };
    });
    this.#processes = started.map(({ child }) => child);
    this.replicas = started.map(({ name, child }) => {
      return { name, url: `http://127.0.0.1:${portOf(name)}`, pid: child.pid ?? 0 };
    });
    this.#ended = Promise.all(started.map(({ name, child }) => this.#endOf(name, child)));
  }

  /** Resolves with who leads first; undefined: all processes have ended. */
  async leader(): Promise<LocalReplica | undefined> {
    while (this.#processes.some(isRunning)) {
      for (const replica of this.replicas) {
        const answer = await fetch(`${replica.url}/readyz`).catch(() => undefined);
        await answer?.arrayBuffer();
        if (answer?.status === 200) return replica;
      }
      await sleep(readyPollMs);
    }
    return undefined;
  }

  /** Resolves when all processes have ended: true where that was asked for. */
  async ended(): Promise<boolean> {
    await this.#ended;
    return this.#isStopping;
  }

  /** The second time none is waited for. */
  stop(signal: NodeJS.Signals): void {
    this.#isStopping = true;
    for (const child of this.#processes) if (isRunning(child)) child.kill(signal);
  }

  async #endOf(name: string, child: ChildProcess): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    child.once('close', () => resolve());
    await promise;
    if (this.#isStopping) return;
    const advice = 'the others go on while most of them run, and the next loggos cluster starts it again';
    note(`${name.padEnd(9)} ended (${child.signalCode ?? child.exitCode}); ${advice}`);
  }
}

function namesOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => harbours[index] ?? `replica-${index + 1}`);
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}
