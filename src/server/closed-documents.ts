import type { FilesMachine } from '../checkpoint/verify.ts';
import { DocumentCheckpoint } from '../documents/document-checkpoint.ts';
import { documentMachineId, type VerifyFiles } from '../documents/document-state-machine.ts';
import { systemHashes } from '../system/hashes.ts';
import { PoolDisk } from '../system/pool-disk.ts';

/**
 * The document machine for whoever works on files that nobody has open: verify, restore, rebuild.
 * @param verify - default: in the calling thread
 */
export function closedDocuments(verify?: VerifyFiles): FilesMachine {
  const files = new DocumentCheckpoint({ disk: new PoolDisk(), hashes: systemHashes });
  return {
    id: documentMachineId,
    loadCheckpointState: (directory, listed, instance) => files.load(directory, listed, instance),
    verifyCheckpointState: verify ?? ((directory, listed) => files.verify(directory, listed)),
    rewindCheckpointState: (directory, moment) => files.rewind(directory, moment),
    forkCheckpointState: (directory, historyId) => files.fork(directory, historyId),
  };
}
