import { LoggosError } from '../../src/base/errors.ts';
import type { Observer } from '../../src/base/observer.ts';
import type { Log, LogBoot, LogRecord } from '../../src/log/log.ts';
import type { LogOptions } from '../../src/log/log-options.ts';
import { openLog } from '../../src/log/open-log.ts';
import type { Ballot } from '../../src/paxos/ballot.ts';
import { systemHashes } from '../../src/system/hashes.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { ManualClock } from './manual-clock.ts';

export const directory = '/log';
export const segmentBytes = 64 * 1024;

/** What happened to a log's process, in one place. */
export class LogWorld {
  readonly memory: MemoryDisk;
  readonly clock = new ManualClock();
  readonly reports: string[] = [];
  readonly failures: Error[] = [];
  readonly #observer: Observer = {
    report: (_, event) => this.reports.push(event),
    count() {},
    measure() {},
  };

  constructor(memory: MemoryDisk = new MemoryDisk()) {
    this.memory = memory;
  }

  open(options: Partial<LogOptions> = {}): Promise<{ log: Log; boot: LogBoot }> {
    return openLog({
      disk: this.memory.mount(),
      directory,
      identity: 'test-cluster/main',
      checkpointInstance: 0,
      hashes: systemHashes,
      clock: this.clock,
      observer: this.#observer,
      segmentBytes,
      onFailure: (error) => this.failures.push(error),
      ...options,
    });
  }

  /** The paths of the segments, oldest first. */
  segments(): string[] {
    return this.memory.files().filter((path) => path.endsWith('.segment'));
  }
}

export function ballot(round: number, replica = 1): Ballot {
  return { round, replica, incarnation: '00000000000000aa' };
}

export function accepted(instance: number, value: string | number = `value ${instance}`, round = 1): LogRecord {
  const bytes = typeof value === 'number' ? new Uint8Array(value).fill(instance % 251) : Buffer.from(value);
  return { kind: 'accepted', instance, ballot: ballot(round), value: bytes };
}

export function chosen(instance: number, value = `value ${instance}`, round = 1): LogRecord {
  return { ...accepted(instance, value, round), kind: 'chosen' };
}

/** Instances one after the other, each chosen when it is durable, as a group of one does. */
export async function appendChosen(log: Log, first: number, last: number, valueBytes?: number): Promise<void> {
  for (let instance = first; instance <= last; instance += 1) {
    await log.append([accepted(instance, valueBytes)]);
    log.chosenTo(instance);
  }
}

export async function readAll(log: Log): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (let instance = log.firstInstance; instance <= log.lastInstance; ) {
    const run = await log.read(instance, 7, 100_000);
    if (run.length === 0) break;
    records.push(...run);
    instance += run.length;
  }
  return records;
}

export function text(record: LogRecord | undefined): string {
  return record === undefined ? '' : `${record.kind} ${record.instance} ${Buffer.from(record.value)}`;
}

export function failsWith(code: string) {
  return (error: unknown) => error instanceof LoggosError && error.code === code;
}

/** Lets everything that can go on without time passing go on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
