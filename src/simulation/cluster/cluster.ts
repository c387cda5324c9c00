import { InvariantError } from '../../base/assert.ts';
import { DiskError } from '../../base/disk.ts';
import { type ErrorCode, LoggosError } from '../../base/errors.ts';
import { NetworkError } from '../../base/network.ts';
import { readSealed } from '../../checkpoint/sealed-json.ts';
import type { Machine } from '../world/machine.ts';
import type { MachineRoom } from '../world/machine-room.ts';
import { world } from '../world/scheduler.ts';
import type { Hands, ProcessEnd, SimulatedProcess } from '../world/simulated-process.ts';
import type { DiskChange } from '../world/weather.ts';
import type { ClusterShape } from './cluster-shape.ts';
import { codeOf, SimulatedReplica } from './simulated-replica.ts';
import type { Watcher } from './watcher.ts';

/** What a start may end with although nothing damaged the disk: others decided it, or the disk only failed. */
const harmlessCodes: ReadonlySet<ErrorCode> = new Set(['not-a-member', 'no-room', 'in-use', 'stopped', 'busy']);

const requestMs = 0.2;

/** What a log lost to its disk the others have; a checkpoint they cannot give yet. */
const isOfLog = (path: string): boolean => path.includes('/log/');

/** What came of asking a replica something. `lost`: no answer came in time, and none is listened to any more. */
export type Asked<Value> =
  | { readonly kind: 'answer'; readonly value: Value }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'lost' };

/** The replicas of a run: starts them, asks them, and looks why they end. */
export class Cluster {
  readonly room: MachineRoom<SimulatedReplica>;
  readonly shape: ClusterShape;
  readonly watcher: Watcher;
  /** Why the last process of a machine ended by itself; absent where the last one did not. */
  readonly #ends = new Map<string, unknown>();
  readonly #retired = new Set<string>();
  /** A replica ended as none may. */
  failure: unknown;

  constructor(room: MachineRoom<SimulatedReplica>, shape: ClusterShape, watcher: Watcher) {
    this.room = room;
    this.shape = shape;
    this.watcher = watcher;
  }

  startAll(): void {
    for (const { name } of this.shape.group.peers) {
      const machine = this.room.addMachine(name);
      machine.disk.mayLoseSector = isOfLog;
      machine.onEnd((process, end) => this.#onEnd(machine, process, end));
      machine.start((hands) => this.#open(machine, hands));
    }
  }

  /** After the weather ended it, perhaps with another disk. */
  restart(machine: Machine<SimulatedReplica>, change: DiskChange | undefined): void {
    if (this.#retired.has(machine.name)) return;
    if (change === 'disk-rolled-back' || change === 'disk-cloned') this.#tellOfReplacement(machine);
    machine.restart();
  }

  /** Switches a machine off for the rest of the run. */
  retire(machine: Machine<SimulatedReplica>): void {
    this.#retired.add(machine.name);
    this.room.coverage.reached('replica stays off');
    machine.kill();
  }

  isRetired(machine: string): boolean {
    return this.#retired.has(machine);
  }

  /** Gives a machine an empty disk, as an operator does whose replica cannot go on. */
  wipe(machine: Machine<SimulatedReplica>): void {
    machine.kill();
    machine.disk.erase();
    this.#ends.delete(machine.name);
    this.room.scheduler.note(world, 'wiped', machine.name);
    this.room.coverage.reached('replica wiped');
    if (machine.processes.length === 0 && !this.#retired.has(machine.name)) machine.restart();
  }

  /** Why a machine's last process ended by itself. */
  endOf(machine: Machine<SimulatedReplica>): unknown {
    return this.#ends.get(machine.name);
  }

  /** What takes part now, paused ones too. */
  get running(): readonly SimulatedReplica[] {
    return this.room.machines.flatMap(({ running }) => running ?? []);
  }

  get leader(): SimulatedReplica | undefined {
    // Asked before almost every request: without a list of its own.
    return this.room.machines.find(({ running }) => running?.replica.isLeader === true)?.running;
  }

  /**
   * Asks a replica as a client does: the request takes a while, waits where the process is paused, and is lost with it.
   * @param action - runs in the process
   */
  ask<Value>(
    replica: SimulatedReplica,
    what: string,
    withinMs: number,
    action: () => Promise<Value>,
  ): Promise<Asked<Value>> {
    const { scheduler } = this.room;
    const process = this.#processOf(replica);
    const { promise, resolve } = Promise.withResolvers<Asked<Value>>();
    const lost = scheduler.after(world, withinMs, 'lost', what, () => resolve({ kind: 'lost' }));
    if (process === undefined) return promise;
    const answer = (asked: Asked<Value>) => {
      scheduler.after(world, requestMs, 'answer', what, () => {
        scheduler.cancel(lost);
        resolve(asked);
      });
    };
    scheduler.after(process, requestMs, 'request', what, () => {
      action().then(
        (value) => answer({ kind: 'answer', value }),
        (error: unknown) => answer({ kind: 'error', error }),
      );
    });
    return promise;
  }

  /** Resolves after a while of virtual time. */
  pause(durationMs: number, who: string): Promise<void> {
    return new Promise((resolve) => {
      this.room.scheduler.after(world, durationMs, 'think', who, resolve);
    });
  }

  #processOf({ hands }: SimulatedReplica): SimulatedProcess<SimulatedReplica> | undefined {
    return this.room.machine(hands.machine).processes.find(({ life }) => life === hands.life);
  }

  async #open(machine: Machine<SimulatedReplica>, hands: Hands): Promise<SimulatedReplica> {
    // The kernel's lock on the data directory: who comes second does not get it.
    if (machine.processes[0]?.life !== hands.life) throw new LoggosError('in-use', 'Another process has the lock.');
    return await SimulatedReplica.open({
      ...{ hands, shape: this.shape, watcher: this.watcher },
      place: this.room.machines.indexOf(machine) + 1,
      isJoining: this.watcher.values.has(1),
      isDamaged: () => this.#isDamaged(machine),
    });
  }

  #onEnd(machine: Machine<SimulatedReplica>, _: SimulatedProcess<SimulatedReplica>, end: ProcessEnd): void {
    if (!('reason' in end)) return;
    const { reason } = end;
    this.#ends.set(machine.name, reason);
    this.room.scheduler.note(world, 'because', String(reason).slice(0, 120));
    if (this.#isAllowed(machine, reason)) return;
    this.failure ??= reason;
  }

  #isAllowed(machine: Machine<SimulatedReplica>, reason: unknown): boolean {
    if (reason instanceof InvariantError) return false;
    if (reason instanceof DiskError || reason instanceof NetworkError) return true;
    if (!(reason instanceof LoggosError)) return false;
    if (reason.cause instanceof DiskError || harmlessCodes.has(reason.code)) return true;
    this.room.coverage.reached(`stopped: ${reason.code}`);
    return this.#isDamaged(machine);
  }

  #isDamaged({ name }: Machine<SimulatedReplica>): boolean {
    return this.room.atlas.damaged().includes(name);
  }

  #tellOfReplacement(machine: Machine<SimulatedReplica>): void {
    const path = machine.disk.files().find((file) => file.endsWith('data/identity.json'));
    if (path === undefined) return;
    try {
      const { body } = readSealed(machine.disk.bytesOf(path), path, 'directory-unusable');
      this.watcher.steps.onDiskReplaced(Number(body.replicaId), String(body.incarnation));
    } catch (error) {
      // Nobody who cannot read who he is says anything.
      if (codeOf(error) !== 'directory-unusable') throw error;
    }
  }
}
