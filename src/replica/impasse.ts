import type { Observer } from '../base/observer.ts';
import type { CoreState } from '../paxos/core.ts';
import { hindrance } from '../paxos/leader.ts';
import type { Hindrance } from '../paxos/phase-one.ts';

/** Says why nobody leads where enough replicas are there, but too few of them can tell what they accepted (A6). */
export class Impasse {
  readonly #core: CoreState;
  readonly #observer: Observer;
  #reason = '';

  constructor(core: CoreState, observer: Observer) {
    this.#core = core;
    this.#observer = observer;
  }

  /** A sentence or two; empty: nothing is known to be in the way. Elections come and go, so it stays until one succeeds. */
  get reason(): string {
    return this.#reason;
  }

  /** Called at every tick. */
  look(): void {
    const found = hindrance(this.#core);
    if (found !== undefined) this.#tell(found);
    else if (this.#isLed()) this.#reason = '';
  }

  #isLed(): boolean {
    const { leader, election, self } = this.#core;
    if (election.leader !== self.replica) return election.leader !== undefined;
    return leader.openingInstance !== undefined;
  }

  #tell(found: Hindrance): void {
    const isNew = this.#reason === '';
    this.#reason = describe(found);
    if (isNew) this.#observer.report('error', 'election-undecided', { ...found, reason: this.#reason });
  }
}

function describe({ instance, cannotTell, silent }: Hindrance): string {
  const whoCannot = `${named(cannotTell)} cannot tell what ${cannotTell.length > 1 ? 'they' : 'it'} accepted`;
  const found = `No replica can lead: of instance ${instance}, ${whoCannot}, since the end of the log is damaged`;
  if (silent.length === 0) return `${found}. Keep all data directories, and restore a backup into a new cluster.`;
  const whoIsMissing = `${named(silent)} ${silent.length > 1 ? 'have' : 'has'} not answered`;
  return `${found}; ${whoIsMissing}. Start what is down; where that is lost, restore a backup into a new cluster.`;
}

function named(replicas: readonly number[]): string {
  const [first, ...others] = replicas;
  if (others.length === 0) return `replica ${first}`;
  return `replicas ${replicas.slice(0, -1).join(', ')} and ${replicas.at(-1)}`;
}
