import {
  type CloseReason,
  type Connection,
  type ConnectionReceiver,
  type Network,
  NetworkError,
} from '../../src/base/network.ts';

const noReceiver: ConnectionReceiver = { onData() {}, onDrain() {}, onClose() {} };

/** A network in this process: bytes arrive in a later turn, cut where the test says. */
export class MemoryNetworks {
  readonly #listeners = new Map<string, (connection: Connection) => void>();
  readonly connections: MemoryConnection[] = [];
  /** Bytes of one delivery at most. */
  chunkBytes = 1e9;
  bufferBytesMax = 1e9;
  /** Names the pairs that cannot reach each other, `from>to`. */
  readonly cut = new Set<string>();
  dialCount = 0;
  /** What whoever dials from an address proves; undefined: nobody is asked to. */
  proves: ((address: string) => (name: string) => boolean) | undefined;

  at(address: string): Network {
    return {
      listen: async (onConnection) => {
        if (this.#listeners.has(address)) throw new NetworkError('in-use', address, 'in use');
        this.#listeners.set(address, onConnection);
      },
      stopListening: () => void this.#listeners.delete(address),
      connect: async (to) => {
        this.dialCount++;
        await undefined;
        const listener = this.#listeners.get(to);
        if (this.cut.has(`${address}>${to}`)) throw new NetworkError('unreachable', to, 'cut');
        if (listener === undefined) throw new NetworkError('refused', to, 'nobody listens');
        const [near, far] = [new MemoryConnection(this, address, to), new MemoryConnection(this, to, address)];
        near.other = far;
        far.other = near;
        this.connections.push(near, far);
        setImmediate(() => listener(far));
        return near;
      },
    };
  }

  /** Both ways, now and until `heal`. */
  isolate(address: string, others: readonly string[]): void {
    for (const other of others) {
      this.cut.add(`${address}>${other}`);
      this.cut.add(`${other}>${address}`);
    }
    for (const connection of this.connections) {
      if (connection.isOpen && this.cut.has(`${connection.localAddress}>${connection.remoteAddress}`))
        connection.reset();
    }
  }

  heal(): void {
    this.cut.clear();
  }
}

export class MemoryConnection implements Connection {
  readonly #networks: MemoryNetworks;
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly hasProved?: (name: string) => boolean;
  other: MemoryConnection | undefined;
  bufferedBytes = 0;
  isOpen = true;
  /** While true nothing of what this side sends arrives. */
  isClogged = false;
  sentCount = 0;
  #receiver: ConnectionReceiver = noReceiver;
  readonly #waiting: Uint8Array[] = [];
  #wasRefused = false;
  #isPumping = false;

  constructor(networks: MemoryNetworks, localAddress: string, remoteAddress: string) {
    this.#networks = networks;
    this.localAddress = localAddress;
    this.remoteAddress = remoteAddress;
    if (networks.proves !== undefined) this.hasProved = networks.proves(remoteAddress);
  }

  get bufferBytesMax(): number {
    return this.#networks.bufferBytesMax;
  }

  receive(receiver: ConnectionReceiver): void {
    this.#receiver = receiver;
  }

  send(bytes: Uint8Array): boolean {
    if (!this.isOpen) return false;
    if (this.bufferedBytes >= this.bufferBytesMax) {
      this.#wasRefused = true;
      return false;
    }
    this.sentCount++;
    this.bufferedBytes += bytes.length;
    this.#waiting.push(bytes);
    this.#pumpSoon();
    return true;
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#receiver = noReceiver;
    const { other } = this;
    setImmediate(() => setImmediate(() => other?.end('ended')));
  }

  /** Breaks the connection at both ends. */
  reset(): void {
    this.end('reset');
    this.other?.end('reset');
  }

  unclog(): void {
    this.isClogged = false;
    this.#pumpSoon();
  }

  end(reason: CloseReason): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    setImmediate(() => this.#receiver.onClose(reason));
  }

  #pumpSoon(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    setImmediate(() => {
      this.#isPumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (!this.isClogged && this.#waiting.length > 0) {
      const bytes = this.#waiting.shift() ?? new Uint8Array(0);
      this.bufferedBytes -= bytes.length;
      for (let at = 0; at < bytes.length; at += this.#networks.chunkBytes) {
        // A copy, as from a kernel.
        this.other?.deliver(bytes.slice(at, at + this.#networks.chunkBytes));
      }
    }
    if (this.#wasRefused && this.bufferedBytes === 0 && this.isOpen) {
      this.#wasRefused = false;
      this.#receiver.onDrain();
    }
  }

  deliver(bytes: Uint8Array): void {
    if (this.isOpen) this.#receiver.onData(bytes);
  }
}
