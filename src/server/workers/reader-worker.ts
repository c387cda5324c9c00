import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../base/assert.ts';
import { InThreadCheckpointReader } from '../../documents/store/in-thread-reader.ts';
import { type ReaderWorkerData, serveReader } from '../../documents/store/worker-reader.ts';
import { systemHashes } from '../../system/hashes.ts';
import { SyncDisk } from '../../system/sync-disk.ts';

// The thread that reads pages and history of one database's checkpoint.
assert(parentPort !== null, 'the reader worker runs in a worker thread');
const { directory } = workerData as ReaderWorkerData;
const reader = new InThreadCheckpointReader({ directory, disk: new SyncDisk(), hashes: systemHashes });
serveReader(parentPort, reader);
