import { LoggosError } from '../base/errors.ts';

/** One part of a boot; `done` and `total` where it can be said how far it is. */
export interface BootStep {
  readonly phase: 'opening' | 'rebuilding' | 'catching-up' | 'replaying' | 'joining';
  readonly done?: number;
  readonly total?: number;
}

const words: Readonly<Record<BootStep['phase'], string>> = {
  opening: 'opening the checkpoint and the log',
  rebuilding: 'rebuilding the checkpoint, in bytes of the snapshot',
  'catching-up': 'replaying the log into the checkpoint, in instances',
  replaying: 'replaying the log, in instances',
  joining: 'looking for the leader',
};

/** What a database that is not open yet is at: for health, and for whoever is refused meanwhile. */
export class BootProgress {
  #step: () => BootStep = () => ({ phase: 'opening' });

  /** @param step - asked whenever somebody wants to know */
  at(step: () => BootStep): void {
    this.#step = step;
  }

  get detail(): string {
    const { phase, done, total } = this.#step();
    return `booting: ${words[phase]}${done === undefined || total === undefined ? '' : `: ${done} of ${total}`}`;
  }

  refusal(): LoggosError {
    return new LoggosError('starting', this.detail, { ...this.#step() });
  }
}
