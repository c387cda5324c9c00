import type { Disk } from '../../../src/base/disk.ts';
import type { Observer } from '../../../src/base/observer.ts';
import { CheckpointManager, type CheckpointManagerOptions } from '../../../src/checkpoint/checkpoint-manager.ts';
import { type CurrentCheckpoint, machineDirectory, openCurrent } from '../../../src/checkpoint/current.ts';
import { noLocks } from '../../../src/checkpoint/snapshot-locks.ts';
import type { SnapshotTar } from '../../../src/checkpoint/snapshots.ts';
import { faultRandom } from '../../support/fault-random.ts';
import { MemoryDisk } from '../../support/memory-disk.ts';
import { ManualClock } from './manual-clock.ts';
import { TestLog } from './test-log.ts';
import { TestMachine } from './test-machine.ts';

export const databaseDirectory = '/data/databases/main';
export const farDeadline = Number.MAX_SAFE_INTEGER;

export class TestObserver implements Observer {
  readonly reports: { level: string; event: string; facts: Readonly<Record<string, unknown>> | undefined }[] = [];
  report(level: 'debug' | 'info' | 'warn' | 'error', event: string, facts?: Readonly<Record<string, unknown>>): void {
    this.reports.push({ level, event, facts });
  }
  count(): void {}
  measure(): void {}
  has(event: string): boolean {
    return this.reports.some((report) => report.event === event);
  }
}

/** One replica's checkpoint over a disk in memory. */
export interface World {
  readonly memory: MemoryDisk;
  readonly disk: Disk;
  readonly clock: ManualClock;
  readonly observer: TestObserver;
  readonly current: CurrentCheckpoint;
  readonly machines: readonly TestMachine[];
  readonly log: TestLog;
  readonly manager: CheckpointManager;
}

/** Boots a replica; the log of an earlier one may be handed on. */
export async function openWorld(
  options: Partial<CheckpointManagerOptions> & {
    readonly memory?: MemoryDisk;
    readonly machineIds?: readonly number[];
    readonly segmentInstances?: number;
    readonly begin?: boolean;
    readonly seed?: number;
  } = {},
): Promise<World> {
  const {
    memory = new MemoryDisk(),
    machineIds = [1],
    segmentInstances = 10,
    begin = true,
    seed = 1,
    ...rest
  } = options;
  const disk = rest.disk ?? memory.mount();
  const clock = new ManualClock();
  const observer = new TestObserver();
  const directory = rest.databaseDirectory ?? databaseDirectory;
  if (rest.disk === undefined) {
    await disk.makeDirectory('/data');
    await disk.syncDirectory('/');
  }
  const current = await openCurrent(disk, directory);
  const machines: TestMachine[] = [];
  for (const id of machineIds) {
    machines.push(await new TestMachine(id, disk, machineDirectory(current.directory, id)).open());
  }
  const start = Math.min(...machines.map((machine) => machine.checkpointInstance()));
  const log = new TestLog(machines, clock, segmentInstances, start);
  const manager = await CheckpointManager.open({
    disk,
    clock,
    random: faultRandom(seed),
    observer,
    databaseDirectory: directory,
    database: 'main',
    current,
    machines,
    log,
    logSize: () => ({ segments: 1, bytes: log.bytesFrom(1) }),
    isAlone: () => false,
    locks: noLocks,
    ...rest,
  });
  manager.start();
  if (begin && start === 0) log.begin();
  return { memory, disk, clock, observer, current, machines, log, manager };
}

/** Writes `count` instances of one line each. */
export function writeSome({ log }: Pick<World, 'log'>, count: number, machineId = 1): void {
  for (let index = 0; index < count; index += 1) log.write([`line ${log.appliedInstance}`], machineId);
}

/** Everything applied is in the durable checkpoint. */
export async function level({ log, manager }: World): Promise<void> {
  await manager.reached(log.appliedInstance, farDeadline);
}

export async function tarOf(tar: SnapshotTar, first = 0, last = tar.bytes - 1): Promise<Buffer> {
  const blocks: Uint8Array[] = [];
  for await (const block of tar.read(first, last)) blocks.push(block);
  return Buffer.concat(blocks);
}
