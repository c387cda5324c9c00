import type { Clock } from '../base/clock.ts';
import type { Connection, Network } from '../base/network.ts';
import type { Random } from '../base/random.ts';
import { fits } from './outbound.ts';
import { PeerConnection, type PeerConnectionHost, type PeerConnectionOptions } from './peer-connection.ts';

/** Back-off between two tries, in milliseconds: it doubles, and up to half of it is left out by chance. */
const backOffMsMin = 50;
const backOffMsMax = 1_000;

/** What a link tells whoever keeps it, beside what its connections do. */
export interface OutgoingLinkHost extends PeerConnectionHost {
  /** A try came to nothing. */
  onUnreachable(reason: string): void;
}

/** Keeps one connection to one address: dials, and dials again, less and less often, as long as it does not stand. */
export class OutgoingLink {
  readonly address: string;
  readonly #network: Network;
  readonly #clock: Clock;
  readonly #options: PeerConnectionOptions;
  readonly #random: Random;
  readonly #host: OutgoingLinkHost;
  #connection: PeerConnection | undefined;
  /** What was sent while it dials; undefined: it does not. */
  #early: Uint8Array[] | undefined;
  #earlyBytes = 0;
  #backOffMs = backOffMsMin;
  #cancelDial: (() => void) | undefined;
  #isClosed = false;

  constructor(
    address: string,
    { network, random }: { readonly network: Network; readonly random: Random },
    options: PeerConnectionOptions,
    host: OutgoingLinkHost,
  ) {
    this.address = address;
    this.#network = network;
    this.#random = random;
    this.#clock = options.clock;
    this.#options = options;
    this.#host = host;
    this.#dial();
  }

  /** When the other side was last heard on it, as long as it stands and said who it is; monotonic, in milliseconds. */
  get heardAtMs(): number | undefined {
    return this.#connection?.peer === undefined ? undefined : this.#connection.heardAtMs;
  }

  /** Takes a sealed frame. False: it was dropped, for want of room or of a connection. */
  send(frame: Uint8Array): boolean {
    if (this.#connection !== undefined) return this.#connection.send(frame);
    if (this.#early === undefined || !fits(this.#earlyBytes, frame.length, this.#options.queueBytesMax)) return false;
    this.#early.push(frame);
    this.#earlyBytes += frame.length;
    return true;
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelDial?.();
    this.#early = undefined;
    this.#connection?.close();
  }

  #dial(): void {
    this.#early = [];
    this.#earlyBytes = 0;
    this.#network.connect(this.address).then(
      (connection) => this.#onConnected(connection),
      (error: unknown) => {
        if (!this.#isClosed) this.#host.onUnreachable(error instanceof Error ? error.message : String(error));
        this.#dialLater();
      },
    );
  }

  #onConnected(connection: Connection): void {
    if (this.#isClosed) {
      connection.receive({ onData() {}, onDrain() {}, onClose() {} });
      connection.close();
      return;
    }
    const connectedAt = this.#clock.monotonic();
    const kept = new PeerConnection(connection, this.#options, {
      refusalOf: (hello, of) => this.#host.refusalOf(hello, of),
      onHello: (peer) => this.#host.onHello(peer),
      onMessage: (peer, message) => this.#host.onMessage(peer, message),
      onClosed: (fault, closed) => {
        this.#connection = undefined;
        this.#host.onClosed(fault, closed);
        // One that is refused at once, again and again, is no reason to hurry.
        if (this.#clock.monotonic() - connectedAt >= backOffMsMax) this.#backOffMs = backOffMsMin;
        this.#dialLater();
      },
    });
    this.#connection = kept;
    for (const frame of this.#early ?? []) kept.send(frame);
    this.#early = undefined;
  }

  #dialLater(): void {
    this.#early = undefined;
    if (this.#isClosed) return;
    const [byte = 0] = this.#random.bytes(1);
    this.#cancelDial = this.#clock.after(Math.ceil(this.#backOffMs * (1 - byte / 512)), () => this.#dial());
    this.#backOffMs = Math.min(backOffMsMax, this.#backOffMs * 2);
  }
}
