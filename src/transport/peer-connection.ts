import type { Clock } from '../base/clock.ts';
import type { Hashes } from '../base/hashes.ts';
import type { Connection } from '../base/network.ts';
import type { PaxosMessage } from '../paxos/messages.ts';
import type { Peer } from '../paxos/peer.ts';
import { FrameDecoder, sealFrame, sealOf } from './frame.ts';
import { decodeHello, encodeHello, type Hello, helloBytesMax } from './hello.ts';
import { decodeMessage } from './message-codec.ts';
import { Outbound } from './outbound.ts';

/** How long the other side may take to say who it is, in milliseconds. */
const helloWithinMs = 5_000;

export interface PeerConnectionOptions {
  readonly clock: Clock;
  readonly hashes: Hashes;
  /** What this replica says first. */
  readonly hello: Hello;
  /** The largest message taken, in bytes. */
  readonly messageBytesMax: number;
  readonly queueBytesMax: number;
  readonly stallMs: number;
}

/** What a connection tells whoever keeps it. */
export interface PeerConnectionHost {
  /** The other side said who it is; undefined: it is welcome, else why not, kebab-case. */
  refusalOf(hello: Hello): string | undefined;
  onHello(peer: Peer): void;
  onMessage(peer: Peer, message: PaxosMessage): void;
  /** The last call. `fault`: why this side closed it, kebab-case; undefined: the other side did, or it broke. */
  onClosed(fault: string | undefined): void;
}

/** One connection to another replica, whoever dialled: both sides say hello, then messages. */
export class PeerConnection {
  /** When the other side's last bytes came, or it connected; monotonic, in milliseconds. */
  heardAtMs: number;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #hashes: Hashes;
  readonly #host: PeerConnectionHost;
  readonly #decoder: FrameDecoder;
  readonly #messageBytesMax: number;
  readonly #outbound: Outbound;
  readonly #cancelHello: () => void;
  #peer: Peer | undefined;
  #isClosed = false;

  constructor(connection: Connection, options: PeerConnectionOptions, host: PeerConnectionHost) {
    const { clock, hashes, hello, messageBytesMax } = options;
    this.heardAtMs = clock.monotonic();
    this.#connection = connection;
    this.#clock = clock;
    this.#hashes = hashes;
    this.#host = host;
    this.#messageBytesMax = messageBytesMax;
    this.#decoder = new FrameDecoder(hashes, helloBytesMax);
    this.#outbound = new Outbound(connection, options, () => this.#close('stalled'));
    this.#cancelHello = clock.after(helloWithinMs, () => {
      if (this.#peer === undefined) this.#close('no-hello');
    });
    connection.receive({
      onData: (bytes) => this.#onData(bytes),
      onDrain: () => this.#outbound.onDrain(),
      onClose: () => this.#end(undefined),
    });
    const frame = encodeHello(hello);
    sealFrame(frame, hashes, 0);
    this.#outbound.push(frame);
  }

  /** Takes a sealed frame. False: it was dropped. */
  send(frame: Uint8Array): boolean {
    return this.#outbound.push(frame);
  }

  close(): void {
    this.#close('closed');
  }

  #onData(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.heardAtMs = this.#clock.monotonic();
    this.#decoder.push(bytes);
    // A message may end this connection.
    for (let payload = this.#next(); payload !== undefined; payload = this.#next()) {
      if (this.#peer === undefined) this.#onHello(payload);
      else this.#onMessage(this.#peer, payload);
    }
    const { fault } = this.#decoder;
    if (fault !== undefined) this.#close(fault);
  }

  #next(): Uint8Array | undefined {
    return this.#isClosed ? undefined : this.#decoder.next();
  }

  #onHello(payload: Uint8Array): void {
    const hello = decodeHello(payload);
    if (hello === undefined) {
      this.#close('bad-hello');
      return;
    }
    const refusal = this.#host.refusalOf(hello);
    if (refusal !== undefined) {
      this.#close(refusal);
      return;
    }
    this.#peer = hello.peer;
    this.#decoder.payloadBytesMax = this.#messageBytesMax;
    this.#decoder.seal = sealOf(hello.peer.session, this.#hashes);
    this.#host.onHello(hello.peer);
  }

  #onMessage(peer: Peer, payload: Uint8Array): void {
    const message = decodeMessage(payload);
    if (message === undefined) this.#close('bad-message');
    else this.#host.onMessage(peer, message);
  }

  #close(fault: string): void {
    if (this.#isClosed) return;
    this.#connection.close();
    this.#end(fault);
  }

  #end(fault: string | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelHello();
    this.#outbound.close();
    this.#host.onClosed(fault);
  }
}
