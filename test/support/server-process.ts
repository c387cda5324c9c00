import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('../../', import.meta.url));
export const entry = join(repository, 'bin/loggos.js');

/** A port of the loopback interface that nobody used a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert(address !== null && typeof address === 'object');
  server.close();
  await once(server, 'close');
  return address.port;
}

/** Those that run; hooks run in the order in which they were asked for, so a directory may go before its server is told to. */
const runningServers = new Set<ServerProcess>();

/** A directory that is gone when the test is over, and with it every server that still runs in it. */
export async function temporaryDirectory(test: { after(action: () => Promise<void>): void }): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'loggos-'));
  test.after(async () => {
    for (const server of runningServers) if (server.data.startsWith(directory)) await server.kill();
    await rm(directory, { recursive: true, force: true });
  });
  return directory;
}

/** A server on a directory of its own and a free port; killed, and its directory removed, when the test is over. */
export async function serverOf(
  test: { after(action: () => Promise<void>): void },
  flags: readonly string[] = [],
): Promise<ServerProcess> {
  return new ServerProcess(await temporaryDirectory(test), await freePort(), flags);
}

/** One real `loggos serve` on a data directory; started, killed and started again by tests of faults. */
export class ServerProcess {
  readonly data: string;
  readonly port: number;
  readonly #flags: readonly string[];
  #process: ChildProcess | undefined;
  #output = '';

  constructor(data: string, port: number, flags: readonly string[] = []) {
    this.data = data;
    this.port = port;
    this.#flags = flags;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    assert(this.#process?.pid !== undefined, 'the process runs');
    return this.#process.pid;
  }

  /** All that it printed since the last start. */
  get output(): string {
    return this.#output;
  }

  get running(): boolean {
    return this.#process !== undefined;
  }

  /** Resolves when `/readyz` answers 200; fails with the output where the process ends or `timeoutMs` passes. */
  async start(timeoutMs = 30_000, readyPath = '/readyz'): Promise<void> {
    this.spawn();
    await this.ready(timeoutMs, readyPath);
  }

  /** Waits for a process that was spawned, as `start` does. */
  async ready(timeoutMs = 30_000, readyPath = '/readyz'): Promise<void> {
    const until = Date.now() + timeoutMs;
    while (Date.now() < until) {
      if (this.#process === undefined) throw new Error(`the server ended at once:\n${this.#output}`);
      try {
        const answer = await fetch(`${this.url}${readyPath}`, { signal: AbortSignal.timeout(2_000) });
        await answer.arrayBuffer();
        if (answer.status === 200) return;
      } catch {
        // Not listening yet.
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await this.kill();
    throw new Error(`the server was not ready in ${timeoutMs} ms:\n${this.#output}`);
  }

  /** As `start`, where it may refuse: resolves when its database is open, or will not be. */
  async startRefusing(timeoutMs = 30_000): Promise<void> {
    this.spawn();
    await this.ready(timeoutMs, '/livez');
    for (const until = Date.now() + timeoutMs; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
      const { text } = await request(`${this.url}/readyz?verbose`);
      if (!text.includes('booting')) return;
      assert(Date.now() < until, `the boot was not over in ${timeoutMs} ms:\n${this.#output}`);
    }
  }

  /** Starts it without waiting. */
  spawn(): void {
    assert(this.#process === undefined, 'one process at a time');
    this.#output = '';
    const child = spawn(
      process.execPath,
      [entry, 'serve', '--http', `127.0.0.1:${this.port}`, '--data', this.data, ...this.#flags],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    child.stdout.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
    child.once('exit', () => {
      runningServers.delete(this);
      if (this.#process === child) this.#process = undefined;
    });
    runningServers.add(this);
    this.#process = child;
  }

  /** Sends a signal; `SIGKILL` is the power button. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Sends `signal` and resolves with the exit code once the process is gone (null: ended by the signal). */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const child = this.#process;
    if (child === undefined) return null;
    const ended = once(child, 'exit') as Promise<[number | null]>;
    child.kill(signal);
    const [code] = await ended;
    return code;
  }

  /** Resolves with the exit code when it ends by itself. */
  async exited(): Promise<number | null> {
    const child = this.#process;
    if (child === undefined) return null;
    const [code] = (await once(child, 'exit')) as [number | null];
    return code;
  }
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** One request whose answer is read whole. A body is JSON where no header says otherwise. */
export async function request(
  url: string,
  init: { method?: string; headers?: Record<string, string>; body?: string | Uint8Array<ArrayBuffer> } = {},
): Promise<HttpAnswer> {
  const headers = init.body === undefined ? {} : { 'Content-Type': 'application/json' };
  const answer = await fetch(url, {
    ...init,
    headers: { ...headers, ...init.headers },
    signal: AbortSignal.timeout(30_000),
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** Runs the command line and resolves with its exit code and output. */
export async function loggos(...words: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [entry, ...words], { stdio: ['ignore', 'pipe', 'pipe'], cwd: repository });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}
