import { assert } from '../base/assert.ts';
import { DocumentCheckpoint } from '../documents/document-checkpoint.ts';
import { documentMachineId } from '../documents/document-state-machine.ts';
import type { StateMachine } from '../statemachine/state-machine.ts';
import { systemHashes } from '../system/hashes.ts';
import { PoolDisk } from '../system/pool-disk.ts';

/** The document machine for whoever works on files that nobody has open: verify, restore. It executes nothing. */
export function closedDocuments(): StateMachine {
  const files = new DocumentCheckpoint({ disk: new PoolDisk(), hashes: systemHashes });
  return {
    id: documentMachineId,
    execute: isClosed,
    executeForCheckpoint: isClosed,
    checkpointInstance: isClosed,
    checkpointFingerprint: isClosed,
    lockCheckpointState: isClosed,
    checkpointState: isClosed,
    unlockCheckpointState: isClosed,
    loadCheckpointState: (directory, listed, instance) => files.load(directory, listed, instance),
    verifyCheckpointState: (directory, listed) => files.verify(directory, listed),
    forkCheckpointState: (directory, historyId) => files.fork(directory, historyId),
  };
}

function isClosed(): never {
  assert(false, 'a machine that is closed executes nothing');
}
