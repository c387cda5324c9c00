import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { LoadOptions, LoadResult } from './load.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** A port of the loopback interface that nobody used a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A server under measurement, in a process of its own. */
export class MeasuredServer {
  readonly port: number;
  readonly #process: ChildProcess;

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#process = child;
  }

  /** Starts `script` (with `$PORT` replaced in its words) and resolves when `path` answers 200. */
  static async start(script: string, words: readonly string[], path: string): Promise<MeasuredServer> {
    const port = await freePort();
    const child = spawn(process.execPath, [here(script), ...words.map((word) => word.replace('$PORT', String(port)))], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const server = new MeasuredServer(port, child);
    for (;;) {
      if (child.exitCode !== null) throw new Error(`${script} ended with ${child.exitCode}`);
      const ok = await fetch(`http://127.0.0.1:${port}${path}`).then(
        (answer) => answer.arrayBuffer().then(() => answer.ok),
        () => false,
      );
      if (ok) return server;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Resident memory in MiB. */
  async residentMiB(): Promise<number> {
    const status = await readFile(`/proc/${this.#process.pid}/status`, 'utf8').catch(() => '');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1_024;
  }

  /** The server's own metrics now: asks for one sample by its name, NaN where there is none of it. */
  async metrics(): Promise<(name: string) => number> {
    const text = await (await fetch(`http://127.0.0.1:${this.port}/metrics`)).text();
    return (name) => Number(new RegExp(`^loggos_${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
  }

  async json<Shape>(path: string): Promise<Shape> {
    return (await (await fetch(`http://127.0.0.1:${this.port}${path}`)).json()) as Shape;
  }

  /** Sends JSON; throws unless it was done. */
  async post(path: string, body: string): Promise<void> {
    const headers = { 'Content-Type': 'application/json' };
    const answer = await fetch(`http://127.0.0.1:${this.port}${path}`, { method: 'POST', headers, body });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${text.slice(0, 300)}`);
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill(signal);
    await ended;
  }
}

/** Runs the load generator in a process of its own. */
export async function load(options: Partial<LoadOptions> & Pick<LoadOptions, 'port' | 'method'>): Promise<LoadResult> {
  const whole: LoadOptions = {
    connections: 64,
    seconds: 5,
    keys: 10_000,
    sequential: false,
    valueBytes: 256,
    ...options,
  };
  const child = spawn(process.execPath, [here('./load.ts'), '--options', JSON.stringify(whole)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`the load generator ended with ${code}`);
  return JSON.parse(output) as LoadResult;
}
