import type { Clock } from '../base/clock.ts';
import type { Connection, Network } from '../base/network.ts';
import { fits } from './outbound.ts';
import { PeerConnection, type PeerConnectionHost, type PeerConnectionOptions } from './peer-connection.ts';

/** Back-off between two tries, in milliseconds: it doubles. */
const backOffMsMin = 50;
const backOffMsMax = 1_000;

/** Keeps one connection to one address: dials, and dials again, less and less often, as long as it does not stand. */
export class OutgoingLink {
  readonly address: string;
  readonly #network: Network;
  readonly #clock: Clock;
  readonly #options: PeerConnectionOptions;
  readonly #host: PeerConnectionHost;
  #connection: PeerConnection | undefined;
  /** What was sent while it dials; undefined: it does not. */
  #early: Uint8Array[] | undefined;
  #earlyBytes = 0;
  #backOffMs = backOffMsMin;
  #cancelDial: (() => void) | undefined;
  #isClosed = false;

  constructor(address: string, network: Network, options: PeerConnectionOptions, host: PeerConnectionHost) {
    this.address = address;
    this.#network = network;
    this.#clock = options.clock;
    this.#options = options;
    this.#host = host;
    this.#dial();
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
      () => this.#dialLater(),
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
      refusalOf: (hello) => this.#host.refusalOf(hello),
      onHello: (peer) => this.#host.onHello(peer),
      onMessage: (peer, message) => this.#host.onMessage(peer, message),
      onClosed: (fault) => {
        this.#connection = undefined;
        this.#host.onClosed(fault);
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
    this.#cancelDial = this.#clock.after(this.#backOffMs, () => this.#dial());
    this.#backOffMs = Math.min(backOffMsMax, this.#backOffMs * 2);
  }
}
