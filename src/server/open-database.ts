import { assert } from '../base/assert.ts';
import type { Observer } from '../base/observer.ts';
import { CheckpointManager } from '../checkpoint/checkpoint-manager.ts';
import { type CurrentCheckpoint, machineDirectory, openCurrent, removeSuperseded } from '../checkpoint/current.ts';
import type { Identity } from '../checkpoint/identity-file.ts';
import { randomId } from '../checkpoint/random-id.ts';
import { DocumentStateMachine, documentMachineId } from '../documents/document-state-machine.ts';
import { LiveRows } from '../documents/store/live-rows.ts';
import { WorkerCheckpointReader } from '../documents/store/worker-reader.ts';
import { WorkerCheckpointStore } from '../documents/store/worker-store.ts';
import { TailAndCheckpointReader } from '../documents/tail-and-checkpoint-reader.ts';
import type { Log } from '../log/log.ts';
import { openLog } from '../log/open-log.ts';
import { Replica } from '../replica/replica.ts';
import { Machines } from '../statemachine/machines.ts';
import { systemClock } from '../system/clock.ts';
import { systemHashes } from '../system/hashes.ts';
import { PoolDisk } from '../system/pool-disk.ts';
import { systemRandom } from '../system/random.ts';
import { WorkerDisk } from '../system/worker-disk.ts';
import { ManagedCheckpoint } from './checkpoint-control.ts';
import { clusterStatus } from './cluster-status.ts';
import type { Configuration } from './configuration.ts';
import { DocumentDatabase } from './document-database.ts';
import type { Metrics } from './metrics.ts';
import { Scrubber } from './scrubber.ts';

export interface OpenDatabaseOptions {
  readonly name: string;
  readonly configuration: Configuration;
  readonly identity: Identity;
  readonly observer: Observer;
  readonly metrics: Metrics;
  /** This process must end: a disk failed, or an invariant broke. */
  readonly onFatal: (error: unknown) => void;
}

/** A database that runs, and how it is stopped. */
export interface RunningDatabase {
  readonly database: DocumentDatabase;
  /** Ends what is in flight and closes everything, in order. Nothing is answered after it. */
  stop(): Promise<void>;
}

/** How long a stop lets the Replayer come level, so that the next start has nothing to replay. */
const levelMs = 2_000;

/**
 * Opens one database and everything under it, from the checkpoint that CURRENT names up to a replica that leads: the
 * order is that of a boot (open the checkpoint, replay the log, join).
 * @throws LoggosError where it cannot start; what was opened is closed again
 */
export async function openDatabase(options: OpenDatabaseOptions): Promise<RunningDatabase> {
  const opened: (() => Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of opened.reverse()) await close();
    opened.length = 0;
  };
  try {
    return { database: await openParts(options, opened), stop: closeAll };
  } catch (error) {
    await closeAll().catch((closing: unknown) => {
      options.observer.report('warn', 'close-failed', { error: String(closing) });
    });
    throw error;
  }
}

/** @param opened - takes how each part is closed, in the order of opening */
async function openParts(options: OpenDatabaseOptions, opened: (() => Promise<void>)[]): Promise<DocumentDatabase> {
  const { name, configuration, identity, observer, onFatal } = options;
  const disk = new PoolDisk();
  const directory = `${configuration.data}/databases/${name}`;
  await disk.makeDirectory(directory);
  await disk.syncDirectory(`${configuration.data}/databases`);
  await disk.syncDirectory(configuration.data);
  const current = await openCurrent(disk, directory);

  const { machine, store } = await openMachine(options, current, disk);
  opened.push(() => machine.close());
  const reader = await openReader(current);
  opened.push(() => reader.close());
  const machines = new Machines([machine]);

  const logDisk = new WorkerDisk();
  opened.push(() => logDisk.close());
  const { log, boot } = await openLog({
    disk: logDisk,
    readDisk: disk,
    directory: `${directory}/log`,
    identity: `${identity.clusterId}/${identity.incarnation}/${name}`,
    checkpointInstance: machines.checkpointInstance,
    hashes: systemHashes,
    clock: systemClock,
    observer,
    segmentBytes: configuration.segmentBytes,
    onFailure: onFatal,
  });
  opened.push(() => log.close());

  const replica = await bootReplica(options, { current, machine, machines, log, boot });
  await removeSuperseded(disk, directory, current.install);
  const damage = new Damage(observer);
  const manager = await CheckpointManager.open({
    disk,
    clock: systemClock,
    random: systemRandom,
    observer,
    databaseDirectory: directory,
    database: name,
    current,
    machines: machines.all,
    log: replica,
    logSize: () => ({ segments: log.segmentCount, bytes: log.bytes }),
    isAlone: () => true,
    onBroken: (error) => damage.found(error.message),
    onRot: (error) => damage.found(error instanceof Error ? error.message : String(error)),
  });
  const scrubber = new Scrubber({
    store,
    clock: systemClock,
    observer,
    bytesPerSecond: configuration.scrubBytesPerSecond,
    onDamage: (what) => damage.found(what),
  });
  opened.push(async () => {
    await scrubber.stop();
    await replica.stop();
    await comeLevel(manager, replica);
    await manager.stop();
  });
  manager.start();
  scrubber.start();
  addGauges(options.metrics, { machine, replica, manager, log });
  return new DocumentDatabase({
    name,
    clock: systemClock,
    machine,
    replica,
    manager,
    reader: new TailAndCheckpointReader({ live: machine, checkpoint: reader, hashes: systemHashes }),
    checkpoint: new ManagedCheckpoint(manager, machine, store),
    cluster: () => {
      const { group } = current.group;
      assert(group !== undefined, 'a replica that runs knows its group');
      return clusterStatus(name, identity, group, replica, systemClock.now());
    },
    damage: () => damage.what,
  });
}

async function openMachine(
  { configuration, observer }: OpenDatabaseOptions,
  current: CurrentCheckpoint,
  disk: PoolDisk,
): Promise<{ machine: DocumentStateMachine; store: WorkerCheckpointStore }> {
  const directory = machineDirectory(current.directory, documentMachineId);
  // Where the checkpoint is new its first history begins here; an older one keeps what it has.
  const historyId = current.group.group?.histories[0]?.id ?? randomId(systemRandom);
  const entry = new URL('./workers/store-worker.ts', import.meta.url);
  const store = new WorkerCheckpointStore(entry, { directory, historyId });
  try {
    const machine = await DocumentStateMachine.open({
      store,
      liveRows: new LiveRows({ directory, hashes: systemHashes }),
      directory,
      disk,
      hashes: systemHashes,
      observer,
      tailBytesMax: configuration.tailBytesMax,
    });
    return { machine, store };
  } catch (error) {
    await store.close().catch(() => undefined);
    throw error;
  }
}

async function openReader(current: CurrentCheckpoint): Promise<WorkerCheckpointReader> {
  const directory = machineDirectory(current.directory, documentMachineId);
  const reader = new WorkerCheckpointReader(new URL('./workers/reader-worker.ts', import.meta.url), { directory });
  await reader.open();
  return reader;
}

interface ReplicaParts {
  readonly current: CurrentCheckpoint;
  readonly machine: DocumentStateMachine;
  readonly machines: Machines;
  readonly log: Log;
  readonly boot: Awaited<ReturnType<typeof openLog>>['boot'];
}

function bootReplica(
  { identity, observer, onFatal }: OpenDatabaseOptions,
  { current, machine, machines, log, boot }: ReplicaParts,
): Promise<Replica> {
  const { clusterId, replicaId, name, incarnation } = identity;
  const { group } = current.group;
  const historyId = machine.state.histories[0]?.id;
  assert(historyId !== undefined, 'a document machine has a history');
  return Replica.boot({
    identity,
    log,
    boot,
    machines,
    memberships: (group?.memberships ?? []).map(({ instance, members }) => ({
      instance,
      membership: { clusterId: group?.clusterId ?? clusterId, historyId, members },
    })),
    initialMembership: {
      clusterId,
      historyId,
      members: [{ id: replicaId, name, incarnation, role: 'voter', address: '' }],
    },
    onMembership: async (instance, membership) => {
      current.group.add(instance, membership);
      await current.group.save();
    },
    clock: systemClock,
    observer,
    pressure: () => machine.tailPressure,
    onFatal,
  });
}

async function comeLevel(manager: CheckpointManager, replica: Replica): Promise<void> {
  if (manager.replayer.status.state !== 'running') return;
  await manager.reached(replica.appliedInstance, systemClock.monotonic() + levelMs).catch(() => undefined);
}

/** What makes the checkpoint unfit to be served; the first finding stays. */
class Damage {
  readonly #observer: Observer;
  #what: string | undefined;

  constructor(observer: Observer) {
    this.#observer = observer;
  }

  get what(): string | undefined {
    return this.#what;
  }

  found(what: string): void {
    this.#observer.report('error', 'checkpoint-damaged', { what });
    this.#observer.count('checkpoint_damages');
    this.#what ??= what;
  }
}

interface Measured {
  readonly machine: DocumentStateMachine;
  readonly replica: Replica;
  readonly manager: CheckpointManager;
  readonly log: Log;
}

function addGauges(metrics: Metrics, { machine, replica, manager, log }: Measured): void {
  metrics.gauge('position', 'The last applied position.', () => machine.state.position);
  metrics.gauge('applied_instance', 'The last instance that was executed.', () => replica.appliedInstance);
  metrics.gauge('max_chosen_instance', 'The newest instance known to be chosen.', () => replica.maxChosenInstance);
  metrics.gauge('min_chosen_instance', 'The oldest instance in the log.', () => replica.minChosenInstance);
  metrics.gauge('checkpoint_instance', 'The last in the durable checkpoint.', () => manager.checkpointInstance);
  metrics.gauge('documents', 'In the checkpoint, deleted ones too.', () => machine.checkpointHead.documentCount);
  metrics.gauge('checkpoint_database_bytes', 'Of documents.sqlite.', () => machine.checkpointHead.databaseBytes);
  metrics.gauge('checkpoint_history_bytes', 'Of history files.', () => machine.checkpointHead.historyBytes);
  metrics.gauge('tail_bytes', 'In memory above the checkpoint.', () => machine.tail.bytes);
  metrics.gauge('log_bytes', 'Of segment files.', () => log.bytes);
  metrics.gauge('log_segments', 'Segment files.', () => log.segmentCount);
  metrics.gauge('leader', 'Whether this replica leads.', () => (replica.isLeader ? 1 : 0));
}
