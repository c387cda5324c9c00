import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, type HttpAnswer, request, ServerProcess, temporaryDirectory } from '../support/server-process.ts';

export const names = ['gaios', 'lakka', 'loggos'] as const;
export type Name = (typeof names)[number];

export const others = (name: Name) => names.filter((other) => other !== name);

export async function until(condition: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(20)) if (condition()) return;
  assert.fail(`in time: ${what}`);
}

/** Booted: whoever asks it is not told to wait. Only a leader is ready for more. */
const bootedPath = '/readyz?exclude=leader';

interface ClusterView {
  readonly self: string;
  readonly leader: string | null;
  readonly clusterId: string;
  readonly members: readonly { readonly name: string; readonly state: string; readonly lag: number }[];
}

/** Three real processes on this machine, each with a data directory of its own. */
export class RealCluster {
  readonly directory: string;
  readonly peers: string;
  readonly #servers: ReadonlyMap<Name, ServerProcess>;

  private constructor(directory: string, peers: string, servers: ReadonlyMap<Name, ServerProcess>) {
    this.directory = directory;
    this.peers = peers;
    this.#servers = servers;
  }

  /** @param flagsOf - beside those that name the replicas */
  static async of(
    test: { after(action: () => Promise<void>): void },
    flagsOf: (name: Name, directory: string) => readonly string[] = () => [],
  ): Promise<RealCluster> {
    const directory = await temporaryDirectory(test);
    const ports = new Map<Name, number>();
    for (const name of names) ports.set(name, await freePort());
    const peers = names.map((name) => `${name}=127.0.0.1:${ports.get(name)}`).join(',');
    const servers = new Map<Name, ServerProcess>();
    for (const name of names) {
      const flags = ['--replica', name, '--peers', peers, ...flagsOf(name, directory)];
      servers.set(name, new ServerProcess(join(directory, name), await freePort(), flags));
    }
    return new RealCluster(directory, peers, servers);
  }

  server(name: Name): ServerProcess {
    const server = this.#servers.get(name);
    assert(server !== undefined);
    return server;
  }

  get running(): readonly ServerProcess[] {
    return [...this.#servers.values()].filter(({ running }) => running);
  }

  /** Starts those that do not run, at once, and waits until each has booted. */
  async start(...which: readonly Name[]): Promise<void> {
    const started = (which.length === 0 ? names : which).map((name) => this.server(name));
    for (const server of started) if (!server.running) server.spawn();
    await Promise.all(started.map((server) => server.ready(60_000, bootedPath)));
  }

  /** As one replica sees it; undefined where it does not answer. */
  async view(name: Name): Promise<ClusterView | undefined> {
    const answer = await request(`${this.server(name).url}/v1/cluster`).catch(() => undefined);
    return answer?.status === 200 ? (JSON.parse(answer.text) as ClusterView) : undefined;
  }

  /** The one that leads and answers, within the time that an election may take on a busy machine. */
  async leader(withinMs = 20_000): Promise<Name> {
    for (const end = Date.now() + withinMs; Date.now() < end; await sleep(20)) {
      for (const name of names) {
        if (!this.server(name).running) continue;
        const ready = await request(`${this.server(name).url}/readyz`).catch(() => undefined);
        if (ready?.status === 200) return name;
      }
    }
    assert.fail(`nobody leads:\n${this.outputs}`);
  }

  async put(name: Name, id: string, document: unknown): Promise<HttpAnswer> {
    const body = JSON.stringify(document);
    return request(`${this.server(name).url}/v1/documents/cities/${id}`, { method: 'PUT', body });
  }

  async getLocal(name: Name, id: string): Promise<HttpAnswer> {
    return request(`${this.server(name).url}/v1/documents/cities/${id}?consistency=local`);
  }

  /** The digests of those that run, once each of them has applied what the leader had when it was asked. */
  async digests(): Promise<readonly string[]> {
    const leader = await this.leader();
    const { position } = await this.#digest(this.server(leader));
    return Promise.all(
      this.running.map(async (server) => {
        for (const end = Date.now() + 20_000; Date.now() < end; await sleep(20)) {
          const digest = await this.#digest(server);
          if (digest.position === position) return `${digest.position} ${digest.chain} ${digest.digest}`;
        }
        assert.fail(`${server.data} does not come to ${position}:\n${this.outputs}`);
      }),
    );
  }

  get outputs(): string {
    return names.map((name) => `--- ${name}\n${this.server(name).output}`).join('\n');
  }

  async #digest(server: ServerProcess): Promise<{ position: number; chain: string; digest: string }> {
    const answer = await request(`${server.url}/v1/digest`);
    assert.equal(answer.status, 200, answer.text);
    return JSON.parse(answer.text) as { position: number; chain: string; digest: string };
  }
}
