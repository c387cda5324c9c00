import { assert } from '../base/assert.ts';
import { LoggosError } from '../base/errors.ts';
import type { LogRecord } from '../log/log.ts';
import { type ChosenValue, decodeChosenValue } from '../paxos/chosen-value.ts';
import type { MachineValue, StateMachine } from '../statemachine/state-machine.ts';
import type { AppliedLog } from './applied-log.ts';
import type { GroupFile } from './group-file.ts';

/** Read from the log at once. */
const readBytesMax = 4 * 1024 * 1024;

/**
 * One transaction of the Replayer: executes consecutive instances on every machine that does not cover them yet, and
 * compares each fingerprint with the live one. Nothing of it is durable before the machines commit.
 */
export class Transaction {
  readonly #machines: readonly StateMachine[];
  readonly #log: AppliedLog;
  readonly #group: GroupFile;
  #lastInstance: number;
  #eventCount = 0;
  #bytes = 0;
  #lastWriteInstance: number | undefined;

  constructor(options: {
    readonly machines: readonly StateMachine[];
    readonly log: AppliedLog;
    readonly group: GroupFile;
    readonly firstInstance: number;
  }) {
    this.#machines = options.machines;
    this.#log = options.log;
    this.#group = options.group;
    this.#lastInstance = options.firstInstance - 1;
  }

  get lastInstance(): number {
    return this.#lastInstance;
  }

  get eventCount(): number {
    return this.#eventCount;
  }

  /** Of the values executed. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The last instance executed that was no no-op. */
  get lastWriteInstance(): number | undefined {
    return this.#lastWriteInstance;
  }

  /** Executes to `lastInstance`, or as far as the limits let it; at least one instance. */
  async execute(limit: {
    readonly lastInstance: number;
    readonly eventCountMax: number;
    readonly bytesMax: number;
  }): Promise<void> {
    while (
      this.#lastInstance < limit.lastInstance &&
      this.#eventCount < limit.eventCountMax &&
      this.#bytes < limit.bytesMax
    ) {
      const countMax = limit.lastInstance - this.#lastInstance;
      const records = await this.#log.readChosen(this.#lastInstance + 1, countMax, readBytesMax);
      if (records.length === 0) {
        throw new LoggosError('log-damaged', `The log does not give instance ${this.#lastInstance + 1}`);
      }
      await this.#executeAll(records, limit.eventCountMax);
    }
  }

  async #executeAll(records: readonly LogRecord[], eventCountMax: number): Promise<void> {
    const executions: Promise<void>[] = [];
    try {
      for (const record of records) {
        if (this.#eventCount >= eventCountMax) break;
        this.#begin(record, executions);
      }
    } finally {
      // All of them, so that nothing of a failed transaction still runs when it is tried again.
      await Promise.allSettled(executions);
    }
    await Promise.all(executions);
  }

  /** Hands one instance to every machine that lacks it, without waiting for the one before. */
  #begin({ instance, value }: LogRecord, executions: Promise<void>[]): void {
    assert(instance === this.#lastInstance + 1, 'instances are replayed in order, without gaps');
    const chosen = decodeChosenValue(value);
    if (chosen === undefined) {
      throw new LoggosError('log-damaged', `Instance ${instance} holds no value that this version reads`);
    }
    const machineValue = this.#valueOf(instance, chosen);
    for (const machine of this.#machines) {
      if (instance <= machine.checkpointInstance()) continue;
      const own = chosen.kind === 'batch' && chosen.machineId === machine.id ? machineValue : undefined;
      executions.push(this.#executeOne(machine, instance, own));
    }
    this.#lastInstance = instance;
    this.#bytes += value.byteLength;
  }

  #valueOf(instance: number, chosen: ChosenValue): MachineValue | undefined {
    if (chosen.kind === 'no-op') return undefined;
    this.#lastWriteInstance = instance;
    if (chosen.kind === 'membership') {
      this.#group.add(instance, chosen.membership);
      return undefined;
    }
    if (!this.#machines.some((machine) => machine.id === chosen.machineId)) {
      throw new LoggosError('busy', `Instance ${instance} is of machine ${chosen.machineId}, which is not registered`);
    }
    this.#eventCount += chosen.proposals.length;
    return { time: chosen.time, proposals: chosen.proposals };
  }

  async #executeOne(machine: StateMachine, instance: number, value: MachineValue | undefined): Promise<void> {
    const fingerprint = await machine.executeForCheckpoint(instance, value);
    // Empty: the machine covered it already (D6).
    if (fingerprint.byteLength === 0) return;
    const live = this.#log.liveFingerprint(machine.id, instance);
    if (live === undefined || equal(fingerprint, live)) return;
    assert(false, 'the checkpoint executes as the live state does', {
      machine: machine.id,
      instance,
      checkpoint: Buffer.from(fingerprint).toString('base64url'),
      live: Buffer.from(live).toString('base64url'),
    });
  }
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
