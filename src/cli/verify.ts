import { LoggosError } from '../base/errors.ts';
import { type VerifyReport, verifySnapshot } from '../checkpoint/verify.ts';
import { closedDocuments } from '../server/closed-documents.ts';
import { verifyInWorker } from '../server/verify-in-worker.ts';
import { systemClock } from '../system/clock.ts';
import { PoolDisk } from '../system/pool-disk.ts';
import { systemRandom } from '../system/random.ts';
import { type Progress, startProgress } from './progress.ts';

/**
 * Reads a tar, an unpacked one or a data directory whole. Ctrl-C ends it, and what it has unpacked is gone.
 * @throws LoggosError saying what is wrong, and with which
 */
export async function verifyWithProgress(source: string): Promise<VerifyReport> {
  let progress: Progress | undefined;
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort(new LoggosError('stopped', 'The verification was interrupted.'));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  try {
    return await verifySnapshot(source, {
      disk: new PoolDisk(),
      clock: systemClock,
      random: systemRandom,
      machines: [closedDocuments(verifyInWorker)],
      signal: interrupted.signal,
      onProgress: (doneBytes, totalBytes) => {
        progress ??= startProgress('Verifying', totalBytes);
        progress.at(doneBytes);
      },
    });
  } catch (error) {
    if (!(error instanceof LoggosError) || error.message.includes(source)) throw error;
    throw new LoggosError(error.code, `${source}: ${error.message}`, error.facts, error);
  } finally {
    progress?.end();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt);
  }
}
