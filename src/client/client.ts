import type { z } from 'zod';
import type { checkpointStatus, clusterStatus, digestAnswer } from '../api/cluster.ts';
import { Documents } from './documents.ts';
import { Events } from './events.ts';
import { type ClientOptions, Requests } from './requests.ts';
import { Snapshots } from './snapshots.ts';

/** A replica's own account of its checkpoint and log, as `/v1/checkpoint` gives it. */
export type CheckpointSummary = z.infer<typeof checkpointStatus>;
export type ClusterSummary = z.infer<typeof clusterStatus>;

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
  digest(instance?: number): Promise<z.infer<typeof digestAnswer>> {
    return this.#requests.json('GET', '/digest', { query: { instance } });
  }

  /** Whether a linearizable read would be answered now. */
  async ready(): Promise<boolean> {
    const response = await this.#requests.sendPlain('GET', '/readyz', { also: [503] });
    await response.arrayBuffer();
    return response.ok;
  }
}
