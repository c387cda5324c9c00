import { LoggosError } from '../../base/errors.ts';
import { type CallPort, serveCalls } from '../../base/remote-calls.ts';
import type { CheckpointHead, CheckpointStore, FrozenFiles } from './checkpoint-store.ts';
import { isForGood } from './failures.ts';
import {
  type CheckpointItem,
  type PackedFingerprints,
  type PackedItems,
  packFingerprints,
  packItems,
  unpackFingerprints,
  unpackItems,
} from './packed-items.ts';
import type { RecordedDigest } from './schema.ts';
import { type CalledWorker, startCalledWorker } from './worker-calls.ts';

/** What the worker's entry file is given as `workerData`; disk and hashes it makes itself. */
export interface StoreWorkerData {
  readonly directory: string;
  readonly historyId: string;
}

/** The store in a worker thread of its own, so that neither SQLite nor its syncs hold up the main thread. */
export class WorkerCheckpointStore implements CheckpointStore {
  readonly #worker: CalledWorker;
  readonly #onFailure: (error: unknown) => void;

  /**
   * @param entry - the file that makes an `InThreadCheckpointStore` and hands it to `serveStore`
   * @param onFailure - nothing can be written any more, for a failing disk or since the thread is lost (D7). Damage and
   * broken invariants are only thrown: who calls knows what to do with them
   */
  constructor(entry: URL, data: StoreWorkerData, onFailure: (error: unknown) => void = () => undefined) {
    this.#onFailure = onFailure;
    this.#worker = startCalledWorker(entry, data, onFailure);
  }

  open(): Promise<CheckpointHead> {
    return this.#worker.calls.call('open', []);
  }

  async execute(items: readonly CheckpointItem[]): Promise<readonly Uint8Array[]> {
    const packed = packItems(items);
    const answer = this.#worker.calls.call<PackedFingerprints>('execute', [packed], [packed.bytes.buffer]);
    return unpackFingerprints(await this.#written(answer));
  }

  commit(): Promise<CheckpointHead> {
    return this.#written(this.#worker.calls.call('commit', []));
  }

  digestAt(instance: number): Promise<RecordedDigest | undefined> {
    return this.#worker.calls.call('digestAt', [instance]);
  }

  nearestDigest(instance: number): Promise<number | undefined> {
    return this.#worker.calls.call('nearestDigest', [instance]);
  }

  markDigest(): Promise<void> {
    return this.#written(this.#worker.calls.call('markDigest', []));
  }

  freeze(): Promise<FrozenFiles> {
    return this.#worker.calls.call('freeze', []);
  }

  async copyDatabase(path: string, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const abort = (): void => void this.#worker.calls.call('abortCopy', []).catch(() => undefined);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await this.#worker.calls.call('copyDatabase', [path]);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  thaw(): Promise<void> {
    return this.#worker.calls.call('thaw', []);
  }

  scrub(bytesMax: number): Promise<{ readonly bytes: number; readonly done: boolean; readonly damage?: string }> {
    return this.#worker.calls.call('scrub', [bytesMax]);
  }

  async close(): Promise<void> {
    try {
      await this.#worker.calls.call('close', []);
    } finally {
      await this.#worker.stop();
    }
  }

  async #written<Value>(writing: Promise<Value>): Promise<Value> {
    try {
      return await writing;
    } catch (error) {
      if (isForGood(error)) this.#onFailure(error);
      throw error;
    }
  }
}

/** The worker's side: serves `store` to the other end of `port`. */
export function serveStore(port: CallPort, store: CheckpointStore): void {
  let copying = new AbortController();
  serveCalls(port, {
    open: () => store.open(),
    execute: async (items: PackedItems) => packFingerprints(await store.execute(unpackItems(items))),
    commit: () => store.commit(),
    digestAt: (instance: number) => store.digestAt(instance),
    nearestDigest: (instance: number) => store.nearestDigest(instance),
    markDigest: () => store.markDigest(),
    freeze: () => store.freeze(),
    copyDatabase: (path: string) => {
      copying = new AbortController();
      return store.copyDatabase(path, copying.signal);
    },
    abortCopy: () => copying.abort(new LoggosError('stopped', 'The copy was given up.')),
    thaw: () => store.thaw(),
    scrub: (bytesMax: number) => store.scrub(bytesMax),
    close: () => store.close(),
  });
}
