import type { Clock } from '../base/clock.ts';
import { delay } from '../base/clock.ts';
import { LoggosError } from '../base/errors.ts';
import type { Log, LogRecord } from '../log/log.ts';
import type { Ballot } from '../paxos/ballot.ts';

/** How long to wait before an append that found no room is tried again, in milliseconds. */
const noRoomRetryMs = 100;

interface Job {
  readonly promise: Ballot | undefined;
  readonly records: LogRecord[];
  readonly actions: (() => void)[];
  isIssued: boolean;
  isDurable: boolean;
}

/**
 * Keeps the order between what must be on disk and what waits for it: an action runs when everything persisted before
 * it is durable, and actions run in their order. Appends overlap; a promise is durable before what follows it is
 * written.
 */
export class Storage {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #onFailure: (error: unknown) => void;
  readonly #jobs: Job[] = [];
  /** What they wait for is durable: they run one after the other. */
  readonly #due: (() => void)[] = [];
  #bytes = 0;
  #actionCount = 0;
  #isRevoked = false;

  /** @param onFailure - told of a failure after which the log is dead; nothing runs any more */
  constructor(log: Log, clock: Clock, onFailure: (error: unknown) => void) {
    this.#log = log;
    this.#clock = clock;
    this.#onFailure = onFailure;
  }

  /** Appends that are not durable yet. */
  get outstanding(): number {
    return this.#jobs.length;
  }

  /** Bytes of values that are not durable yet. */
  get outstandingBytes(): number {
    return this.#bytes;
  }

  /** Actions that wait for a sync. */
  get waitingCount(): number {
    return this.#actionCount;
  }

  promise(ballot: Ballot): void {
    this.#jobs.push({ promise: ballot, records: [], actions: [], isIssued: false, isDurable: false });
  }

  append(record: LogRecord): void {
    this.#openJob().records.push(record);
    this.#bytes += record.value.length;
  }

  afterSync(action: () => void): void {
    const last = this.#jobs.at(-1);
    if (last !== undefined) {
      last.actions.push(action);
      this.#actionCount++;
    } else if (this.#due.length > 0) {
      this.#due.push(action);
    } else {
      // At once, so that what an action proposes next is written with what it made known to be chosen.
      action();
    }
  }

  /** Resolves when all that was persisted before is durable; never, where it does not become so. */
  durable(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.afterSync(resolve);
    return promise;
  }

  /**
   * Hands to the log what was gathered since the last call; what was gathered together shares one append. A promise
   * waits for what was to be written before it, also where that waits for room: on disk all is in the order it was said.
   */
  flush(): void {
    let isDurable = true;
    for (const job of this.#jobs) {
      if (job.promise !== undefined && !isDurable) return;
      if (!job.isIssued) this.#issue(job);
      if (job.promise !== undefined && !job.isDurable) return;
      isDurable &&= job.isDurable;
    }
  }

  /** Nothing of what is on its way is answered any more. */
  revoke(): void {
    this.#isRevoked = true;
    this.#jobs.length = 0;
    this.#due.length = 0;
  }

  #openJob(): Job {
    const last = this.#jobs.at(-1);
    if (last !== undefined && !last.isIssued) return last;
    const job: Job = { promise: undefined, records: [], actions: [], isIssued: false, isDurable: false };
    this.#jobs.push(job);
    return job;
  }

  #issue(job: Job): void {
    job.isIssued = true;
    this.#write(job)
      .then(() => this.#onDurable(job))
      .catch((error: unknown) => this.#fail(error));
  }

  #fail(error: unknown): void {
    if (this.#isRevoked) return;
    this.revoke();
    this.#onFailure(error);
  }

  async #write(job: Job): Promise<void> {
    if (job.promise !== undefined) await this.#log.promise(job.promise);
    while (job.records.length > 0 && !this.#isRevoked) {
      try {
        return await this.#log.append(job.records);
      } catch (error) {
        if (!(error instanceof LoggosError) || error.code !== 'no-room') throw error;
        // Nothing of it was written, and what is accepted must not be forgotten: it waits for room.
        await delay(this.#clock, noRoomRetryMs);
      }
    }
  }

  #onDurable(job: Job): void {
    job.isDurable = true;
    for (let head = this.#jobs[0]; head?.isDurable === true; head = this.#jobs[0]) {
      this.#jobs.shift();
      for (const { value } of head.records) this.#bytes -= value.length;
      this.#actionCount -= head.actions.length;
      this.#due.push(...head.actions);
    }
    this.#runDue();
    this.flush();
  }

  /** What an action asks for comes behind those that were there before it. */
  #runDue(): void {
    for (let action = this.#due.shift(); action !== undefined; action = this.#due.shift()) action();
  }
}
