import { assert } from '../../base/assert.ts';
import { delay } from '../../base/clock.ts';
import { LoggosError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { CheckpointManager } from '../../checkpoint/checkpoint-manager.ts';
import { type CurrentCheckpoint, machineDirectory, openCurrent, removeSuperseded } from '../../checkpoint/current.ts';
import { type Identity, readIdentity, writeIdentity } from '../../checkpoint/identity-file.ts';
import { noLocks } from '../../checkpoint/snapshot-locks.ts';
import { DocumentStateMachine, documentMachineId } from '../../documents/document-state-machine.ts';
import { encodeProposal } from '../../documents/machine/proposal.ts';
import type { DocumentProposal, ProposalOutcome, SettingsProposal } from '../../documents/machine/types.ts';
import { InThreadCheckpointReader } from '../../documents/store/in-thread-reader.ts';
import { InThreadCheckpointStore } from '../../documents/store/in-thread-store.ts';
import { TailAndCheckpointReader } from '../../documents/tail-and-checkpoint-reader.ts';
import { openLog } from '../../log/open-log.ts';
import { Replica } from '../../replica/replica.ts';
import { Machines } from '../../statemachine/machines.ts';
import { systemHashes } from '../../system/hashes.ts';
import { Links } from '../../transport/links.ts';
import { coverageObserver } from '../rare-branches.ts';
import type { Hands } from '../world/simulated-process.ts';
import type { ClusterShape } from './cluster-shape.ts';
import { ModelRows } from './model-rows.ts';
import { observedLog } from './observed-log.ts';
import { observedMachine } from './observed-machine.ts';
import { SqliteRowsOnDisk } from './sqlite-on-disk.ts';
import { ReplicaWatch, type Watcher } from './watcher.ts';

export interface SimulatedReplicaOptions {
  readonly hands: Hands;
  readonly shape: ClusterShape;
  readonly watcher: Watcher;
  /** Of its machine, from 1: its replica number, where its disk is its own. */
  readonly place: number;
  /** Its group is there already: a new disk joins it. */
  readonly isJoining: boolean;
  /** Whether faults of the world have touched what was synced on this machine. */
  isDamaged(): boolean;
}

const hashes = systemHashes;
const dataDirectory = '/data';
const database = 'main';
const messageBytesMax = 8 * 1024 * 1024;
/** How often a replica's checkpoint is compared with those of the others. */
const digestEveryMs = 500;

/**
 * One replica of a simulated cluster: the log, the document machine, its checkpoint and the driver of the product, put
 * together as the server does it, with the hands of a simulated process.
 */
export class SimulatedReplica {
  readonly identity: Identity;
  readonly replica: Replica;
  readonly machine: DocumentStateMachine;
  readonly manager: CheckpointManager;
  readonly reader: TailAndCheckpointReader;
  readonly watch: ReplicaWatch;
  readonly hands: Hands;
  readonly place: number;

  private constructor(parts: Omit<SimulatedReplica, 'write' | 'now' | 'digest'>) {
    this.identity = parts.identity;
    this.replica = parts.replica;
    this.machine = parts.machine;
    this.manager = parts.manager;
    this.reader = parts.reader;
    this.watch = parts.watch;
    this.hands = parts.hands;
    this.place = parts.place;
  }

  /** Boots: opens the checkpoint, then the log, replays and takes part. Resolves as soon as it takes part. */
  static async open(options: SimulatedReplicaOptions): Promise<SimulatedReplica> {
    const { hands, shape, watcher, place, isDamaged } = options;
    const { disk, clock, random, network } = hands;
    const observer = coverageObserver(watcher.coverage, (what) =>
      watcher.check(() => assert(false, `no invariant is broken, as ${what}`)),
    );
    const { identity, isNew } = await openIdentity(options);
    const directory = `${dataDirectory}/databases/${database}`;
    await disk.makeDirectory(directory);
    await disk.syncDirectory(`${dataDirectory}/databases`);
    await disk.syncDirectory(dataDirectory);
    const current = await openCurrent(disk, directory);
    const { machine, reader } = await openMachine(options, current);
    const { log: bareLog, boot } = await openLog({
      disk,
      directory: `${directory}/log`,
      identity: `${identity.clusterId}/${identity.incarnation}/${database}`,
      checkpointInstance: machine.checkpointInstance(),
      hashes,
      clock,
      observer,
      segmentBytes: shape.segmentBytes,
      cacheBytes: shape.cacheBytes,
      keepFreeBytes: 0,
      onFailure: (error) => hands.exit(error),
    });
    const watch = new ReplicaWatch({
      ...{ watcher, place, machine },
      replica: identity.replicaId,
      incarnation: identity.incarnation,
      name: hands.machine,
    });
    watch.onBoot(boot, machine.checkpointInstance(), isDamaged());
    const log = observedLog(bareLog, watch);
    const machines = new Machines([
      observedMachine(machine, (instance, result, lines) => watch.onApplied(instance, result, lines)),
    ]);

    const { group } = current.group;
    const historyId = machine.state.histories[0]?.id;
    assert(historyId !== undefined, 'a document machine has a history');
    const isMember = group !== undefined;
    const replica = Replica.start({
      identity,
      log,
      boot,
      machines,
      memberships: (group?.memberships ?? []).map(({ instance, members }) => ({
        instance,
        membership: { clusterId: group?.clusterId ?? identity.clusterId, historyId, members },
      })),
      ...(isMember || isNew.isJoining ? {} : { forming: shape.group }),
      isJoining: isNew.isJoining,
      onMembership: async (instance, membership) => {
        current.group.add(instance, membership);
        await current.group.save();
      },
      connect: (self, onMessage) => {
        const links = new Links({
          ...{ database, self, network, clock, random, hashes, observer, messageBytesMax, onMessage },
        });
        links.start().catch((error: unknown) => hands.exit(error));
        return {
          send(to, message) {
            watch.onSent(to, message);
            links.send(to, message);
          },
          know: (clusterId, members) => links.know(clusterId, members),
        };
      },
      clock,
      random,
      observer,
      pressure: () => machine.tailPressure,
      onStep: watch.onStep,
      onFatal: (error) => hands.exit(error),
    });
    replica.ready.catch((error: unknown) => hands.exit(error));

    await removeSuperseded(disk, directory, current.install);
    const manager = await CheckpointManager.open({
      ...{ disk, clock, random, observer, database, current },
      databaseDirectory: directory,
      machines: machines.all,
      log: replica,
      logSize: () => ({ segments: log.segmentCount, bytes: log.bytes }),
      isAlone: () => false,
      locks: noLocks,
      onBroken: (error) => hands.exit(error),
      onRot: (error) => hands.exit(error),
      onLogRot: (error) => replica.logRotted(error),
    });
    if (shape.holdCount !== Number.MAX_SAFE_INTEGER) await manager.configure({ holdCount: shape.holdCount });
    else await manager.configure({ cleaner: { state: 'paused' } });
    manager.start();
    const simulated = new SimulatedReplica({ identity, replica, machine, manager, reader, watch, hands, place });
    void simulated.#compareDigests();
    return simulated;
  }

  /** As `Database.write` of the server. @param withinMs - of this process's own clock */
  async write(proposal: DocumentProposal | SettingsProposal, withinMs: number): Promise<ProposalOutcome> {
    const deadline = this.hands.clock.monotonic() + withinMs;
    const { outcome } = await this.replica.propose(documentMachineId, encodeProposal(proposal), { deadline });
    // The machine's own kind: it was this machine that executed it.
    return outcome as ProposalOutcome;
  }

  /** Of the durable checkpoint. */
  get digest(): { readonly instance: number; readonly digest: Uint8Array } {
    const { state, digest } = this.machine.checkpointHead;
    return { instance: state.instance, digest };
  }

  async #compareDigests(): Promise<void> {
    for (;;) {
      await delay(this.hands.clock, digestEveryMs);
      const { instance, digest } = this.digest;
      this.watch.onDigest(instance, digest);
    }
  }
}

interface NewIdentity {
  readonly identity: Identity;
  readonly isNew: { readonly isJoining: boolean };
}

/** What a directory says of itself, or a new identity for an empty one, durable before the first word (A4). */
async function openIdentity({ hands, shape, place, isJoining }: SimulatedReplicaOptions): Promise<NewIdentity> {
  const { disk, random, machine } = hands;
  await disk.makeDirectory(dataDirectory);
  const known = await readIdentity(disk, dataDirectory);
  const joinMark = `${dataDirectory}/joining`;
  if (known !== undefined) {
    return { identity: known, isNew: { isJoining: (await disk.stat(joinMark)) !== undefined } };
  }
  if (isJoining) {
    await disk.makeDirectory(joinMark);
    await disk.syncDirectory(dataDirectory);
  }
  const identity = {
    clusterId: shape.group.clusterId,
    replicaId: place,
    name: machine,
    incarnation: hexOf(random, 8),
  };
  await writeIdentity(disk, dataDirectory, identity);
  return { identity, isNew: { isJoining } };
}

async function openMachine(
  { hands, shape }: SimulatedReplicaOptions,
  current: CurrentCheckpoint,
): Promise<{ machine: DocumentStateMachine; reader: TailAndCheckpointReader }> {
  const { disk } = hands;
  const directory = machineDirectory(current.directory, documentMachineId);
  const rows = new (shape.rows === 'maps' ? ModelRows : SqliteRowsOnDisk)({ directory, disk, hashes });
  const historyId = current.group.group?.histories[0]?.id ?? shape.group.historyId;
  const store = new InThreadCheckpointStore({
    ...{ directory, historyId, disk, hashes, rows },
    cuts: shape.cuts,
    onFailure: (error) => hands.exit(error),
  });
  const machine = await DocumentStateMachine.open({
    ...{ store, directory, disk, hashes },
    liveRows: rows.live,
    tailBytesMax: shape.tailBytesMax,
  });
  const checkpoint = new InThreadCheckpointReader({ directory, disk, hashes, pages: rows.pages });
  await checkpoint.open();
  return { machine, reader: new TailAndCheckpointReader({ live: machine, checkpoint, hashes }) };
}

function hexOf(random: Random, count: number): string {
  return Buffer.from(random.bytes(count)).toString('hex');
}

/** A refusal by the replica: surely nothing was done, where it is not `outcome-unknown`. */
export function codeOf(error: unknown): LoggosError['code'] | undefined {
  return error instanceof LoggosError ? error.code : undefined;
}
