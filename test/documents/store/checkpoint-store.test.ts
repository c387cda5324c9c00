import { WorkerCheckpointStore } from '../../../src/documents/store/worker-store.ts';
import { historyId } from './model.ts';
import { storeContract } from './store-contract.ts';
import { storeIn } from './temporary.ts';

const entry = new URL('../../../src/server/workers/store-worker.ts', import.meta.url);

storeContract('in thread', (directory) => storeIn(directory));
storeContract('in a worker', (directory) => new WorkerCheckpointStore(entry, { directory, historyId }));
