import { type CoreInput, type CoreState, canRead, step } from '../paxos/core.ts';
import type { CoreOutput } from '../paxos/outputs.ts';
import { type Hands, perform } from './perform.ts';

export interface CoreLoopHost {
  readonly hands: Hands;
  /** Sees each step before it is performed. */
  readonly onStep?: ((core: CoreState, outputs: readonly CoreOutput[]) => void) | undefined;
  /** A read round was to begin where this replica cannot answer reads any more. */
  onReadLost(): void;
  /** All that was received is performed, and can be handed to the disk. */
  onPerformed(): void;
  /** After that: proposals may be let in, and chosen values applied. */
  onIdle(): void;
  onFailure(error: unknown): void;
}

/** Receives inputs, steps the core and performs what it says: one input after the other, also those that come of them. */
export class CoreLoop {
  readonly #core: CoreState;
  readonly #host: CoreLoopHost;
  readonly #inputs: CoreInput[] = [];
  #isRunning = false;
  #isStopped = false;

  constructor(core: CoreState, host: CoreLoopHost) {
    this.#core = core;
    this.#host = host;
  }

  receive(input: CoreInput): void {
    if (this.#isStopped) return;
    this.#inputs.push(input);
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
        // It was asked for before what came in between.
        if (next.kind === 'read' && !canRead(this.#core)) this.#host.onReadLost();
        else this.#perform(step(this.#core, next));
      }
      this.#host.onPerformed();
    } catch (error) {
      this.#host.onFailure(error);
    } finally {
      this.#isRunning = false;
    }
    this.#host.onIdle();
  }

  #perform(outputs: readonly CoreOutput[]): void {
    this.#host.onStep?.(this.#core, outputs);
    perform(outputs, this.#host.hands);
  }

  /** Nothing is received any more. */
  stop(): void {
    this.#isStopped = true;
    this.#inputs.length = 0;
  }
}
