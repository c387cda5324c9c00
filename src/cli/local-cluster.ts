import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
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

/** Replicas on this machine, a process and a directory below `data` each. What they log is noted, with their names. */
export class LocalCluster {
  readonly replicas: readonly LocalReplica[];
  readonly #processes: readonly ChildProcess[];
  readonly #ended: Promise<unknown>;
  #isStopping = false;

  constructor({
    count,
    data,
    httpBasePort,
  }: { readonly count: number; readonly data: string; readonly httpBasePort: number }) {
    const names = Array.from({ length: count }, (_, index) => harbours[index] ?? `replica-${index + 1}`);
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
    note(`${name.padEnd(9)} ended (${child.signalCode ?? child.exitCode}); the others go on while most of them run`);
  }
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}
