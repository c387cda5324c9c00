import { parentPort } from 'node:worker_threads';
import { assert } from '../../base/assert.ts';
import { serveCalls } from '../../base/remote-calls.ts';
import { DocumentCheckpoint } from '../../documents/document-checkpoint.ts';
import type { CheckpointFile } from '../../statemachine/state-machine.ts';
import { systemHashes } from '../../system/hashes.ts';
import { SyncDisk } from '../../system/sync-disk.ts';
import { giveWay } from '../../system/thread-priority.ts';

// The thread that reads a snapshot whole. Nobody waits for it.
giveWay();
assert(parentPort !== null, 'the verify worker runs in a worker thread');
const checkpoint = new DocumentCheckpoint({ disk: new SyncDisk(), hashes: systemHashes });
serveCalls(parentPort, {
  verify: (directory: string, files: readonly CheckpointFile[]) => checkpoint.verify(directory, files),
});
