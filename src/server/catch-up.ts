import { LoggosError } from '../base/errors.ts';
import type { Observer } from '../base/observer.ts';
import type { GroupFile } from '../checkpoint/group-file.ts';
import { documentMachineId } from '../documents/document-state-machine.ts';
import type { CheckpointStore } from '../documents/store/checkpoint-store.ts';
import { digestInterval } from '../documents/store/schema.ts';
import type { Log, LogRecord } from '../log/log.ts';
import { decodeChosenValue } from '../paxos/chosen-value.ts';
import type { MachineValue } from '../statemachine/state-machine.ts';
import type { BootProgress } from './boot-progress.ts';

const readCountMax = 256;
const readBytesMax = 4 * 1024 * 1024;
const transactionBytesMax = 32 * 1024 * 1024;
const progressInstances = 50_000;

/**
 * Replays what the log proves chosen straight into a checkpoint that nothing else has open. After a rebuild there may be
 * gigabytes of it: a boot would hold all of that in memory before its Replayer begins.
 * @param chosenTo - the last instance to replay
 * @throws LoggosError `log-damaged`, `checkpoint-damaged`; what the store throws
 */
export async function catchUp(options: {
  readonly store: CheckpointStore;
  readonly log: Log;
  readonly group: GroupFile;
  readonly chosenTo: number;
  readonly observer: Observer;
  /** Once it is aborted, it ends with its reason after what it last committed. */
  readonly signal?: AbortSignal;
  readonly progress?: BootProgress | undefined;
}): Promise<void> {
  const { store, log, group, chosenTo, observer, signal, progress } = options;
  const head = await store.open();
  try {
    let done = head.state.instance;
    progress?.at(() => ({ phase: 'catching-up', done, total: chosenTo }));
    let told = done;
    let bytes = 0;
    observer.report('warn', 'checkpoint-catching-up', { instance: done, chosenTo });
    while (done < chosenTo) {
      signal?.throwIfAborted();
      const transactionEnd = Math.min(chosenTo, done - (done % digestInterval) + digestInterval);
      const records = await log.read(done + 1, Math.min(readCountMax, transactionEnd - done), readBytesMax);
      if (records.length === 0) throw new LoggosError('log-damaged', `The log does not give instance ${done + 1}`);
      await store.execute(records.map((record) => itemOf(record, group)));
      for (const { value } of records) bytes += value.byteLength;
      done += records.length;
      if (done < transactionEnd && bytes < transactionBytesMax) continue;
      // Synced before the commit that covers its newest entry (FORMATS).
      await group.save();
      await store.commit();
      bytes = 0;
      if (done < told + progressInstances && done < chosenTo) continue;
      told = done;
      observer.report('info', 'checkpoint-catching-up', { instance: done, chosenTo });
    }
  } finally {
    await store.close();
  }
}

function itemOf(
  { instance, value }: LogRecord,
  group: GroupFile,
): { instance: number; value: MachineValue | undefined } {
  const chosen = decodeChosenValue(value);
  if (chosen === undefined) {
    throw new LoggosError('log-damaged', `Instance ${instance} holds no value that this version reads`);
  }
  if (chosen.kind === 'membership') group.add(instance, chosen.membership);
  return { instance, value: chosen.kind === 'batch' && chosen.machineId === documentMachineId ? chosen : undefined };
}
