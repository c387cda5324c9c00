import { parseEventLine } from '../../documents/machine/event-line.ts';
import { EventStream, type StreamedEvent } from '../checker/event-streams.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { Cluster } from './cluster.ts';
import type { SimulatedReplica } from './simulated-replica.ts';
import { proposalIdOf } from './watcher.ts';

const pageMax = 10_000;
const bytesMax = 64 * 1024 * 1024;
const eventsMax = 1_000_000;
const retryMs = 200;

/** Reads all events at one replica after another, and goes on at the next where the last one left it (C5). */
export class EventReader {
  readonly streams: EventStream[] = [];
  readonly #name: string;
  readonly #cluster: Cluster;
  readonly #random: SeededRandom;
  readonly #staysMeanMs: number;
  isStopped = false;

  constructor(options: {
    readonly name: string;
    readonly cluster: Cluster;
    readonly random: SeededRandom;
    /** How long it stays with one replica. */
    readonly staysMeanMs: number;
  }) {
    this.#name = options.name;
    this.#cluster = options.cluster;
    this.#random = options.random;
    this.#staysMeanMs = options.staysMeanMs;
  }

  /** The position that it has come to. */
  get lastPosition(): number {
    return this.streams.at(-1)?.lastPosition ?? 0;
  }

  async run(): Promise<void> {
    while (!this.isStopped) {
      const { running } = this.#cluster;
      const replica = running.length === 0 ? undefined : this.#random.pick(running);
      if (replica !== undefined) await this.#readAt(replica);
      await this.#cluster.pause(retryMs, this.#name);
    }
  }

  /** For the rest of the run: it stays where it is until it is stopped. */
  settle(): void {
    this.#isSettled = true;
  }

  #isSettled = false;

  async #readAt(replica: SimulatedReplica): Promise<void> {
    const { scheduler } = this.#cluster.room;
    const stream = new EventStream(`${this.#name} at ${replica.hands.machine}`, {
      after: this.lastPosition,
      eventsMax,
    });
    this.streams.push(stream);
    const leavesAt = scheduler.nowMs + this.#random.exponential(this.#staysMeanMs);
    while (!this.isStopped && (this.#isSettled || scheduler.nowMs < leavesAt)) {
      const asked = await this.#cluster.ask(replica, `events of ${this.#name}`, this.#staysMeanMs, () =>
        nextEvents(replica, stream.lastPosition),
      );
      if (asked.kind !== 'answer') break;
      if (asked.value.length > 0) this.#cluster.watcher.check(() => stream.deliver(asked.value));
    }
    if (!this.isStopped) stream.end = 'closed';
  }
}

/** What comes after a position, as soon as there is something. */
async function nextEvents({ reader, machine }: SimulatedReplica, after: number): Promise<StreamedEvent[]> {
  while (machine.state.position <= after) await applied(machine);
  const { lines } = await reader.events({ after, countMax: pageMax, bytesMax, scanMax: pageMax });
  return lines.map(({ position, line }) => {
    const { id = '', collection, documentId, revision } = parseEventLine(line);
    return { position, proposalId: proposalIdOf(id), key: `${collection}/${documentId}`, revision };
  });
}

function applied(machine: SimulatedReplica['machine']): Promise<void> {
  return new Promise((resolve) => {
    const unsubscribe = machine.onApplied(() => {
      unsubscribe();
      resolve();
    });
  });
}
