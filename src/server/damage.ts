import { LoggosError } from '../base/errors.ts';
import type { Observer } from '../base/observer.ts';
import type { ReadGuard } from './guarded-reader.ts';

/** What makes a checkpoint unfit to be served; the first finding stays. */
export class Damage implements ReadGuard {
  readonly #observer: Observer;
  readonly #onDamaged: (what: string) => void;
  #refusal: LoggosError | undefined;

  /** @param onDamaged - told once of rot, which another checkpoint mends */
  constructor(observer: Observer, onDamaged: (what: string) => void) {
    this.#observer = observer;
    this.#onDamaged = onDamaged;
  }

  /** What everybody is refused with; undefined: nothing was found. */
  get refusal(): LoggosError | undefined {
    return this.#refusal;
  }

  /**
   * @param other - another reason to answer nothing
   * @throws LoggosError `checkpoint-damaged` or `diverged` once something was found; else `other`
   */
  check(other?: LoggosError): void {
    const refusal = this.#refusal ?? other;
    if (refusal !== undefined) throw refusal;
  }

  /** Rot: what is on disk is not what was written. */
  found(what: string): void {
    if (this.#refusal !== undefined) return;
    this.#refusal = new LoggosError('checkpoint-damaged', what);
    this.#onDamaged(what);
  }

  /** The two executions differ: a defect, which a rebuild would repeat. It stops serving and keeps its files (E5). */
  broken(what: string): void {
    const advice =
      'it is not rebuilt, which would repeat it: restore the newest backup into another directory, and keep this one';
    this.#observer.report('error', 'checkpoint-broken', { what, advice });
    this.#refusal ??= new LoggosError('diverged', what);
  }
}

/** Whether an error says that the checkpoint is damaged. */
export function isDamage(error: unknown): error is LoggosError {
  return error instanceof LoggosError && error.code === 'checkpoint-damaged';
}
