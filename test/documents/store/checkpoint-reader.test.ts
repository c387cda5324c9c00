import { InThreadCheckpointReader } from '../../../src/documents/store/in-thread-reader.ts';
import { WorkerCheckpointReader } from '../../../src/documents/store/worker-reader.ts';
import { systemHashes } from '../../../src/system/hashes.ts';
import { SyncDisk } from '../../../src/system/sync-disk.ts';
import { readerContract } from './reader-contract.ts';

const entry = new URL('../../../src/server/workers/reader-worker.ts', import.meta.url);

readerContract(
  'in thread',
  (directory) => new InThreadCheckpointReader({ directory, disk: new SyncDisk(), hashes: systemHashes }),
);
readerContract('in a worker', (directory) => new WorkerCheckpointReader(entry, { directory }));
