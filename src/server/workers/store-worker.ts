import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../base/assert.ts';
import { InThreadCheckpointStore } from '../../documents/store/in-thread-store.ts';
import { type StoreWorkerData, serveStore } from '../../documents/store/worker-store.ts';
import { systemHashes } from '../../system/hashes.ts';
import { SyncDisk } from '../../system/sync-disk.ts';
import { giveWay } from '../../system/thread-priority.ts';

// The thread that writes the checkpoint of one database. It has time: what waits for it is in the log, and writes slow
// down by themselves where it falls behind. The thread that syncs the log has none.
giveWay();
assert(parentPort !== null, 'the store worker runs in a worker thread');
const { directory, historyId } = workerData as StoreWorkerData;
const store = new InThreadCheckpointStore({ directory, historyId, disk: new SyncDisk(), hashes: systemHashes });
serveStore(parentPort, store);
