import { join } from 'node:path';
import { silentObserver } from '../../src/base/observer.ts';
import { printPayload } from '../../src/documents/machine/event-line.ts';
import type { DocumentProposal } from '../../src/documents/machine/types.ts';
import { resolveConfiguration } from '../../src/server/configuration.ts';
import { makeDataDirectory, openIdentity } from '../../src/server/data-directory.ts';
import { Metrics } from '../../src/server/metrics.ts';
import { openDatabase } from '../../src/server/open-database.ts';
import { PoolDisk } from '../../src/system/pool-disk.ts';
import { systemRandom } from '../../src/system/random.ts';
import { documentText } from './load.ts';
import type { Row } from './table.ts';

const inFlight = 64;

/** Writes through a whole database in this process, 64 at a time, without HTTP. */
export async function inProcessCommits(options: {
  readonly directory: string;
  readonly seconds: number;
  readonly syncsPerSecond: number;
}): Promise<readonly Row[]> {
  const data = join(options.directory, 'commits');
  const { values: configuration } = resolveConfiguration({ data }, {});
  const disk = new PoolDisk();
  await makeDataDirectory(disk, data);
  const observer = silentObserver;
  const identity = await openIdentity(disk, data, 'bench', { random: systemRandom, observer });
  const running = await openDatabase({
    name: 'main',
    configuration,
    identity,
    observer,
    metrics: new Metrics(),
    onFatal: (error) => {
      throw error;
    },
    onDamaged: (what) => {
      throw new Error(what);
    },
  });
  let commits = 0;
  const startedAt = performance.now();
  const endAt = startedAt + options.seconds * 1_000;
  const writer = async (first: number): Promise<void> => {
    for (let n = first; performance.now() < endAt; n += inFlight) {
      const outcome = await running.database.write(putOf(n), Number.POSITIVE_INFINITY);
      if (outcome.kind !== 'applied') throw new Error(`a write was rejected: ${outcome.code}`);
      commits++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, first) => writer(first)));
  const perSecond = commits / ((performance.now() - startedAt) / 1_000);
  await running.stop();
  return [
    {
      what: `commits in process, ${inFlight} in flight`,
      value: perSecond,
      unit: '/s',
      ratio: perSecond / options.syncsPerSecond,
      against: `single fdatasyncs, ${Math.round(options.syncsPerSecond).toLocaleString('en')}/s (goal 10)`,
    },
  ];
}

function putOf(n: number): DocumentProposal {
  const documentId = `k${n % 10_000}`;
  const id = `bench-${n}`;
  const fields = { id, actor: 'anonymous', collection: 'bench', documentId, type: null, metadata: {} };
  const content = { field: 'document', json: documentText(n, 256) } as const;
  const operation = {
    kind: 'put',
    collection: 'bench',
    documentId,
    precondition: { kind: 'none' },
    ...printPayload({ ...fields, content }),
    salt: systemRandom.bytes(16),
  } as const;
  return { kind: 'write', id, actor: 'anonymous', transaction: false, operations: [operation] };
}
