import type { Clock } from '../base/clock.ts';
import type { Hashes } from '../base/hashes.ts';
import type { Connection } from '../base/network.ts';
import type { PaxosMessage } from '../paxos/messages.ts';
import type { Peer } from '../paxos/peer.ts';
import { FrameDecoder, frameHeadBytes, sealFrame, sealOf } from './frame.ts';
import { decodeHello, encodeHello, type Hello, helloBytesMax } from './hello.ts';
import { decodeMessage } from './message-codec.ts';
import { Outbound } from './outbound.ts';

/** Every so often each side says something, if only that it is there, in milliseconds. */
const beatMs = 1_000;
/**
 * So many beats without a word, and the other side is gone: it lost its power, or its process stands still. Beats are
 * counted, not time: a process that stood still itself has one beat when it goes on, and blames nobody.
 */
const silentBeatsMax = 5;
/** So many beats the other side may take to say who it is. */
const helloBeatsMax = 5;

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
  refusalOf(hello: Hello, connection: Connection): string | undefined;
  onHello(peer: Peer): void;
  onMessage(peer: Peer, message: PaxosMessage): void;
  /** The last call. `fault`: why this side closed it, kebab-case; undefined: the other side did, or it broke. */
  onClosed(fault: string | undefined, closed: PeerConnection): void;
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
  readonly #beat: Uint8Array;
  #cancelBeat: () => void;
  #beatCount = 0;
  #silentBeats = 0;
  /** Since the last beat. */
  #hasSent = true;
  #hello: Hello | undefined;
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
    const beat = Buffer.alloc(frameHeadBytes);
    sealFrame(beat, hashes, sealOf(hello.peer.session, hashes));
    this.#beat = beat;
    this.#cancelBeat = clock.after(beatMs, () => this.#onBeat());
    connection.receive({
      onData: (bytes) => this.#onData(bytes),
      onDrain: () => this.#outbound.onDrain(),
      onClose: () => this.#end(undefined),
    });
    const frame = encodeHello(hello);
    sealFrame(frame, hashes, 0);
    this.#outbound.push(frame);
  }

  /** For messages to people: it proves nothing. */
  get remoteAddress(): string {
    return this.#connection.remoteAddress;
  }

  /** Who speaks on the other side; undefined: it has not said so yet. */
  get peer(): Peer | undefined {
    return this.#hello?.peer;
  }

  /** Closes it where the other side would not be welcome any more, with what is known now. */
  reconsider(): void {
    const refusal = this.#hello && this.#host.refusalOf(this.#hello, this.#connection);
    if (refusal !== undefined) this.#close(refusal);
  }

  /** Takes a sealed frame. False: it was dropped. */
  send(frame: Uint8Array): boolean {
    this.#hasSent = true;
    return this.#outbound.push(frame);
  }

  close(): void {
    this.#close('closed');
  }

  #onData(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.heardAtMs = this.#clock.monotonic();
    this.#silentBeats = 0;
    this.#decoder.push(bytes);
    // A message may end this connection.
    for (let payload = this.#next(); payload !== undefined; payload = this.#next()) {
      if (this.#hello === undefined) this.#onHello(payload);
      else if (payload.length > 0) this.#onMessage(this.#hello.peer, payload);
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
    const refusal = this.#host.refusalOf(hello, this.#connection);
    if (refusal !== undefined) {
      this.#close(refusal);
      return;
    }
    this.#hello = hello;
    this.#decoder.payloadBytesMax = this.#messageBytesMax;
    this.#decoder.seal = sealOf(hello.peer.session, this.#hashes);
    this.#host.onHello(hello.peer);
  }

  #onMessage(peer: Peer, payload: Uint8Array): void {
    const message = decodeMessage(payload);
    if (message === undefined) this.#close('bad-message');
    else this.#host.onMessage(peer, message);
  }

  #onBeat(): void {
    this.#beatCount++;
    this.#silentBeats++;
    if (this.#hello === undefined && this.#beatCount >= helloBeatsMax) this.#close('no-hello');
    else if (this.#silentBeats > silentBeatsMax) this.#close('silent');
    if (this.#isClosed) return;
    if (!this.#hasSent) this.#outbound.push(this.#beat);
    this.#hasSent = false;
    this.#cancelBeat = this.#clock.after(beatMs, () => this.#onBeat());
  }

  #close(fault: string): void {
    if (this.#isClosed) return;
    this.#connection.close();
    this.#end(fault);
  }

  #end(fault: string | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelBeat();
    this.#outbound.close();
    this.#host.onClosed(fault, this);
  }
}
