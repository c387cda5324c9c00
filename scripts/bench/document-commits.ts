import { silentObserver } from '../../src/base/observer.ts';
import { printPayload } from '../../src/documents/machine/event-line.ts';
import type { DocumentProposal } from '../../src/documents/machine/types.ts';
import { resolveConfiguration } from '../../src/server/configuration.ts';
import { makeDataDirectory, openIdentity } from '../../src/server/data-directory.ts';
import { Metrics } from '../../src/server/metrics.ts';
import { openDatabase } from '../../src/server/open-database.ts';
import { PoolDisk } from '../../src/system/pool-disk.ts';
import { systemRandom } from '../../src/system/random.ts';
import { type CommitRate, commitRate } from './in-flight.ts';
import { documentText } from './load.ts';

/** Commits of a whole database in this process, each a document of 256 bytes: all but HTTP. */
export async function documentCommits(data: string, seconds: number): Promise<CommitRate> {
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
  const rate = await commitRate(seconds, async (n) => {
    const outcome = await running.database.write(putOf(n), Number.POSITIVE_INFINITY);
    if (outcome.kind !== 'applied') throw new Error(`a write was rejected: ${outcome.code}`);
  });
  await running.stop();
  return rate;
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
