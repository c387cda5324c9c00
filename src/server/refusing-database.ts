import { LoggosError } from '../base/errors.ts';
import type { DocumentReader } from '../documents/document-reader.ts';
import { defaultSettings } from '../documents/machine/settings.ts';
import type { Database } from '../http/database.ts';

/**
 * Stands in for a database whose checkpoint is damaged: everything about data is refused with `checkpoint-damaged`, and
 * the process lives on, so that whoever asks is told instead of finding nobody.
 * @param what - why, for the log and `/readyz?verbose`
 * @param last - where the database stood when it was last open; absent: it was not
 */
export function refusingDatabase(
  name: string,
  what: string,
  last?: Pick<DocumentReader, 'position' | 'appliedInstance' | 'histories'>,
): Database {
  const refuse = (): never => {
    throw new LoggosError('checkpoint-damaged', what);
  };
  const refuseLater = async (): Promise<never> => refuse();
  return {
    name,
    limits: defaultSettings,
    read: {
      position: last?.position ?? 0,
      appliedInstance: last?.appliedInstance ?? 0,
      histories: last?.histories ?? [],
      current: refuse,
      asOf: refuseLater,
      history: refuseLater,
      events: refuseLater,
      event: refuseLater,
      chainAt: refuseLater,
      chainPrefixAt: refuseLater,
      positionAtTime: refuseLater,
      page: refuseLater,
      onApplied: () => () => undefined,
    },
    write: refuseLater,
    linearizable: refuseLater,
    reached: refuseLater,
    checkpointReached: refuseLater,
    checkpoint: { status: refuseLater, configure: refuseLater, digest: refuseLater },
    snapshots: { create: refuseLater, list: refuseLater, remove: refuseLater, open: refuseLater },
    readiness: () => [{ name: 'checkpoint', ok: false, detail: what }],
    cluster: refuse,
  };
}
