import { DocumentStateMachine } from '../../../src/documents/document-state-machine.ts';
import { LiveRows } from '../../../src/documents/store/live-rows.ts';
import type { MachineValue } from '../../../src/statemachine/state-machine.ts';
import { systemHashes } from '../../../src/system/hashes.ts';
import { SyncDisk } from '../../../src/system/sync-disk.ts';
import { storeIn } from '../store/temporary.ts';

/** A document machine over real files, its store in this thread. */
export function machineIn(
  directory: string,
  options: { readonly store?: ReturnType<typeof storeIn>; readonly tailBytesMax?: number } = {},
): Promise<DocumentStateMachine> {
  return DocumentStateMachine.open({
    store: options.store ?? storeIn(directory),
    liveRows: new LiveRows({ directory, hashes: systemHashes }),
    directory,
    disk: new SyncDisk(),
    hashes: systemHashes,
    ...(options.tailBytesMax === undefined ? {} : { tailBytesMax: options.tailBytesMax }),
  });
}

/** Executes live what is not executed yet, up to `lastInstance`. */
export function applyTo(
  machine: DocumentStateMachine,
  values: readonly (MachineValue | undefined)[],
  lastInstance = values.length,
): void {
  while (machine.state.instance < lastInstance) {
    machine.execute(machine.state.instance + 1, values[machine.state.instance]);
  }
}

/** Replays as the Replayer does: one transaction from the durable checkpoint to `lastInstance`. */
export async function replayTo(
  machine: DocumentStateMachine,
  values: readonly (MachineValue | undefined)[],
  lastInstance: number,
): Promise<readonly Uint8Array[]> {
  const executions: Promise<Uint8Array>[] = [];
  for (let instance = machine.checkpointInstance() + 1; instance <= lastInstance; instance++) {
    executions.push(machine.executeForCheckpoint(instance, values[instance - 1]));
  }
  const fingerprints = await Promise.all(executions);
  await machine.commitCheckpoint();
  machine.checkpointCommitted(machine.checkpointInstance());
  return fingerprints;
}
