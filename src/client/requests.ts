import { problemOf, UnreachableError } from './problem-error.ts';

/** How to reach a server. */
export interface ClientOptions {
  /** Such as `http://127.0.0.1:8080`; without a path. */
  readonly url: string;
  /** Default: `main`. */
  readonly database?: string;
  /** Milliseconds until a request without an answer fails; default 30,000. Streams have none. */
  readonly timeoutMs?: number;
  /** Default: the platform's. */
  readonly fetch?: typeof fetch;
}

export type QueryValue = string | number | boolean | undefined;

/** What one request carries beside its method and path. */
export interface RequestParts {
  readonly query?: Readonly<Record<string, QueryValue>>;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
  /** Statuses that are answers beside 2xx. */
  readonly also?: readonly number[];
  /** The answer's body goes on for as long as it likes: no timeout. */
  readonly streams?: boolean;
}

/** Sends requests to one database of one server; every answer that is not asked for becomes a `ProblemError`. */
export class Requests {
  readonly #origin: string;
  readonly #databasePath: string;
  readonly #timeoutMs: number;
  readonly #fetch: typeof fetch;

  constructor({ url, database = 'main', timeoutMs = 30_000, fetch: given = fetch }: ClientOptions) {
    this.#origin = url.replace(/\/+$/, '');
    this.#databasePath = database === 'main' ? '/v1' : `/v1/databases/${encodeURIComponent(database)}`;
    this.#timeoutMs = timeoutMs;
    this.#fetch = given;
  }

  /**
   * @param path - begins with `/`, below the database; its parts are encoded already
   * @throws ProblemError, UnreachableError; the signal's reason where it was aborted
   */
  async send(method: string, path: string, parts: RequestParts = {}): Promise<Response> {
    return this.#send(method, this.#origin + this.#databasePath + path, parts);
  }

  /** The same for what stands beside `/v1`: health and metrics. */
  async sendPlain(method: string, path: string, parts: RequestParts = {}): Promise<Response> {
    return this.#send(method, this.#origin + path, parts);
  }

  async json<Value>(method: string, path: string, parts: RequestParts = {}): Promise<Value> {
    const response = await this.send(method, path, parts);
    return (await this.#body(response.url, () => response.json())) as Value;
  }

  async #send(method: string, address: string, parts: RequestParts): Promise<Response> {
    const url = withQuery(address, parts.query ?? {});
    const response = await this.#body(url, () => this.#fetch(url, this.#init(method, parts)), parts.signal);
    if (response.ok || parts.also?.includes(response.status) === true) return response;
    throw await problemOf(response);
  }

  #init(method: string, { headers = {}, body, signal, streams }: RequestParts): RequestInit {
    const given = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const signals = [signal, streams === true ? undefined : AbortSignal.timeout(this.#timeoutMs)];
    const all = signals.filter((one) => one !== undefined);
    return {
      method,
      headers: given,
      ...(body === undefined ? {} : { body }),
      ...(all.length === 0 ? {} : { signal: AbortSignal.any(all) }),
    };
  }

  async #body<Value>(url: string, work: () => Promise<Value>, signal?: AbortSignal): Promise<Value> {
    try {
      return await work();
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      throw new UnreachableError(url, error);
    }
  }
}

function withQuery(address: string, query: Readonly<Record<string, QueryValue>>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
  const text = parameters.toString();
  return text === '' ? address : `${address}?${text}`;
}
