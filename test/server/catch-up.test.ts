import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { test } from 'node:test';
import { LoggosError } from '../../src/base/errors.ts';
import { silentObserver } from '../../src/base/observer.ts';
import { GroupFile } from '../../src/checkpoint/group-file.ts';
import { documentMachineId } from '../../src/documents/document-state-machine.ts';
import type { CheckpointStore } from '../../src/documents/store/checkpoint-store.ts';
import type { Log, LogRecord } from '../../src/log/log.ts';
import { ballotZero } from '../../src/paxos/ballot.ts';
import { encodeChosenValue } from '../../src/paxos/chosen-value.ts';
import { catchUp } from '../../src/server/catch-up.ts';
import type { MachineValue } from '../../src/statemachine/state-machine.ts';
import { SyncDisk } from '../../src/system/sync-disk.ts';
import { historyId, modelOf } from '../documents/store/model.ts';
import { hex } from '../documents/store/store-contract.ts';
import { storeIn, temporaryDirectory } from '../documents/store/temporary.ts';
import { puts } from '../documents/store/values.ts';

const membership = {
  clusterId: 'c0ffee',
  historyId,
  members: [{ id: 1, name: 'loggos', incarnation: '0123456789abcdef', role: 'voter' as const, address: '' }],
};

/** The bytes of a log: a membership, then these values, of which undefined ones are another machine's. */
function logOf(values: readonly (MachineValue | undefined)[]): Uint8Array[] {
  const other = { kind: 'batch', machineId: documentMachineId + 1, time: 1, proposals: [Uint8Array.of(7)] } as const;
  const batches = values.map((value) =>
    encodeChosenValue(value === undefined ? other : { kind: 'batch', machineId: documentMachineId, ...value }),
  );
  return [encodeChosenValue({ kind: 'membership', membership }), ...batches];
}

function logWith(chosen: readonly (Uint8Array | undefined)[], onRead: (first: number) => void = () => undefined): Log {
  const read = async (first: number, countMax: number): Promise<readonly LogRecord[]> => {
    onRead(first);
    const records: LogRecord[] = [];
    for (let instance = first; records.length < countMax; instance += 1) {
      const value = chosen[instance - 1];
      if (value === undefined) break;
      records.push({ kind: 'chosen', instance, ballot: ballotZero, value });
    }
    return records;
  };
  return { read } as unknown as Log;
}

async function place() {
  const directory = temporaryDirectory();
  const machine = `${directory}/machine-1`;
  mkdirSync(machine);
  const group = await GroupFile.open(new SyncDisk(), directory);
  return { directory, machine, group };
}

const values = [...puts(1_500), undefined, undefined, ...puts(900, 1, 30)];
const chosen = logOf(values);
const model = modelOf([undefined, ...values]);
const observer = silentObserver;

async function stateIn(directory: string) {
  const store = storeIn(directory);
  try {
    const { state, digest } = await store.open();
    const recorded = [await store.digestAt(1_000), await store.digestAt(2_000)];
    return { state, digest: hex(digest), recorded: recorded.map((one) => one?.instance) };
  } finally {
    await store.close();
  }
}

test('all that the log proves is replayed, to what a model says, with a digest at each multiple of 1,000', async () => {
  const { machine, group } = await place();
  await catchUp({ store: storeIn(machine), log: logWith(chosen), group, chosenTo: chosen.length, observer });
  const { state, digest, recorded } = await stateIn(machine);
  assert.equal(state.instance, chosen.length);
  assert.equal(digest, hex(model.digest));
  assert.equal(hex(state.chain), hex(model.state.chain));
  assert.equal(hex(state.fingerprint), hex(model.state.fingerprint));
  assert.deepEqual(recorded, [1_000, 2_000]);
});

test('no more than is proved, and nothing twice where it is called again', async () => {
  const { machine, group } = await place();
  const reads: number[] = [];
  const log = logWith(chosen, (first) => reads.push(first));
  await catchUp({ store: storeIn(machine), log, group, chosenTo: 700, observer });
  assert.equal((await stateIn(machine)).state.instance, 700);
  reads.length = 0;
  await catchUp({ store: storeIn(machine), log, group, chosenTo: chosen.length, observer });
  assert.equal(reads[0], 701);
  assert.equal((await stateIn(machine)).digest, hex(model.digest));
});

test('a membership is in the file of the group before the commit that covers it', async () => {
  const { directory, machine, group } = await place();
  const store = storeIn(machine);
  const commit = store.commit.bind(store);
  let savedFirst = false;
  store.commit = async () => {
    const saved = await GroupFile.open(new SyncDisk(), directory);
    savedFirst = saved.group?.memberships[0]?.instance === 1;
    return commit();
  };
  await catchUp({ store, log: logWith(chosen), group, chosenTo: 10, observer });
  assert.ok(savedFirst);
});

/** Catches up over a fault, then again without it: what was committed stayed, and nothing is missing. */
async function overFault(fault: (store: CheckpointStore, log: Log) => Promise<void>): Promise<void> {
  const { machine, group } = await place();
  const store = storeIn(machine);
  let isClosed = false;
  const close = store.close.bind(store);
  store.close = async () => {
    isClosed = true;
    await close();
  };
  await fault(store, logWith(chosen));
  assert.ok(isClosed, 'the store is closed');
  await catchUp({ store: storeIn(machine), log: logWith(chosen), group, chosenTo: chosen.length, observer });
  assert.equal((await stateIn(machine)).digest, hex(model.digest));
}

test('an instance that the log does not give, or that nobody can read, ends it; what was committed stays', async () => {
  for (const wrong of [undefined, Uint8Array.of(99, 1, 2)]) {
    const damaged: (Uint8Array | undefined)[] = [...chosen];
    damaged[1_200] = wrong;
    await overFault(async (store) => {
      const { group } = await place();
      const parts = { store, log: logWith(damaged), group, chosenTo: chosen.length, observer };
      await assert.rejects(catchUp(parts), { code: 'log-damaged' });
    });
  }
});

test('a stop ends it at the next read, with its reason', async () => {
  await overFault(async (store) => {
    const { group } = await place();
    const stopping = new AbortController();
    const reads: number[] = [];
    const log = logWith(chosen, (first) => {
      reads.push(first);
      if (first > 1_000 && !stopping.signal.aborted) stopping.abort(new LoggosError('stopped', 'planned'));
    });
    const parts = { store, log, group, chosenTo: chosen.length, observer, signal: stopping.signal };
    await assert.rejects(catchUp(parts), { code: 'stopped' });
    assert.ok((reads.at(-1) ?? 0) < 1_300, 'no read follows');
  });
});
