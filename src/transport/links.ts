import type { Clock } from '../base/clock.ts';
import type { Hashes } from '../base/hashes.ts';
import type { Connection, Network } from '../base/network.ts';
import type { Observer } from '../base/observer.ts';
import type { Random } from '../base/random.ts';
import type { ReplicaId } from '../paxos/ballot.ts';
import type { Member } from '../paxos/chosen-value.ts';
import type { PaxosMessage } from '../paxos/messages.ts';
import type { Peer } from '../paxos/peer.ts';
import { frameHeadBytes, sealFrame, sealOf } from './frame.ts';
import type { Hello } from './hello.ts';
import { encodeMessage } from './message-codec.ts';
import { OutgoingLink } from './outgoing-link.ts';
import { PeerConnection, type PeerConnectionHost, type PeerConnectionOptions } from './peer-connection.ts';

export interface LinksOptions {
  readonly database: string;
  /** Who speaks here. */
  readonly self: Peer;
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly hashes: Hashes;
  readonly observer: Observer;
  /**
   * The largest message sent or taken, in bytes: a connection that brings a larger one is closed. A promise lists every
   * vote in flight, so it needs the room of a whole window.
   */
  readonly messageBytesMax: number;
  /** Messages that wait for one connection, in bytes; what comes then is dropped: the protocol says it again. */
  readonly queueBytesMax?: number;
  readonly onMessage: (from: Peer, message: PaxosMessage) => void;
  /** Somebody said who it is, and is welcome. */
  readonly onPeer?: (peer: Peer) => void;
}

/** A member as it is reached. */
export type KnownMember = Pick<Member, 'id' | 'name' | 'address'>;

const defaultQueueBytesMax = 64 * 1024 * 1024;
const stallMs = 5_000;
/** Connections that others opened. Far more than members: one whose other end lost its power is never told to end. */
const incomingMax = 64;

/**
 * The connections of one replica to the others of its group. It dials every member whose address it knows, so that
 * between two members there is a connection each way and each speaks on its own. Whoever has no known address (one that
 * joins, or was removed) is answered on the connection on which it spoke.
 */
export class Links {
  readonly #options: LinksOptions;
  readonly #connectionOptions: PeerConnectionOptions;
  readonly #outgoing = new Map<ReplicaId, OutgoingLink>();
  readonly #incoming = new Set<PeerConnection>();
  /** The newest connection on which a replica spoke. */
  readonly #callers = new Map<ReplicaId, PeerConnection>();
  readonly #seal: number;
  /** When each was last heard on a connection that is gone. */
  readonly #heardAtMs = new Map<ReplicaId, number>();
  #names: ReadonlyMap<ReplicaId, string> = new Map();
  #clusterId: string | undefined;
  #lastMessage: PaxosMessage | undefined;
  #lastFrame: Uint8Array = new Uint8Array(0);
  #isStopped = false;

  constructor(options: LinksOptions) {
    const { clock, hashes, self, database, messageBytesMax, queueBytesMax = defaultQueueBytesMax } = options;
    this.#options = options;
    this.#clusterId = self.clusterId;
    this.#seal = sealOf(self.session, hashes);
    const hello = { database, peer: self };
    this.#connectionOptions = { clock, hashes, hello, messageBytesMax, queueBytesMax, stallMs };
  }

  /** Takes connections from now on. @throws NetworkError */
  start(): Promise<void> {
    return this.#options.network.listen((connection) => this.#accept(connection));
  }

  /** Closes everything; nothing is handed to anybody any more. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#options.network.stopListening();
    for (const link of this.#outgoing.values()) link.close();
    for (const connection of [...this.#incoming]) connection.close();
  }

  /** Who is in the group now, and where each is reached; an empty address: nobody dials it. */
  know(clusterId: string | undefined, members: readonly KnownMember[]): void {
    if (this.#isStopped) return;
    this.#clusterId = clusterId ?? this.#clusterId;
    this.#names = new Map(members.map(({ id, name }) => [id, name]));
    for (const connection of [...this.#incoming]) connection.reconsider();
    const addresses = new Map(members.map(({ id, address }) => [id, address]));
    for (const [id, link] of this.#outgoing) {
      if (addresses.get(id) === link.address) continue;
      this.#outgoing.delete(id);
      link.close();
    }
    for (const [id, address] of addresses) {
      if (id === this.#options.self.replica || address === '' || this.#outgoing.has(id)) continue;
      this.#outgoing.set(id, this.#linkTo(id, address));
    }
  }

  /** When a replica was last heard, monotonic, in milliseconds; undefined: never. */
  heardAtMs(replica: ReplicaId): number | undefined {
    const caller = this.#callers.get(replica);
    const times = [this.#outgoing.get(replica)?.heardAtMs, caller?.heardAtMs, this.#heardAtMs.get(replica)];
    const known = times.filter((time) => time !== undefined);
    return known.length === 0 ? undefined : Math.max(...known);
  }

  /** Sends, or drops where there is no way or no room; the protocol says again what matters. */
  send(to: ReplicaId, message: PaxosMessage): void {
    const frame = this.#frameOf(message);
    const way = this.#outgoing.get(to) ?? this.#callers.get(to);
    const isSent = frame.length - frameHeadBytes <= this.#options.messageBytesMax && way?.send(frame) === true;
    if (!isSent) this.#options.observer.count('transport_messages_dropped_total');
  }

  /** The same message goes to several replicas one after the other. */
  #frameOf(message: PaxosMessage): Uint8Array {
    if (this.#lastMessage === message) return this.#lastFrame;
    const frame = encodeMessage(message);
    sealFrame(frame, this.#options.hashes, this.#seal);
    this.#lastMessage = message;
    this.#lastFrame = frame;
    return frame;
  }

  #linkTo(id: ReplicaId, address: string): OutgoingLink {
    const { observer } = this.#options;
    const facts = { replica: id, name: this.#names.get(id) ?? '', address };
    // Said once, not at each try.
    let isSaid = false;
    const link: OutgoingLink = new OutgoingLink(address, this.#options, this.#connectionOptions, {
      ...this.#host({
        refusalOf: (hello) => (hello.peer.replica === id ? undefined : 'another-replica'),
        onHello: () => {
          isSaid = false;
          observer.report('info', 'peer-reached', facts);
        },
        onClosed: (heardAtMs, fault) => {
          if (heardAtMs === undefined) return;
          this.#heard(id, heardAtMs);
          if (fault !== 'closed') observer.report('warn', 'peer-lost', facts);
        },
      }),
      onUnreachable: (reason) => {
        if (!isSaid) observer.report('warn', 'peer-unreachable', { ...facts, reason });
        isSaid = true;
      },
    });
    return link;
  }

  #accept(connection: Connection): void {
    if (this.#isStopped) {
      connection.receive({ onData() {}, onDrain() {}, onClose() {} });
      connection.close();
      return;
    }
    if (this.#incoming.size >= incomingMax) this.#closeQuietest();
    const host = this.#host({
      refusalOf: () => undefined,
      onHello: ({ replica }) => void this.#callers.set(replica, kept),
      onClosed: (heardAtMs) => {
        this.#incoming.delete(kept);
        const caller = kept.peer?.replica;
        if (caller === undefined || heardAtMs === undefined) return;
        this.#heard(caller, heardAtMs);
        if (this.#callers.get(caller) === kept) this.#callers.delete(caller);
      },
    });
    const kept = new PeerConnection(connection, this.#connectionOptions, host);
    this.#incoming.add(kept);
  }

  /** Of members alone: anybody may claim a number, and what it leads to is kept. */
  #heard(replica: ReplicaId, heardAtMs: number): void {
    if (!this.#names.has(replica)) return;
    this.#heardAtMs.set(replica, Math.max(heardAtMs, this.#heardAtMs.get(replica) ?? heardAtMs));
  }

  /**
   * Whoever has not said who it is goes first. Members speak all the time: of the others, the one heard last longest ago
   * is gone, or has nothing to say.
   */
  #closeQuietest(): void {
    let quietest: PeerConnection | undefined;
    for (const connection of this.#incoming) {
      if (quietest === undefined || isQuieter(connection, quietest)) quietest = connection;
    }
    quietest?.close();
  }

  #host(own: {
    refusalOf(hello: Hello): string | undefined;
    onHello(peer: Peer): void;
    /** @param heardAtMs - undefined: it never said who it is */
    onClosed(heardAtMs: number | undefined, fault: string | undefined): void;
  }): PeerConnectionHost {
    const { observer, onMessage, onPeer } = this.#options;
    return {
      refusalOf: (hello, connection) => this.#refusalOf(hello, connection) ?? own.refusalOf(hello),
      onHello: (peer) => {
        own.onHello(peer);
        onPeer?.(peer);
      },
      onMessage: (peer, message) => {
        if (!this.#isStopped) onMessage(peer, message);
      },
      onClosed: (fault, { peer, heardAtMs, remoteAddress }) => {
        own.onClosed(peer === undefined ? undefined : heardAtMs, fault);
        if (fault === undefined || fault === 'closed') return;
        observer.count('transport_connections_refused_total');
        observer.report('warn', 'connection-refused', { reason: fault, address: remoteAddress });
      },
    };
  }

  #refusalOf({ database, peer }: Hello, { hasProved }: Connection): string | undefined {
    const { self } = this.#options;
    if (database !== this.#options.database) return 'another-database';
    if (peer.clusterId !== undefined && this.#clusterId !== undefined && peer.clusterId !== this.#clusterId) {
      return 'another-cluster';
    }
    if (peer.replica === self.replica) return 'own-identity';
    return hasProved === undefined || this.#mayClaim(peer.replica, hasProved) ? undefined : 'another-name';
  }

  /** A number of a member is for whoever proves its name alone; and whoever proves a member's name has no other number. */
  #mayClaim(replica: ReplicaId, hasProved: (name: string) => boolean): boolean {
    const name = this.#names.get(replica);
    return name === undefined ? ![...this.#names.values()].some(hasProved) : hasProved(name);
  }
}

function isQuieter(one: PeerConnection, other: PeerConnection): boolean {
  if ((one.peer === undefined) !== (other.peer === undefined)) return one.peer === undefined;
  return one.heardAtMs < other.heardAtMs;
}
