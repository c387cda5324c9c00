import { Documents } from './documents.ts';
import { Events } from './events.ts';
import { type ClientOptions, Requests } from './requests.ts';
import { Snapshots } from './snapshots.ts';

/** A replica's own account of its checkpoint and log, as `/v1/checkpoint` gives it. */
export interface CheckpointSummary {
  readonly minChosenInstance: number;
  readonly checkpointInstance: number;
  readonly maxChosenInstance: number;
  readonly appliedInstance: number;
  readonly holdCount: number;
  readonly holdBytes: number;
  readonly holdSeconds: number;
  readonly log: { readonly segments: number; readonly bytes: number };
  readonly replayer: { readonly state: string; readonly lag: number };
  readonly cleaner: { readonly state: string };
  readonly transfers: readonly Readonly<Record<string, unknown>>[];
  readonly digest: string;
}

export interface ClusterSummary {
  readonly clusterId: string;
  readonly historyId: string;
  readonly database: string;
  readonly self: string;
  readonly leader: string | null;
  readonly ballot: string;
  readonly members: readonly {
    readonly id: number;
    readonly name: string;
    readonly role: string;
    readonly address: string;
    readonly state: string;
    readonly appliedInstance: number;
    readonly lag: number;
    readonly lastSeen: string | null;
  }[];
}

/**
 * Talks to Loggos over REST.
 * @example
 * const loggos = new Client({ url: 'http://127.0.0.1:8080' });
 * await loggos.documents.put('cities', 'gaios', { name: 'Gaios', harbour: true });
 * for await (const { text } of loggos.events.follow({ collection: 'cities' })) console.log(text);
 */
export class Client {
  readonly documents: Documents;
  readonly events: Events;
  readonly snapshots: Snapshots;
  readonly #requests: Requests;

  constructor(options: ClientOptions) {
    this.#requests = new Requests(options);
    this.documents = new Documents(this.#requests);
    this.events = new Events(this.#requests);
    this.snapshots = new Snapshots(this.#requests);
  }

  checkpoint(): Promise<CheckpointSummary> {
    return this.#requests.json('GET', '/checkpoint');
  }

  cluster(): Promise<ClusterSummary> {
    return this.#requests.json('GET', '/cluster');
  }

  /** Chain and digest at an instance; without one, of what is applied when the request arrives. */
  digest(instance?: number): Promise<{
    readonly instance: number;
    readonly position: number;
    readonly chain: string;
    readonly digest: string;
  }> {
    return this.#requests.json('GET', '/digest', { query: { instance } });
  }

  /** Whether a linearizable read would be answered now. */
  async ready(): Promise<boolean> {
    const response = await this.#requests.sendPlain('GET', '/readyz', { also: [503] });
    await response.arrayBuffer();
    return response.ok;
  }
}
