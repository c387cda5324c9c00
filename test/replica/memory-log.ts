import { LoggosError } from '../../src/base/errors.ts';
import type { BootInstance, Log, LogBoot, LogRecord } from '../../src/log/log.ts';
import { decides } from '../../src/log/segment-index.ts';
import { type Ballot, ballotZero } from '../../src/paxos/ballot.ts';

interface Entry {
  readonly record: LogRecord;
  readonly chosenTo: number;
}

/** A log in memory that a test can hold, fill or break. What `append` resolved survives `boot`. */
export class MemoryLog implements Log {
  readonly #entries: Entry[];
  readonly #deciding = new Map<number, LogRecord>();
  #promised: Ballot;
  #chosenTo = 0;
  #held: PromiseWithResolvers<void> | undefined;
  /** In order: what was made durable. */
  readonly writes: string[] = [];
  roomBytes = 1e9;
  valueBytesMax = 1e9;
  isFull = false;
  failure: Error | undefined;
  firstInstance = 1;
  settledCount = 0;
  /** Instances whose records cannot be read, until they are written anew. */
  readonly rotten = new Set<number>();

  constructor(before?: MemoryLog) {
    this.#entries = before === undefined ? [] : [...before.#entries];
    this.#promised = before === undefined ? ballotZero : before.#promised;
    for (const { record } of this.#entries) this.#decide(record);
    for (const instance of before?.rotten ?? []) this.rotten.add(instance);
  }

  /** As a restart finds it: executable to the largest `chosenTo` that a later record proves. */
  boot(checkpointInstance = 0): LogBoot {
    const proved = Math.max(checkpointInstance, 0, ...this.#entries.map((entry) => entry.chosenTo));
    const above: BootInstance[] = [...this.#deciding.values()]
      .filter((record) => record.instance > proved)
      .sort((left, right) => left.instance - right.instance)
      .map((record) => ({ state: 'accepted', record }));
    return {
      promised: this.#promised,
      promiseLost: false,
      firstInstance: this.firstInstance,
      lastInstance: this.lastInstance,
      chosenTo: proved,
      above,
      damaged: [],
      cutBytes: 0,
    };
  }

  get lastInstance(): number {
    return Math.max(0, ...this.#deciding.keys());
  }
  get segmentCount(): number {
    return 1;
  }
  get bytes(): number {
    return 0;
  }

  /** Appends wait until `release`. */
  hold(): void {
    this.#held = Promise.withResolvers<void>();
  }

  release(): void {
    this.#held?.resolve();
    this.#held = undefined;
  }

  async append(records: readonly LogRecord[]): Promise<void> {
    const chosenTo = this.#chosenTo;
    await this.#held?.promise;
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    if (this.isFull) throw new LoggosError('no-room', 'full');
    for (const record of records) {
      this.writes.push(`${record.kind} ${record.instance}`);
      this.rotten.delete(record.instance);
      this.#entries.push({ record, chosenTo });
      this.#decide(record);
    }
  }

  #decide(record: LogRecord): void {
    const before = this.#deciding.get(record.instance);
    if (before === undefined || decides(record, before)) this.#deciding.set(record.instance, record);
  }

  async promise(ballot: Ballot): Promise<void> {
    await Promise.resolve();
    this.writes.push(`promise ${ballot.round}.${ballot.replica}`);
    this.#promised = ballot;
  }

  chosenTo(instance: number): void {
    this.#chosenTo = Math.max(this.#chosenTo, instance);
  }

  async settleAmbiguous(): Promise<void> {
    this.settledCount++;
  }

  async read(firstInstance: number, countMax: number): Promise<readonly LogRecord[]> {
    if (firstInstance < this.firstInstance) throw new LoggosError('history-trimmed', 'dropped');
    const records: LogRecord[] = [];
    for (let instance = firstInstance; records.length < countMax; instance++) {
      const record = this.#deciding.get(instance);
      if (record === undefined || this.rotten.has(instance)) break;
      records.push(record);
    }
    if (this.rotten.has(firstInstance)) throw new LoggosError('log-damaged', `instance ${firstInstance} is rotten`);
    return records;
  }

  bytesFrom(): number {
    return 0;
  }

  async dropBelow(instance: number): Promise<number> {
    this.firstInstance = Math.max(this.firstInstance, instance);
    return this.firstInstance;
  }

  timeOf(): number | undefined {
    return undefined;
  }

  async close(): Promise<void> {}
}
