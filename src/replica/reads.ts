import { LoggosError } from '../base/errors.ts';

interface Waiter {
  readonly deadline: number;
  readonly resolve: (instance: number) => void;
  readonly reject: (error: LoggosError) => void;
}

/** How long a round may go unconfirmed, in ticks, before it is asked again under a new number: words may be lost. */
const againTicks = 4;

/**
 * Batches linearizable reads into rounds of the core's read index: those that wait when a round starts share it, those
 * that come later wait for the next, so that each is confirmed by a round that started after it arrived (C1).
 */
export class ReadRounds {
  readonly #waitersMax: number;
  readonly #ask: (round: number) => void;
  #round = 0;
  #asked: Waiter[] = [];
  #next: Waiter[] = [];
  #ticks = 0;

  /** @param ask - starts a round; the one before counts no more */
  constructor(waitersMax: number, ask: (round: number) => void) {
    this.#waitersMax = waitersMax;
    this.#ask = ask;
  }

  get isIdle(): boolean {
    return this.#asked.length === 0 && this.#next.length === 0;
  }

  /**
   * Resolves with the instance that must be applied before the read is answered.
   * @throws LoggosError `no-leader` at the deadline, `busy` where too many wait
   */
  wait(deadline: number): Promise<number> {
    if (this.#asked.length + this.#next.length >= this.#waitersMax) {
      return Promise.reject(new LoggosError('busy', 'Too many reads are waiting.', { cause: 'reads' }));
    }
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#next.push({ deadline, resolve, reject });
    if (this.#asked.length === 0) this.#start();
    return promise;
  }

  confirmed(round: number, instance: number): void {
    if (round !== this.#round) return;
    const asked = this.#asked;
    this.#asked = [];
    for (const waiter of asked) waiter.resolve(instance);
    if (this.#next.length > 0) this.#start();
  }

  /** Time passes. Those that wait for a round that may be lost go into the next one, which starts after they came too. */
  tick(): void {
    if (this.#asked.length === 0) return;
    this.#ticks++;
    if (this.#ticks < againTicks) return;
    this.#next = [...this.#asked, ...this.#next];
    this.#start();
  }

  expire(now: number): void {
    const isLate = (waiter: Waiter) => waiter.deadline <= now;
    const late = [...this.#asked, ...this.#next].filter(isLate);
    if (late.length === 0) return;
    const error = new LoggosError('no-leader', 'No quorum confirmed in time that this replica still leads.');
    this.#asked = this.#asked.filter((waiter) => !isLate(waiter));
    this.#next = this.#next.filter((waiter) => !isLate(waiter));
    for (const waiter of late) waiter.reject(error);
    // The running round may be lost: those that came after it go on under a new number.
    if (this.#asked.length === 0 && this.#next.length > 0) this.#start();
  }

  fail(error: LoggosError): void {
    const waiters = [...this.#asked, ...this.#next];
    this.#asked = [];
    this.#next = [];
    for (const waiter of waiters) waiter.reject(error);
  }

  #start(): void {
    this.#asked = this.#next;
    this.#next = [];
    this.#ticks = 0;
    this.#round++;
    this.#ask(this.#round);
  }
}
