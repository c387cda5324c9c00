import type { LoggosError } from '../base/errors.ts';
import type { Opening } from '../base/opening.ts';
import type { DocumentReader } from '../documents/document-reader.ts';
import { defaultSettings } from '../documents/machine/settings.ts';
import type { Database } from '../http/database.ts';

export interface Refusal {
  readonly name: string;
  /** Why everything about data is refused now. */
  readonly refusal: () => LoggosError;
  /** The same for `/readyz?verbose`. */
  readonly check: () => { readonly name: string; readonly detail: string };
  /** Where the database stood when it was last open; absent: it was not. */
  readonly last?: Pick<DocumentReader, 'position' | 'appliedInstance' | 'histories'> | undefined;
  /** Of one that is being opened: when another stands in its place. */
  readonly opening?: Opening;
}

/**
 * Stands in for a database that is not open, because it is only starting or because its checkpoint is damaged: everything
 * about data is refused, and the process lives on, so that whoever asks is told instead of finding nobody.
 */
export function refusingDatabase({ name, refusal, check, last, opening }: Refusal): Database {
  const refuse = (): never => {
    throw refusal();
  };
  const refuseLater = async (): Promise<never> => refuse();
  return {
    name,
    ...(opening === undefined ? {} : { opening }),
    refusal,
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
    readiness: () => [{ ...check(), ok: false }],
    cluster: refuse,
  };
}
