import { WorkerCheckpointStore } from '../../../src/documents/store/worker-store.ts';
import { historyId } from './model.ts';
import { onFiles, storeContract } from './store-contract.ts';
import { storeIn } from './temporary.ts';

const entry = new URL('../../../src/server/workers/store-worker.ts', import.meta.url);

storeContract(
  'in thread',
  onFiles((directory) => storeIn(directory)),
);
storeContract(
  'in a worker',
  onFiles((directory) => new WorkerCheckpointStore(entry, { directory, historyId })),
);
