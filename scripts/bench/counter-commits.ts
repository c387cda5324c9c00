import { CounterMachine } from '../../docs/examples/counter.ts';
import { silentObserver } from '../../src/base/observer.ts';
import { openCurrent } from '../../src/checkpoint/current.ts';
import { Replayer } from '../../src/checkpoint/replayer.ts';
import { openLog } from '../../src/log/open-log.ts';
import { Replica } from '../../src/replica/replica.ts';
import { Machines } from '../../src/statemachine/machines.ts';
import { systemClock } from '../../src/system/clock.ts';
import { systemHashes } from '../../src/system/hashes.ts';
import { PoolDisk } from '../../src/system/pool-disk.ts';
import { systemRandom } from '../../src/system/random.ts';
import { WorkerDisk } from '../../src/system/worker-disk.ts';
import { type CommitRate, commitRate } from './in-flight.ts';

const machineId = 7;
const replicaName = 'bench';
const incarnation = '0123456789abcdef';
const clusterId = '0123456789abcdef0123456789abcdef';
/** How long the Replayer may take to come level at the end. */
const levelMs = 60_000;

/** Commits of a replica whose only machine is the example's counter: what the log, Paxos and the Replayer cost alone. */
export async function counterCommits(directory: string, seconds: number): Promise<CommitRate> {
  const readDisk = new PoolDisk();
  const disk = new WorkerDisk();
  await readDisk.makeDirectory(directory);
  const current = await openCurrent(readDisk, directory);
  const counter = await CounterMachine.open(machineId, `${directory}/machine`);
  const onFatal = (error: unknown): never => {
    throw error;
  };
  const { log, boot } = await openLog({
    disk,
    readDisk,
    directory: `${directory}/log`,
    identity: 'bench',
    checkpointInstance: 0,
    hashes: systemHashes,
    clock: systemClock,
    observer: silentObserver,
    segmentBytes: 64 * 1024 * 1024,
    onFailure: onFatal,
  });
  const replica = await Replica.boot({
    identity: { clusterId, replicaId: 1, name: replicaName, incarnation },
    log,
    boot,
    machines: new Machines([counter]),
    memberships: [],
    initialMembership: {
      clusterId,
      historyId: clusterId,
      members: [{ id: 1, name: replicaName, incarnation, role: 'voter', address: '' }],
    },
    onMembership: async (instance, membership) => current.group.add(instance, membership),
    clock: systemClock,
    random: systemRandom,
    observer: silentObserver,
    pressure: () => 0,
    onFatal,
  });
  const replayer = new Replayer({
    machines: [counter],
    log: replica,
    group: current.group,
    clock: systemClock,
    observer: silentObserver,
    onBroken: onFatal,
  });
  replayer.start();
  const proposal = new TextEncoder().encode('{"counter":"commits","add":1}');
  const rate = await commitRate(seconds, async () => {
    await replica.propose(machineId, proposal);
  });
  await replica.stop();
  await replayer.reached(replica.appliedInstance, systemClock.monotonic() + levelMs);
  await replayer.stop();
  await log.close();
  await disk.close();
  return rate;
}
