import { LoggosError } from '../base/errors.ts';
import type { Log, LogRecord } from '../log/log.ts';
import type { ReplicaId } from '../paxos/ballot.ts';
import type { PaxosMessage } from '../paxos/messages.ts';
import type { ReadableLog } from './readable-log.ts';

/** What one answer holds at most: bytes of values (one larger value goes alone), and instances. */
const supplyBytesMax = 1024 * 1024;
const supplyCountMax = 256;

/** Gives replicas that lag what they lack from this replica's log: one answer at a time for each. */
export class Supplier {
  readonly #log: Log;
  readonly #readable: ReadableLog;
  readonly #send: (to: ReplicaId, message: PaxosMessage) => void;
  readonly #onFailure: (error: unknown) => void;
  readonly #serving = new Set<ReplicaId>();

  constructor(
    log: Log,
    readable: ReadableLog,
    send: (to: ReplicaId, message: PaxosMessage) => void,
    onFailure: (error: unknown) => void,
  ) {
    this.#log = log;
    this.#readable = readable;
    this.#send = send;
    this.#onFailure = onFailure;
  }

  /** Another question while one of the same replica is answered is ignored: it asks again. */
  supply(to: ReplicaId, firstInstance: number): void {
    if (this.#serving.has(to)) return;
    this.#serving.add(to);
    this.#answer(firstInstance)
      .then((message) => this.#send(to, message), this.#onFailure)
      .finally(() => this.#serving.delete(to));
  }

  async #answer(firstInstance: number): Promise<PaxosMessage> {
    const { readableTo } = this.#readable;
    const { firstInstance: held } = this.#log;
    if (firstInstance < held) return { kind: 'trimmed', minChosenInstance: held };
    let records: readonly LogRecord[] = [];
    try {
      if (firstInstance <= readableTo) {
        records = await this.#readable.read(firstInstance, readableTo, supplyCountMax, supplyBytesMax);
      }
    } catch (error) {
      if (!(error instanceof LoggosError)) throw error;
      // The Cleaner was quicker.
      if (error.code === 'history-trimmed') return { kind: 'trimmed', minChosenInstance: this.#log.firstInstance };
      // Nor does this log give it: somebody else may have it, or a snapshot is needed.
      if (error.code === 'log-damaged') return { kind: 'trimmed', minChosenInstance: firstInstance + 1 };
    }
    const entries = records.map(({ instance, ballot, value }) => ({ instance, ballot, value }));
    return { kind: 'learned', entries, chosenTo: this.#readable.readableTo };
  }
}
