import type { CoreState } from '../paxos/core.ts';
import type { NewGroup } from '../paxos/forming.ts';
import type { Peers } from './peers.ts';

/** Tells the ways to the others who they are, whenever that changes. */
export class PeerBook {
  readonly #core: CoreState;
  readonly #forming: NewGroup | undefined;
  readonly #peers: Peers;
  /** The newest membership that was told, by the instance that chose it; 0: that none is known. */
  #toldEpoch: number | undefined;

  constructor(core: CoreState, forming: NewGroup | undefined, peers: Peers) {
    this.#core = core;
    this.#forming = forming;
    this.#peers = peers;
  }

  /** Called after every step. */
  look(): void {
    const { self, memberships } = this.#core;
    const { reigns } = memberships;
    const epoch = reigns.at(-1)?.instance ?? 0;
    if (epoch === this.#toldEpoch) return;
    this.#toldEpoch = epoch;
    // The newest one may not rule yet, so both are spoken to; the address in the newer one counts.
    const members = reigns.slice(-2).flatMap(({ membership }) => membership.members);
    const clusterId = reigns[0]?.membership.clusterId ?? self.clusterId;
    this.#peers.know(clusterId, reigns.length === 0 ? (this.#forming?.peers ?? []) : members);
  }
}
