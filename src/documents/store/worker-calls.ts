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
 * @param onLost - the thread has ended without being stopped: nothing it served comes back
 */
export function startCalledWorker(entry: URL, data: unknown, onLost: (error: Error) => void): CalledWorker {
  const worker = new Worker(entry, {
    workerData: data,
    resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
  });
  const calls = new RemoteCalls(worker);
  let isOver = false;
  const end = (reason: Error): void => {
    calls.close(reason);
    if (isOver) return;
    isOver = true;
    onLost(reason);
  };
  worker.on('error', (error) => end(error instanceof Error ? error : new Error(String(error))));
  worker.on('exit', () => end(new LoggosError('stopped', 'The worker thread has ended.')));
  return {
    calls,
    async stop() {
      isOver = true;
      await worker.terminate();
    },
  };
}
