import { Worker } from 'node:worker_threads';
import { LoggosError } from '../../base/errors.ts';
import { RemoteCalls } from '../../base/remote-calls.ts';

/** A worker thread and the calls that it serves. */
export interface CalledWorker {
  readonly calls: RemoteCalls;
  /** Ends the thread; calls that wait fail. */
  stop(): Promise<void>;
}

/**
 * Starts a worker that serves calls on its parent port.
 * @param entry - the worker's file
 * @param data - its `workerData`
 */
export function startCalledWorker(entry: URL, data: unknown): CalledWorker {
  const worker = new Worker(entry, { workerData: data });
  const calls = new RemoteCalls(worker);
  worker.on('error', (error) => calls.close(error instanceof Error ? error : new Error(String(error))));
  worker.on('exit', () => calls.close(new LoggosError('stopped', 'The worker thread has ended.')));
  return {
    calls,
    async stop() {
      await worker.terminate();
    },
  };
}
