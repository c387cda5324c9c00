import type { Socket } from 'node:net';
import type { Connection, ConnectionReceiver } from '../base/network.ts';

/** Bytes that wait in this process for the kernel to take them. */
const bufferBytesMax = 1024 * 1024;
/** How long what was sent before a close may take to leave, in milliseconds. */
const lingerMs = 5_000;

/** One end of a TCP or TLS connection that stands. */
export class TcpConnection implements Connection {
  readonly remoteAddress: string;
  readonly hasProved?: (name: string) => boolean;
  readonly bufferBytesMax = bufferBytesMax;
  readonly #socket: Socket;
  #receiver: ConnectionReceiver | undefined;
  #bufferedBytes = 0;
  #wantsDrain = false;
  /** The other side said that it sends nothing more. */
  #hasEnded = false;
  #isClosed = false;

  /** @param hasProved - absent: the other side was not asked to prove a name */
  constructor(socket: Socket, remoteAddress: string, hasProved?: (name: string) => boolean) {
    this.#socket = socket;
    this.remoteAddress = remoteAddress;
    if (hasProved !== undefined) this.hasProved = hasProved;
    socket.setNoDelay(true);
    // `close` follows.
    socket.on('error', () => undefined);
    socket.on('end', () => {
      this.#hasEnded = true;
      socket.destroy();
    });
    socket.on('close', () => this.#onClosed());
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  receive(receiver: ConnectionReceiver): void {
    this.#receiver = receiver;
    this.#socket.on('data', (bytes: Buffer) => this.#receiver?.onData(bytes));
    // It broke before anybody listened.
    if (this.#socket.closed) setImmediate(() => this.#onClosed());
  }

  send(bytes: Uint8Array): boolean {
    if (this.#isClosed || this.#socket.destroyed) return false;
    if (this.#bufferedBytes > 0 && this.#bufferedBytes + bytes.length > bufferBytesMax) {
      this.#wantsDrain = true;
      return false;
    }
    this.#bufferedBytes += bytes.length;
    this.#socket.write(bytes, () => this.#onWritten(bytes.length));
    return true;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#receiver = undefined;
    this.#socket.destroySoon();
    const cut = setTimeout(() => this.#socket.destroy(), lingerMs).unref();
    this.#socket.once('close', () => clearTimeout(cut));
  }

  #onWritten(count: number): void {
    this.#bufferedBytes -= count;
    if (!this.#wantsDrain || this.#bufferedBytes > bufferBytesMax / 2 || this.#socket.destroyed) return;
    this.#wantsDrain = false;
    this.#receiver?.onDrain();
  }

  #onClosed(): void {
    if (this.#isClosed || this.#receiver === undefined) return;
    this.#isClosed = true;
    const receiver = this.#receiver;
    this.#receiver = undefined;
    receiver.onClose(this.#hasEnded ? 'ended' : 'reset');
  }
}
