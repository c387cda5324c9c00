import type { Ballot } from '../../paxos/ballot.ts';
import { knowsLess } from '../../paxos/trust.ts';
import type { Machine } from '../world/machine.ts';
import type { OldDisks } from '../world/weather.ts';
import type { Cluster } from './cluster.ts';
import type { SimulatedReplica } from './simulated-replica.ts';

/** The most that a copy of a disk can remember. */
interface Memory {
  readonly incarnation: string;
  readonly promised: Ballot;
  readonly lastInstance: number;
}

/**
 * What a disk of yesterday has said since is known only to those who heard it and live (A4): a vote that was said to one
 * voter is not known to another. So an old disk comes back only where every other voter remembers more than it.
 */
export class RememberedDisks implements OldDisks<SimulatedReplica> {
  readonly #cluster: Cluster;
  readonly #copies = new Map<string, Memory>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  onCopy({ name, running }: Machine<SimulatedReplica>): void {
    const core = running?.watch.core;
    if (core === undefined) {
      this.#copies.delete(name);
      return;
    }
    const { acceptor, learner, self } = core;
    const lastInstance = Math.max(learner.chosenTo, ...acceptor.accepted.keys());
    this.#copies.set(name, { incarnation: self.incarnation, promised: acceptor.promised, lastInstance });
  }

  wouldBeNoticed(machine: Machine<SimulatedReplica>, source: Machine<SimulatedReplica>): boolean {
    const copy = this.#copies.get(source.name);
    if (copy === undefined) return false;
    return this.#cluster.room.machines.every((other) => {
      if (other === machine || other === source || this.#cluster.isRetired(other.name)) return true;
      const word = other.running?.watch.core?.trust.words.get(copy.incarnation);
      return word !== undefined && knowsLess({ ...copy, isDoubtful: false }, word);
    });
  }

  isNoticed({ running }: Machine<SimulatedReplica>): boolean {
    return running?.replica.state.name === 'excluded';
  }

  replace(machine: Machine<SimulatedReplica>): void {
    this.#cluster.room.coverage.reached(this.isNoticed(machine) ? 'old disk noticed' : 'old disk not noticed');
    this.#cluster.wipe(machine);
  }
}
