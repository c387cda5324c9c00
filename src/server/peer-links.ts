import type { Clock } from '../base/clock.ts';
import type { Network } from '../base/network.ts';
import type { Observer } from '../base/observer.ts';
import type { Random } from '../base/random.ts';
import type { ReplicaId } from '../paxos/ballot.ts';
import { pipelineWindow } from '../paxos/membership.ts';
import type { PaxosMessage } from '../paxos/messages.ts';
import type { Peer } from '../paxos/peer.ts';
import { defaultReplicaLimits } from '../replica/limits.ts';
import type { Peers } from '../replica/peers.ts';
import { systemHashes } from '../system/hashes.ts';
import { type KnownMember, Links } from '../transport/links.ts';

export interface PeerLinksOptions {
  readonly database: string;
  readonly network: Network;
  readonly addressOf: (member: KnownMember) => string;
  /** The largest value that any replica may propose. */
  readonly valueBytesMax: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  readonly onFatal: (error: unknown) => void;
}

/** Everybody says something each second. */
const isThereWithinMs = 3_000;
/** Who is waited for is said so often, in milliseconds. */
const sayEveryMs = 10_000;
/** Of a message; more than any has. */
const bytesMax = 2 ** 31;
/** One that is refused comes again each second; it is told this often for each reason, in milliseconds. */
const refusalEveryMs = 10_000;

/** The ways of one database of this replica to the others of its group, and who of them is there. */
export class PeerLinks {
  readonly #options: PeerLinksOptions;
  /** How far each is, as far as it said. */
  readonly #instances = new Map<ReplicaId, number>();
  #links: Links | undefined;
  #others: readonly KnownMember[] = [];
  #cancelSaying = (): void => undefined;

  constructor(options: PeerLinksOptions) {
    this.#options = options;
  }

  /** For a replica that starts: once. */
  connect(self: Peer, onMessage: (from: Peer, message: PaxosMessage) => void): Peers {
    const { database, network, clock, random, addressOf, valueBytesMax, onFatal } = this.#options;
    const links = new Links({
      ...{ database, self, network, clock, random, hashes: systemHashes },
      observer: this.#seldom(),
      // A promise lists every vote in flight, and what was accepted and is not known to be chosen.
      messageBytesMax: Math.min(bytesMax, defaultReplicaLimits.unsyncedBytesMax + pipelineWindow * valueBytesMax),
      onMessage: (from, message) => {
        this.#note(from.replica, message);
        onMessage(from, message);
      },
    });
    this.#links = links;
    links.start().catch(onFatal);
    return {
      send: (to, message) => links.send(to, message),
      know: (clusterId, members) => {
        this.#others = members.filter(({ id }) => id !== self.replica);
        links.know(
          clusterId,
          members.map((member) => ({ ...member, address: addressOf(member) })),
        );
      },
    };
  }

  /** When a replica was last heard, monotonic, in milliseconds; undefined: never. */
  heardAtMs(replica: ReplicaId): number | undefined {
    return this.#links?.heardAtMs(replica);
  }

  isThere(replica: ReplicaId): boolean {
    const heardAtMs = this.heardAtMs(replica);
    return heardAtMs !== undefined && heardAtMs >= this.#options.clock.monotonic() - isThereWithinMs;
  }

  /** How far a replica is, as far as it said. */
  instanceOf(replica: ReplicaId): number {
    return this.#instances.get(replica) ?? 0;
  }

  /** The names of those that are not there. */
  get missing(): readonly string[] {
    return this.#others.filter(({ id }) => !this.isThere(id)).map(({ name }) => name);
  }

  /** Says who is missing, from time to time, until that does not matter any more. */
  sayWhoIsMissing(until: Promise<unknown>): void {
    const { clock, observer } = this.#options;
    const say = (): void => {
      const { missing } = this;
      if (missing.length > 0) observer.report('info', 'waiting-for-peers', { missing: missing.join(', ') });
      this.#cancelSaying = clock.after(sayEveryMs, say);
    };
    this.#cancelSaying = clock.after(sayEveryMs, say);
    // A timer that is left would keep the process from ending.
    const over = (): void => this.#cancelSaying();
    until.then(over, over);
  }

  stop(): void {
    this.#cancelSaying();
    this.#links?.stop();
  }

  /** The same observer, which is not told the same refusal each second. */
  #seldom(): Observer {
    const { observer, clock } = this.#options;
    const toldAtMs = new Map<unknown, number>();
    return {
      report(level, event, facts) {
        if (event === 'connection-refused') {
          const nowMs = clock.monotonic();
          if (nowMs - (toldAtMs.get(facts?.reason) ?? Number.NEGATIVE_INFINITY) < refusalEveryMs) return;
          toldAtMs.set(facts?.reason, nowMs);
        }
        observer.report(level, event, facts);
      },
      count: (counter, amount) => observer.count(counter, amount),
      measure: (histogram, value) => observer.measure(histogram, value),
    };
  }

  #note(replica: ReplicaId, message: PaxosMessage): void {
    if (message.kind === 'heartbeat' || message.kind === 'heartbeat-answer') this.#reached(replica, message.chosenTo);
    else if (message.kind === 'fingerprints') {
      for (const { instance } of message.marks) this.#reached(replica, instance);
    }
  }

  #reached(replica: ReplicaId, instance: number): void {
    if (this.#others.some(({ id }) => id === replica)) {
      this.#instances.set(replica, Math.max(instance, this.instanceOf(replica)));
    }
  }
}
