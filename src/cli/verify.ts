import { type VerifyReport, verifySnapshot } from '../checkpoint/verify.ts';
import { closedDocuments } from '../server/closed-documents.ts';
import { systemClock } from '../system/clock.ts';
import { PoolDisk } from '../system/pool-disk.ts';
import { systemRandom } from '../system/random.ts';
import { type Progress, startProgress } from './progress.ts';

/** Reads a tar, an unpacked one or a data directory whole. @throws LoggosError saying what is wrong */
export async function verifyWithProgress(source: string): Promise<VerifyReport> {
  let progress: Progress | undefined;
  try {
    return await verifySnapshot(source, {
      disk: new PoolDisk(),
      clock: systemClock,
      random: systemRandom,
      machines: [closedDocuments()],
      onProgress: (doneBytes, totalBytes) => {
        progress ??= startProgress('Verifying', totalBytes);
        progress.at(doneBytes);
      },
    });
  } finally {
    progress?.end();
  }
}
