import { Worker } from 'node:worker_threads';
import { LoggosError } from '../../base/errors.ts';
import { RemoteCalls } from '../../base/remote-calls.ts';

/** Of a worker's heap: what it makes is of short life, and memory that garbage was in is not given back. */
const youngGenerationMb = 12;

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
  const worker = new Worker(entry, {
    workerData: data,
    resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
  });
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
