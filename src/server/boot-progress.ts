import { LoggosError } from '../base/errors.ts';

/** One part of a boot; `done` and `total` where it can be said how far it is. */
export interface BootStep {
  readonly phase: 'meeting' | 'opening' | 'rebuilding' | 'catching-up' | 'replaying' | 'joining';
  readonly done?: number;
  readonly total?: number;
  /** Names of replicas that it waits for, with commas between. */
  readonly missing?: string;
}

const words: Readonly<Record<BootStep['phase'], string>> = {
  meeting: 'waiting for the other replicas of a new cluster',
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
    const { phase, done, total, missing = '' } = this.#step();
    const progress = done === undefined || total === undefined ? '' : `: ${done} of ${total}`;
    return `booting: ${words[phase]}${progress}${missing === '' ? '' : `; not there: ${missing}`}`;
  }

  refusal(): LoggosError {
    return new LoggosError('starting', this.detail, { ...this.#step() });
  }
}
