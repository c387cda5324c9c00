import { assert } from '../base/assert.ts';
import { LoggosError } from '../base/errors.ts';
import type { LogRecord } from '../log/log.ts';
import { type ChosenValue, decodeChosenValue, type Membership } from '../paxos/chosen-value.ts';
import type { ChosenInstance } from '../paxos/learner.ts';
import type { Machines } from '../statemachine/machines.ts';
import type { ExecuteResult, StateMachine } from '../statemachine/state-machine.ts';
import { Backlog } from './backlog.ts';
import { LiveFingerprints } from './live-fingerprints.ts';

/** What an applier needs of the replica around it. */
export interface ApplierHost {
  /** Whether the next instance may be applied now; where not, `apply` is called again when it may. */
  mayApply(): boolean;
  /** Nothing is done any more. */
  isHalted(): boolean;
  /** Chosen values from the log, at least one; waits where the first is not durable yet. */
  read(firstInstance: number): Promise<readonly LogRecord[]>;
  /** What the proposers of a value handed in, where they are here. */
  contextOf(instance: number, value: Uint8Array): unknown;
  /** An instance was applied; `outcomes` is empty where no machine of this group owned it. */
  onApplied(instance: number, value: Uint8Array, outcomes: readonly unknown[]): void;
  /** A membership was chosen; the instance counts as applied only after it resolved. */
  onMembership(instance: number, membership: Membership): Promise<void>;
  /** Nothing is applied until that machine is registered. */
  onMachineMissing(instance: number, machineId: number): void;
  /** Applying can go on: call `apply`. */
  onReleased(): void;
  onFailure(error: unknown): void;
}

const noOutcomes: readonly unknown[] = [];

/** Executes chosen values on the live machines, in order, each once. */
export class Applier {
  readonly #machines: Machines;
  readonly #host: ApplierHost;
  readonly #fingerprints = new LiveFingerprints();
  readonly #backlog: Backlog;
  /** Memberships up to this instance are in group.json already. */
  readonly #membershipsTo: number;
  #heldBy: 'membership' | 'machine' | undefined;
  #appliedInstance: number;
  #lastTime = 0;

  constructor(machines: Machines, membershipsTo: number, host: ApplierHost) {
    this.#machines = machines;
    this.#host = host;
    this.#membershipsTo = membershipsTo;
    this.#appliedInstance = machines.checkpointInstance;
    this.#backlog = new Backlog(this.#appliedInstance, (firstInstance) => host.read(firstInstance));
    for (const machine of machines.all) this.#fingerprints.begin(machine);
  }

  get appliedInstance(): number {
    return this.#appliedInstance;
  }

  /** The stamp of the last batch, in milliseconds since 1970; 0: none since the checkpoint. */
  get lastTime(): number {
    return this.#lastTime;
  }

  get fingerprints(): LiveFingerprints {
    return this.#fingerprints;
  }

  /** Takes the next instance; `apply` executes it. */
  push(chosen: ChosenInstance): void {
    this.#backlog.push(chosen);
  }

  /** Executes what was pushed, as far as nothing holds it. @throws what a machine throws: this replica must stop (D7) */
  apply(): void {
    while (this.#heldBy === undefined && this.#host.mayApply()) {
      const chosen = this.#backlog.first;
      if (chosen === undefined) {
        if (this.#backlog.isOnDisk) this.#readOn();
        return;
      }
      this.#applyOne(chosen);
    }
  }

  /**
   * Brings a machine level that was registered late, and lets go what waited for it.
   * @param read - gives chosen values of consecutive instances, at least one, from an applied one on
   */
  async join(machine: StateMachine, read: (firstInstance: number) => Promise<readonly LogRecord[]>): Promise<void> {
    this.#fingerprints.begin(machine);
    let next = machine.checkpointInstance() + 1;
    while (next <= this.#appliedInstance) {
      for (const { instance, value } of await read(next)) {
        this.#execute(instance, decode(instance, value), undefined);
        next = instance + 1;
      }
    }
    if (this.#heldBy === 'machine') this.#release();
  }

  #readOn(): void {
    this.#backlog.refill().then(
      (isNew) => {
        if (isNew) this.#host.onReleased();
      },
      (error: unknown) => this.#host.onFailure(error),
    );
  }

  #applyOne(chosen: ChosenInstance): void {
    const { instance } = chosen;
    const value = decode(instance, chosen.value);
    if (value.kind === 'membership' && instance > this.#membershipsTo) {
      this.#heldBy = 'membership';
      this.#host.onMembership(instance, value.membership).then(
        () => {
          if (this.#host.isHalted()) return;
          this.#finish(chosen, value);
          this.#release();
        },
        (error: unknown) => this.#host.onFailure(error),
      );
      return;
    }
    if (value.kind === 'batch' && !this.#machines.has(value.machineId)) {
      this.#heldBy = 'machine';
      this.#host.onMachineMissing(instance, value.machineId);
      return;
    }
    this.#finish(chosen, value);
  }

  #finish({ instance, value: bytes }: ChosenInstance, value: ChosenValue): void {
    assert(instance === this.#appliedInstance + 1, 'instances are applied in order, without gaps');
    const context = this.#host.contextOf(instance, bytes);
    const outcomes = this.#execute(instance, value, context)?.outcomes ?? noOutcomes;
    if (value.kind === 'batch') this.#lastTime = Math.max(this.#lastTime, value.time);
    this.#backlog.shift();
    this.#appliedInstance = instance;
    this.#host.onApplied(instance, bytes, outcomes);
  }

  #execute(instance: number, value: ChosenValue, context: unknown): ExecuteResult | undefined {
    const batch = value.kind === 'batch' ? value : undefined;
    return this.#machines.execute(instance, batch?.machineId, batch, context, (id, fingerprint) =>
      this.#fingerprints.add(id, instance, fingerprint),
    );
  }

  #release(): void {
    this.#heldBy = undefined;
    this.#host.onReleased();
  }
}

function decode(instance: number, bytes: Uint8Array): ChosenValue {
  const value = decodeChosenValue(bytes);
  if (value !== undefined) return value;
  throw new LoggosError('stopped', `Instance ${instance} holds a value that this release cannot read.`, { instance });
}
