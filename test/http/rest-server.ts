import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { nanoid } from 'nanoid';
import type { Observer } from '../../src/base/observer.ts';
import type { Database } from '../../src/http/database.ts';
import { createHttpApp, type HttpApp } from '../../src/http/http-app.ts';
import { createHttpServer, defaultServerLimits, type ServerLimits } from '../../src/http/http-server.ts';
import { defaultHttpSettings, type HttpSettings } from '../../src/http/http-services.ts';
import { systemClock } from '../../src/system/clock.ts';
import { systemHashes } from '../../src/system/hashes.ts';
import { systemRandom } from '../../src/system/random.ts';
import { InMemoryDatabase } from './in-memory-database.ts';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly bytes: Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

export interface Report {
  readonly level: string;
  readonly event: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** The REST interface on a loopback port, over a database in memory. */
export class RestServer {
  readonly database = new InMemoryDatabase();
  /** What is served: one may take the place of another. */
  readonly databases = new Map<string, Database>([['main', this.database]]);
  readonly app: HttpApp;
  readonly reports: Report[] = [];
  readonly counters = new Map<string, number>();
  readonly #server;

  constructor(settings: Partial<HttpSettings> = {}, limits: Partial<ServerLimits> = {}) {
    const observer: Observer = {
      report: (level, event, facts = {}) => this.reports.push({ level, event, facts }),
      count: (counter, amount = 1) => this.counters.set(counter, (this.counters.get(counter) ?? 0) + amount),
      measure: () => {},
    };
    this.app = createHttpApp({
      databases: this.databases,
      settings: { ...defaultHttpSettings, deadlineMs: 300, ...settings },
      clock: systemClock,
      random: systemRandom,
      hashes: systemHashes,
      observer,
      ids: () => nanoid(),
      metrics: async () => 'up 1\n',
      version: '0.0.0',
    });
    this.#server = createHttpServer(this.app, { ...defaultServerLimits, ...limits });
  }

  static async start(settings: Partial<HttpSettings> = {}, limits: Partial<ServerLimits> = {}): Promise<RestServer> {
    const server = new RestServer(settings, limits);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  /** The same at a socket of the file system. */
  async listenAt(path: string): Promise<Server> {
    const local = createHttpServer(this.app);
    local.listen(path);
    await once(local, 'listening');
    return local;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Connections that the server has. */
  connectionCount(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
    });
  }

  async stop(): Promise<void> {
    this.app.closeStreams();
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** One request on a connection of its own, with exactly these headers. An object as body is sent as JSON. */
  send(
    method: string,
    path: string,
    options: {
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Uint8Array | Readonly<Record<string, unknown>> | readonly unknown[];
    } = {},
  ): Promise<Reply> {
    const { body } = options;
    const isValue = body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array);
    const sent = isValue ? JSON.stringify(body) : body;
    const headers = { ...(isValue ? { 'content-type': 'application/json' } : {}), ...options.headers };
    return new Promise((resolve, reject) => {
      const request = httpRequest(`${this.url}${path}`, { method, headers, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const bytes = Buffer.concat(chunks);
          const text = bytes.toString();
          const isJson = /json/.test(response.headers['content-type'] ?? '') && text !== '';
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            bytes,
            json: isJson ? JSON.parse(text) : undefined,
          });
        });
      });
      request.on('error', reject);
      // As bytes: a text would have Node encode the headers with it, in UTF-8.
      request.end(typeof sent === 'string' ? Buffer.from(sent) : sent);
    });
  }

  /** Raw bytes on a socket; resolves with all that came back when the other side closes or `until` came, and hangs up. */
  raw(bytes: string, waitMs = 5_000, until?: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, '127.0.0.1');
      let text = '';
      const timer = setTimeout(() => {
        socket.destroy();
        resolve(text);
      }, waitMs);
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
        if (until?.test(text) === true) socket.destroy();
      });
      socket.on('error', reject);
      socket.on('close', () => {
        clearTimeout(timer);
        resolve(text);
      });
      socket.write(bytes, 'latin1');
    });
  }
}
