import type { VerifyFiles } from '../documents/document-state-machine.ts';
import { startCalledWorker } from '../documents/store/worker-calls.ts';
import type { VerifiedCheckpoint } from '../statemachine/state-machine.ts';

/**
 * Verifies checkpoint files in a thread of its own, for minutes where there are many: the main thread goes on serving.
 * An abort ends it at once; the thread is gone with SQLite's own check, at the latest, which changes nothing.
 */
export const verifyInWorker: VerifyFiles = async (directory, files, signal) => {
  signal?.throwIfAborted();
  const lost = Promise.withResolvers<never>();
  const worker = startCalledWorker(new URL('./workers/verify-worker.ts', import.meta.url), undefined, lost.reject);
  const abort = (): void => lost.reject(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const listed = files.map(({ name, bytes, sealed }) => ({ name, bytes, sealed }));
    return await Promise.race([worker.calls.call<VerifiedCheckpoint>('verify', [directory, listed]), lost.promise]);
  } finally {
    signal?.removeEventListener('abort', abort);
    void worker.stop();
  }
};
