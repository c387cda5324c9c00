import { type CallPort, serveCalls } from '../../base/remote-calls.ts';
import type { DocumentRow } from '../machine/types.ts';
import type { CheckpointReader, EventFilter, HistoryLine } from './checkpoint-reader.ts';
import { type CalledWorker, startCalledWorker } from './worker-calls.ts';

/** What the worker's entry file is given as `workerData`; disk and hashes it makes itself. */
export interface ReaderWorkerData {
  readonly directory: string;
}

/** The reader in a worker thread of its own, so that pages and walks never hold up the main thread. */
export class WorkerCheckpointReader implements CheckpointReader {
  readonly #worker: CalledWorker;

  /**
   * @param entry - the file that makes an `InThreadCheckpointReader` and hands it to `serveReader`
   * @param onFailure - the thread is lost: every call fails from here on
   */
  constructor(entry: URL, data: ReaderWorkerData, onFailure: (error: unknown) => void = () => undefined) {
    this.#worker = startCalledWorker(entry, data, onFailure);
  }

  open(): Promise<void> {
    return this.#worker.calls.call('open', []);
  }

  lastPosition(): Promise<number> {
    return this.#worker.calls.call('lastPosition', []);
  }

  rows(collection: string, afterId: string | undefined, countMax: number): Promise<readonly DocumentRow[]> {
    return this.#worker.calls.call('rows', [collection, afterId, countMax]);
  }

  line(position: number): Promise<string | undefined> {
    return this.#worker.calls.call('line', [position]);
  }

  lines(request: {
    readonly after: number;
    readonly filter?: EventFilter;
    readonly countMax: number;
    readonly bytesMax: number;
    readonly scanMax: number;
  }): Promise<{ readonly lines: readonly HistoryLine[]; readonly scannedTo: number }> {
    return this.#worker.calls.call('lines', [request]);
  }

  walk(request: {
    readonly from: number;
    readonly revisionMax?: number;
    readonly positionMax?: number;
    readonly countMax: number;
    readonly positionAfter?: number;
  }): Promise<readonly HistoryLine[]> {
    return this.#worker.calls.call('walk', [request]);
  }

  positionAtTime(time: number): Promise<number> {
    return this.#worker.calls.call('positionAtTime', [time]);
  }

  chainAt(position: number): Promise<Uint8Array | undefined> {
    return this.#worker.calls.call('chainAt', [position]);
  }

  refresh(): Promise<void> {
    return this.#worker.calls.call('refresh', []);
  }

  async close(): Promise<void> {
    try {
      await this.#worker.calls.call('close', []);
    } finally {
      await this.#worker.stop();
    }
  }
}

type Lines = Parameters<CheckpointReader['lines']>[0];
type Walk = Parameters<CheckpointReader['walk']>[0];

/** The worker's side: serves `reader` to the other end of `port`. */
export function serveReader(port: CallPort, reader: CheckpointReader): void {
  serveCalls(port, {
    open: () => reader.open(),
    lastPosition: () => reader.lastPosition(),
    rows: (collection: string, afterId: string | undefined, countMax: number) =>
      reader.rows(collection, afterId, countMax),
    line: (position: number) => reader.line(position),
    lines: (request: Lines) => reader.lines(request),
    walk: (request: Walk) => reader.walk(request),
    positionAtTime: (time: number) => reader.positionAtTime(time),
    // A view into a larger buffer would be sent with all of it.
    chainAt: async (position: number) => (await reader.chainAt(position))?.slice(),
    refresh: () => reader.refresh(),
    close: () => reader.close(),
  });
}
