import { assert } from '../base/assert.ts';
import { LoggosError } from '../base/errors.ts';
import type { Observer } from '../base/observer.ts';
import { CheckpointManager } from '../checkpoint/checkpoint-manager.ts';
import { type CurrentCheckpoint, machineDirectory, openCurrent, removeSuperseded } from '../checkpoint/current.ts';
import { presentHistory } from '../checkpoint/group-file.ts';
import type { Identity } from '../checkpoint/identity-file.ts';
import { randomId } from '../checkpoint/random-id.ts';
import { DocumentStateMachine, documentMachineId } from '../documents/document-state-machine.ts';
import { LiveRows } from '../documents/store/live-rows.ts';
import { WorkerCheckpointReader } from '../documents/store/worker-reader.ts';
import { WorkerCheckpointStore } from '../documents/store/worker-store.ts';
import { TailAndCheckpointReader } from '../documents/tail-and-checkpoint-reader.ts';
import type { Log, LogBoot } from '../log/log.ts';
import { refuseLostCheckpoint } from '../replica/boot.ts';
import type { Replica } from '../replica/replica.ts';
import { Machines } from '../statemachine/machines.ts';
import { systemClock } from '../system/clock.ts';
import { systemHashes } from '../system/hashes.ts';
import { PoolDisk } from '../system/pool-disk.ts';
import { systemRandom } from '../system/random.ts';
import { WorkerDisk } from '../system/worker-disk.ts';
import type { BootProgress } from './boot-progress.ts';
import { bootReplica } from './boot-replica.ts';
import { catchUp } from './catch-up.ts';
import { ManagedCheckpoint } from './checkpoint-control.ts';
import { clusterStatus } from './cluster-status.ts';
import type { Configuration } from './configuration.ts';
import { Damage } from './damage.ts';
import { openDatabaseLog } from './database-log.ts';
import { DocumentDatabase } from './document-database.ts';
import { GuardedReader } from './guarded-reader.ts';
import type { Metrics } from './metrics.ts';
import { PeerLinks } from './peer-links.ts';
import { firstHistoryId, type Peering } from './peering.ts';
import { Scrubber } from './scrubber.ts';
import { verifyInWorker } from './verify-in-worker.ts';

export interface OpenDatabaseOptions {
  readonly name: string;
  readonly configuration: Configuration;
  readonly identity: Identity;
  /** How the other replicas are reached; absent: there are none. */
  readonly peering?: Peering;
  readonly observer: Observer;
  readonly metrics: Metrics;
  /** This process must end: a disk failed, or an invariant broke. */
  readonly onFatal: (error: unknown) => void;
  /** The checkpoint is damaged: nothing of it is served any more. Called once, after it was opened. */
  readonly onDamaged: (what: string) => void;
  /** Aborted when the process is to end: an opening that takes long is given up, with the signal's reason. */
  readonly stopping?: AbortSignal;
  /** Told what the opening is at. */
  readonly progress?: BootProgress;
}

/** A database that runs, and how it is stopped. */
export interface RunningDatabase {
  readonly database: DocumentDatabase;
  /** Gives up seals and verifications, so that whoever waits for one is answered; `stop` follows. */
  beginStop(): void;
  /** Ends what is in flight and closes everything, in order. Nothing is answered after it. */
  stop(): Promise<void>;
}

/** How long a stop lets the Replayer come level, so that the next start has nothing to replay. */
const levelMs = 2_000;
/** How long a stop waits for another one to lead, in milliseconds. */
const handOverMs = 1_000;

/**
 * Opens one database and everything under it, from the checkpoint that CURRENT names up to a replica that leads: the
 * order is that of a boot (open the checkpoint, replay the log, join).
 * @throws LoggosError `checkpoint-damaged` and others where it cannot start; what was opened is closed again
 */
export async function openDatabase(options: OpenDatabaseOptions): Promise<RunningDatabase> {
  const opened: (() => Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    const failures: unknown[] = [];
    // Each of them has its try, in the order of closing: what is left open holds files and threads.
    for (const close of opened.splice(0).reverse()) await close().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };
  try {
    const { database, manager } = await openParts(options, opened);
    return { database, beginStop: () => manager.beginStop(), stop: closeAll };
  } catch (error) {
    await closeAll().catch((closing: unknown) => {
      options.observer.report('warn', 'close-failed', { error: String(closing) });
    });
    throw error;
  }
}

/** @param opened - takes how each part is closed, in the order of opening */
async function openParts(
  options: OpenDatabaseOptions,
  opened: (() => Promise<void>)[],
): Promise<{ readonly database: DocumentDatabase; readonly manager: CheckpointManager }> {
  const { name, configuration, observer, progress } = options;
  progress?.at(() => ({ phase: 'opening' }));
  const disk = new PoolDisk();
  const directory = `${configuration.data}/databases/${name}`;
  await disk.makeDirectory(directory);
  await disk.syncDirectory(`${configuration.data}/databases`);
  await disk.syncDirectory(configuration.data);
  const current = await openCurrent(disk, directory);

  const logDisk = new WorkerDisk();
  opened.push(() => logDisk.close());
  const { machine, store, log, boot } = await openMachineAndLog(options, current, { disk, logDisk }, opened);
  const reader = await openReader(options, current);
  opened.push(() => reader.close());
  const machines = new Machines([machine]);

  const damage = new Damage(observer, options.onDamaged);
  const links = openLinks(options, log);
  opened.push(async () => links?.stop());
  const replica = await bootReplica({ ...options, damage, current, machine, machines, log, boot, links });
  // Of a rebuilt checkpoint whose log is damaged too, the old one may tell more.
  if (replica.state.name !== 'read-only') await removeSuperseded(disk, directory, current.install);
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
    isAlone: () => isAlone(replica, options.identity),
    selfSealBytesMin: configuration.selfSealBytes,
    // History is linked once it is sealed: what costs is the database (half of documents.sqlite).
    copiedBytes: () => machine.checkpointHead.databaseBytes,
    onBroken: (error) => damage.broken(error.message),
    onRot: (error) => damage.found(error instanceof Error ? error.message : String(error)),
    onLogRot: (error) => replica.logRotted(error),
  });
  const scrubber = new Scrubber({
    store,
    clock: systemClock,
    observer,
    bytesPerSecond: configuration.scrubBytesPerSecond,
    onDamage: (what) => damage.found(what),
  });
  opened.push(async () => {
    manager.beginStop();
    await scrubber.stop();
    await handOver(replica, links, observer);
    await replica.stop();
    await comeLevel(manager, replica);
    await manager.stop();
  });
  manager.start();
  scrubber.start();
  addGauges(options.metrics, { machine, replica, manager, log });
  const database = new DocumentDatabase({
    name,
    clock: systemClock,
    machine,
    replica,
    manager,
    reader: new GuardedReader(
      new TailAndCheckpointReader({ live: machine, checkpoint: reader, hashes: systemHashes }),
      // Whoever takes no part any more answers nothing, local reads neither.
      { check: () => damage.check(replica.exclusion), found: (what) => damage.found(what) },
    ),
    checkpoint: new ManagedCheckpoint(manager, machine, store),
    cluster: () => {
      const { group } = current.group;
      assert(group !== undefined, 'a replica that runs knows its group');
      return clusterStatus(name, options.identity, group, replica, systemClock, links);
    },
    logRoomBytes: () => log.roomBytes,
    damage: () => damage.refusal,
    nameOf: (id) => replica.membership?.members.find((member) => member.id === id)?.name,
    missing: () => links?.missing ?? [],
  });
  return { database, manager };
}

interface OpenedMachine {
  readonly machine: DocumentStateMachine;
  readonly store: WorkerCheckpointStore;
  readonly log: Log;
  readonly boot: LogBoot;
}

/**
 * The checkpoint, then the log from there on. Where more than the tail may hold lies between them, as after a rebuild,
 * it is replayed into the checkpoint before the machine is opened.
 */
async function openMachineAndLog(
  options: OpenDatabaseOptions,
  current: CurrentCheckpoint,
  { disk, logDisk }: { readonly disk: PoolDisk; readonly logDisk: WorkerDisk },
  opened: (() => Promise<void>)[],
): Promise<OpenedMachine> {
  let open = await openMachine(options, current, disk);
  let closeLog = async (): Promise<void> => undefined;
  // The machine is closed after the log that it reads nothing of, and may be another one by then.
  let isMachineOpen = true;
  opened.push(async () => (isMachineOpen ? open.machine.close() : undefined));
  opened.push(() => closeLog());
  const checkpointInstance = open.machine.checkpointInstance();
  const { log, boot } = await openDatabaseLog({
    ...options,
    disk: logDisk,
    readDisk: disk,
    checkpointInstance,
    onFailure: options.onFatal,
  });
  closeLog = () => log.close();
  refuseGap(boot, checkpointInstance, current);
  if (log.bytesFrom(checkpointInstance + 1) > options.configuration.tailBytesMax) {
    isMachineOpen = false;
    await open.machine.close();
    const { observer, progress, stopping: signal } = options;
    const { chosenTo } = boot;
    const parts = { store: newStore(options, current), log, group: current.group, chosenTo, observer, progress };
    await catchUp(signal === undefined ? parts : { ...parts, signal });
    open = await openMachine(options, current, disk);
    isMachineOpen = true;
  }
  return { ...open, log, boot };
}

/**
 * A checkpoint that ends below what the log and the group's file begin with was lost or rolled back: what lies between
 * is nowhere, and a document in it would be answered as never written. @throws LoggosError `checkpoint-damaged`
 */
function refuseGap(boot: LogBoot, checkpointInstance: number, { group: { group } }: CurrentCheckpoint): void {
  const facts = { checkpointInstance, firstInstance: boot.firstInstance };
  refuseLostCheckpoint(boot, checkpointInstance);
  if (group === undefined) return;
  if (presentHistory(group).forkInstance > checkpointInstance) {
    throw new LoggosError('checkpoint-damaged', 'The checkpoint ends before what was restored into it.', facts);
  }
  // The group's file is written after its membership was chosen, so the log or the checkpoint has had something.
  if (checkpointInstance === 0 && boot.lastInstance === 0) {
    throw new LoggosError('checkpoint-damaged', 'The checkpoint and the log are empty, though a group began.', facts);
  }
}

async function openMachine(
  options: OpenDatabaseOptions,
  current: CurrentCheckpoint,
  disk: PoolDisk,
): Promise<{ machine: DocumentStateMachine; store: WorkerCheckpointStore }> {
  const directory = machineDirectory(current.directory, documentMachineId);
  const { configuration, observer } = options;
  const store = newStore(options, current);
  try {
    const machine = await DocumentStateMachine.open({
      store,
      liveRows: new LiveRows({ directory, hashes: systemHashes }),
      directory,
      disk,
      hashes: systemHashes,
      observer,
      tailBytesMax: configuration.tailBytesMax,
      verify: verifyInWorker,
    });
    return { machine, store };
  } catch (error) {
    await store.close().catch(() => undefined);
    throw error;
  }
}

function newStore(
  { name, identity, peering, onFatal }: OpenDatabaseOptions,
  current: CurrentCheckpoint,
): WorkerCheckpointStore {
  const directory = machineDirectory(current.directory, documentMachineId);
  // Where the checkpoint is new its first history begins here; an older one keeps what it has.
  const newId = () => (peering === undefined ? randomId(systemRandom) : firstHistoryId(identity.clusterId, name));
  const historyId = current.group.group?.histories[0]?.id ?? newId();
  const entry = new URL('./workers/store-worker.ts', import.meta.url);
  return new WorkerCheckpointStore(entry, { directory, historyId }, onFatal);
}

async function openReader(
  { onFatal }: OpenDatabaseOptions,
  current: CurrentCheckpoint,
): Promise<WorkerCheckpointReader> {
  const directory = machineDirectory(current.directory, documentMachineId);
  const entry = new URL('./workers/reader-worker.ts', import.meta.url);
  const reader = new WorkerCheckpointReader(entry, { directory }, onFatal);
  await reader.open();
  return reader;
}

function openLinks(
  { name, peering, observer, onFatal }: OpenDatabaseOptions,
  { valueBytesMax }: Log,
): PeerLinks | undefined {
  if (peering === undefined) return undefined;
  const parts = { clock: systemClock, random: systemRandom, observer, onFatal };
  return new PeerLinks({ database: name, ...peering, valueBytesMax, ...parts });
}

function isAlone({ membership }: Replica, { replicaId }: Identity): boolean {
  return membership?.members.every(({ id, role }) => role === 'learner' || id === replicaId) ?? false;
}

/** Whoever stops while it leads names its successor: the others need not miss it first. */
async function handOver(replica: Replica, links: PeerLinks | undefined, observer: Observer): Promise<void> {
  if (links === undefined || !replica.isLeader) return;
  const voters = replica.membership?.members.filter(({ id, role }) => role === 'voter' && links.isThere(id)) ?? [];
  const [successor] = voters.sort((one, other) => links.instanceOf(other.id) - links.instanceOf(one.id));
  if (successor === undefined) return;
  try {
    await replica.transferLeadership(successor.id, systemClock.monotonic() + handOverMs);
    observer.report('info', 'handed-over', { to: successor.name });
  } catch (error) {
    observer.report('info', 'not-handed-over', { to: successor.name, reason: String(error) });
  }
}

async function comeLevel(manager: CheckpointManager, replica: Replica): Promise<void> {
  if (manager.replayer.status.state !== 'running') return;
  await manager.reached(replica.appliedInstance, systemClock.monotonic() + levelMs).catch(() => undefined);
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
