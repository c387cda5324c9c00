import type { LoggosError } from '../base/errors.ts';
import type { Log, LogRecord } from '../log/log.ts';
import { InstanceGate } from './instance-gate.ts';

const waitersMax = 64;

/**
 * The chosen values in the log. Others may choose a value before this replica's own newest record of its instance is on
 * disk, and until then the log gives an older vote or nothing: so each instance can be read only once everything
 * persisted up to the moment at which it was learned is durable.
 */
export class ReadableLog {
  readonly #log: Log;
  readonly #gate: InstanceGate;
  #failure: LoggosError | undefined;

  /** @param readableTo - what the log held when it was opened, and the checkpoint covers */
  constructor(log: Log, readableTo: number) {
    this.#log = log;
    this.#gate = new InstanceGate(readableTo, waitersMax);
  }

  /** Every chosen value up to here, from the log's first instance on, can be read. */
  get readableTo(): number {
    return this.#gate.reached;
  }

  /** The deciding record of `instance`, and of all before it, is durable. Records that follow say so. */
  advance(instance: number): void {
    this.#gate.advance(instance);
    this.#log.chosenTo(instance);
  }

  /**
   * As `Log.read`, and never beyond `lastInstance` or what can be read; waits where not even the first can yet.
   * @throws LoggosError as `Log.read`; `stopped`; `busy` where too many wait
   */
  async read(
    firstInstance: number,
    lastInstance: number,
    countMax: number,
    bytesMax: number,
  ): Promise<readonly LogRecord[]> {
    if (lastInstance < firstInstance) return [];
    if (firstInstance > this.readableTo) {
      if (this.#failure !== undefined) throw this.#failure;
      await this.#gate.wait(firstInstance, Number.POSITIVE_INFINITY);
    }
    const count = Math.min(countMax, Math.min(lastInstance, this.readableTo) - firstInstance + 1);
    return this.#log.read(firstInstance, count, bytesMax);
  }

  /** Nothing more becomes readable. */
  fail(error: LoggosError): void {
    this.#failure = error;
    this.#gate.fail(error);
  }
}
