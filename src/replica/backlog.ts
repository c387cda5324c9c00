import { assert } from '../base/assert.ts';
import { isPlanted } from '../base/planted-bugs.ts';
import type { LogRecord } from '../log/log.ts';
import type { ChosenInstance } from '../paxos/learner.ts';

/** Chosen values that wait in memory, in bytes; those after them are read from the log when their turn comes. */
const bytesMax = 8 * 1024 * 1024;

/**
 * Chosen values that are not applied yet, in order: the next ones in memory up to a bound, all others only in the log.
 */
export class Backlog {
  readonly #read: (firstInstance: number) => Promise<readonly LogRecord[]>;
  readonly #waiting: ChosenInstance[] = [];
  #bytes = 0;
  /** After the last one in memory. */
  #nextInstance: number;
  #chosenTo: number;
  #isReading = false;

  /**
   * @param appliedInstance - the next one is the first that comes
   * @param read - chosen values from the log, at least one; it waits where the first is not durable yet
   */
  constructor(appliedInstance: number, read: (firstInstance: number) => Promise<readonly LogRecord[]>) {
    this.#read = read;
    this.#nextInstance = appliedInstance + 1;
    this.#chosenTo = appliedInstance;
  }

  get first(): ChosenInstance | undefined {
    return this.#waiting[0];
  }

  /** Whether the next one has to be read from the log. */
  get isOnDisk(): boolean {
    return this.#waiting.length === 0 && this.#nextInstance <= this.#chosenTo;
  }

  /** The next chosen value; in order, each once. */
  push(chosen: ChosenInstance): void {
    assert(chosen.instance === this.#chosenTo + 1, 'values are chosen in order, each once');
    this.#chosenTo = chosen.instance;
    this.#keep(chosen);
  }

  /** The first one was applied. */
  shift(): void {
    const first = this.#waiting.shift();
    if (first !== undefined) this.#bytes -= first.value.length;
  }

  /** Reads on from the log where `isOnDisk`. Answers whether there is something new; false too while it reads already. */
  async refill(): Promise<boolean> {
    if (this.#isReading || !this.isOnDisk) return false;
    this.#isReading = true;
    try {
      for (const record of await this.#read(this.#nextInstance)) this.#keep(record);
    } finally {
      this.#isReading = false;
    }
    return this.#waiting.length > 0;
  }

  #keep(chosen: ChosenInstance): void {
    if (chosen.instance !== this.#nextInstance) return;
    if (this.#bytes > 0 && this.#bytes + chosen.value.length > bytesMax) return;
    if (isPlanted('apply-out-of-order')) this.#waiting.unshift(chosen);
    else this.#waiting.push(chosen);
    this.#bytes += chosen.value.length;
    this.#nextInstance++;
  }
}
