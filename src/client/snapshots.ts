import type { z } from 'zod';
import type { snapshotInfo } from '../api/cluster.ts';
import { ProblemError } from './problem-error.ts';
import type { Requests } from './requests.ts';

/** A sealed copy of the checkpoint, at the server. */
export type SnapshotSummary = z.infer<typeof snapshotInfo>;

/** A download that can be taken up where it broke. */
export interface SnapshotDownload {
  /** Of the whole tar. */
  readonly bytes: number;
  readonly etag: string;
  /** From `firstByte` to the end, over as many connections as it takes. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** A connection that breaks this often without one byte is given up. */
const triesMax = 8;

/** Snapshots of one database, at one replica. */
export class Snapshots {
  readonly #requests: Requests;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  /** Seals one of the newest state, or answers with the one that is there when nothing was written since. */
  create(): Promise<SnapshotSummary> {
    return this.#requests.json('POST', '/snapshots', { streams: true });
  }

  async list(): Promise<readonly SnapshotSummary[]> {
    const { items } = await this.#requests.json<{ items: readonly SnapshotSummary[] }>('GET', '/snapshots');
    return items;
  }

  async remove(instance: number): Promise<void> {
    const response = await this.#requests.send('DELETE', `/snapshots/${instance}`);
    await response.arrayBuffer();
  }

  /**
   * The tar of a snapshot. A broken connection is taken up at the byte where it broke, of that same snapshot only.
   * @param from - what is there already, and the etag it had
   * @throws ProblemError `not-found`; code `snapshot-changed` where the server has another one under that number now
   */
  async download(
    instance: number,
    from: { readonly firstByte: number; readonly etag?: string } = { firstByte: 0 },
    signal?: AbortSignal,
  ): Promise<SnapshotDownload> {
    const path = `/snapshots/${instance}.tar`;
    const head = await this.#requests.send('HEAD', path, { signal });
    const etag = head.headers.get('etag') ?? '';
    const bytes = Number(head.headers.get('content-length'));
    if (from.etag !== undefined && from.etag !== etag) throw changed();
    return { bytes, etag, chunks: this.#chunks(path, from.firstByte, bytes, etag, signal) };
  }

  async *#chunks(
    path: string,
    firstByte: number,
    bytes: number,
    etag: string,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void> {
    let next = firstByte;
    let tries = 0;
    while (next < bytes) {
      try {
        const response = await this.#requests.send('GET', path, {
          headers: { Range: `bytes=${next}-`, 'If-Range': etag },
          signal,
          streams: true,
        });
        if (response.status !== 206 && next > 0) throw changed();
        for await (const chunk of response.body ?? []) {
          next += chunk.length;
          tries = 0;
          yield chunk;
        }
      } catch (error) {
        if (signal?.aborted === true || (error instanceof ProblemError && error.status < 500)) throw error;
        if (++tries === triesMax) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** tries));
      }
    }
  }
}

function changed(): ProblemError {
  return new ProblemError(412, 'snapshot-changed', 'the server has another snapshot under that number now', {});
}
