import type { LogBoot } from '../log/log.ts';

/**
 * Votes found at boot before something unreadable, which may have been a newer record of the same instance: the log does
 * not give them out. Where such a vote turns out to be for the chosen value, it is written again as that.
 */
export class UnsureVotes {
  readonly #instances = new Set<number>();

  constructor({ above }: LogBoot) {
    for (const found of above) {
      if (found.state === 'accepted' && found.maybeSuperseded !== undefined) this.#instances.add(found.record.instance);
    }
  }

  /** A record of the instance is written. */
  written(instance: number): void {
    if (this.#instances.size > 0) this.#instances.delete(instance);
  }

  /** The instance is chosen. Whether what is chosen has to be written. */
  take(instance: number): boolean {
    return this.#instances.size > 0 && this.#instances.delete(instance);
  }
}
