import type { Clock } from '../../../src/base/clock.ts';
import type { AppliedLog } from '../../../src/checkpoint/applied-log.ts';
import type { LogRecord } from '../../../src/log/log.ts';
import { ballotZero } from '../../../src/paxos/ballot.ts';
import { type ChosenValue, encodeChosenValue } from '../../../src/paxos/chosen-value.ts';
import type { StateMachine } from '../../../src/statemachine/state-machine.ts';

export const clusterId = 'c0ffee';
export const historyId = 'h1';

/** A machine whose live state is ahead of the log's start is not given what it has. */
type LiveMachine = StateMachine & { readonly liveInstance?: number };

interface Applied {
  readonly record: LogRecord;
  readonly time: number;
  readonly fingerprints: ReadonlyMap<number, Uint8Array>;
}

/** A log in memory that executes what is written to it, in segments of a few instances. */
export class TestLog implements AppliedLog {
  readonly #machines: readonly LiveMachine[];
  readonly #clock: Clock;
  readonly #listeners = new Set<(applied: number) => void>();
  readonly #values = new Map<number, Applied>();
  readonly segmentInstances: number;
  minChosenInstance = 1;
  appliedInstance = 0;
  checkpointedTo = 0;
  /** Instead of what the values have: a log with large instances. */
  instanceBytes: number | undefined;
  readCount = 0;
  readonly drops: number[] = [];
  /** May throw: a disk that fails. */
  onRead: (firstInstance: number) => void = () => undefined;
  onDrop: (instance: number) => void = () => undefined;

  constructor(machines: readonly LiveMachine[], clock: Clock, segmentInstances = 10, startInstance = 0) {
    this.#machines = machines;
    this.#clock = clock;
    this.segmentInstances = segmentInstances;
    this.appliedInstance = startInstance;
    this.minChosenInstance = startInstance + 1;
  }

  get maxChosenInstance(): number {
    return this.appliedInstance;
  }

  onApplied(listener: (applied: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  liveFingerprint(machineId: number, instance: number): Uint8Array | undefined {
    return this.#values.get(instance)?.fingerprints.get(machineId);
  }

  async readChosen(firstInstance: number, countMax: number, bytesMax: number): Promise<readonly LogRecord[]> {
    this.readCount += 1;
    this.onRead(firstInstance);
    const records: LogRecord[] = [];
    let bytes = 0;
    for (let instance = firstInstance; instance <= this.appliedInstance && records.length < countMax; instance += 1) {
      const applied = this.#values.get(instance);
      if (applied === undefined) break;
      bytes += applied.record.value.byteLength;
      if (records.length > 0 && bytes > bytesMax) break;
      records.push(applied.record);
    }
    return records;
  }

  async dropBelow(instance: number): Promise<number> {
    this.onDrop(instance);
    this.drops.push(instance);
    const first = Math.floor((instance - 1) / this.segmentInstances) * this.segmentInstances + 1;
    for (; this.minChosenInstance < first; this.minChosenInstance += 1) this.#values.delete(this.minChosenInstance);
    return this.minChosenInstance;
  }

  bytesFrom(instance: number): number {
    if (this.instanceBytes !== undefined) {
      const first = Math.max(instance, this.minChosenInstance);
      return Math.max(0, this.appliedInstance - first + 1) * this.instanceBytes;
    }
    let bytes = 0;
    for (const [each, { record }] of this.#values) if (each >= instance) bytes += record.value.byteLength;
    return bytes;
  }

  timeOf(instance: number): number | undefined {
    return this.#values.get(instance)?.time;
  }

  checkpointed(instance: number): void {
    this.checkpointedTo = instance;
  }

  /** Instance 1 of every group. */
  begin(): void {
    this.apply({
      kind: 'membership',
      membership: {
        clusterId,
        historyId,
        members: [{ id: 1, name: 'loggos', incarnation: '0123456789abcdef', role: 'voter', address: '' }],
      },
    });
  }

  /** Chooses and applies a batch of texts for a machine. */
  write(texts: readonly string[], machineId = 1): void {
    const proposals = texts.map((text) => new TextEncoder().encode(text));
    this.apply({ kind: 'batch', machineId, time: this.#clock.now(), proposals });
  }

  noOp(): void {
    this.apply({ kind: 'no-op' });
  }

  apply(value: ChosenValue): void {
    const instance = this.appliedInstance + 1;
    const fingerprints = new Map<number, Uint8Array>();
    for (const machine of this.#machines) {
      if ((machine.liveInstance ?? 0) >= instance) continue;
      const own = value.kind === 'batch' && value.machineId === machine.id ? value : undefined;
      fingerprints.set(machine.id, machine.execute(instance, own).fingerprint);
    }
    const record: LogRecord = { kind: 'chosen', instance, ballot: ballotZero, value: encodeChosenValue(value) };
    this.#values.set(instance, { record, time: this.#clock.now(), fingerprints });
    this.appliedInstance = instance;
    for (const listener of this.#listeners) listener(instance);
  }
}
