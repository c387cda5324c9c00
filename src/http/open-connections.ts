import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { Observer } from '../base/observer.ts';
import { TransientMap } from '../base/transient-map.ts';

const sweepMs = 1_000;

export interface OpenConnectionsOptions {
  readonly clock: Clock;
  readonly observer: Observer;
  /** Connections from one address at once, loopback aside; 0: any number. */
  readonly perAddressMax: number;
  /** A client that takes nothing of an answer for so long is cut off, to within a sweep of a second. */
  readonly slowReaderMs: number;
}

/**
 * All connections: how many an address has, and which of them take nothing of what they asked for. An answer that
 * nobody reads is memory that nobody gets back, and Node has no limit for it: its timeouts are for what comes in. Looked
 * at once a second, so that an answer costs nothing more.
 */
export class OpenConnections {
  readonly #options: OpenConnectionsOptions;
  readonly #sockets = new TransientMap<Socket, string>();
  readonly #countOf = new TransientMap<string, number>();
  /** Those that have something to read, with the limit set. */
  readonly #slow = new TransientMap<Socket, true>();
  #cancelSweep: (() => void) | undefined;

  constructor(options: OpenConnectionsOptions) {
    this.#options = options;
  }

  /** Whether the connection may stay; one too many from its address is closed at once. */
  connected(socket: Socket): boolean {
    const { perAddressMax, clock, observer } = this.#options;
    const network = networkOf(socket.remoteAddress ?? '');
    const count = this.#countOf.get(network) ?? 0;
    if (perAddressMax > 0 && count >= perAddressMax && network !== loopback) {
      observer.count('http_refused_connections_total');
      socket.destroy();
      return false;
    }
    this.#countOf.set(network, count + 1);
    this.#sockets.set(socket, network);
    socket.once('close', () => this.#closed(socket));
    socket.on('timeout', () => this.#onTimeout(socket));
    this.#cancelSweep ??= clock.after(sweepMs, () => this.#sweep());
    return true;
  }

  close(): void {
    this.#cancelSweep?.();
  }

  #closed(socket: Socket): void {
    const network = this.#sockets.get(socket);
    if (network === undefined) return;
    this.#sockets.delete(socket);
    this.#slow.delete(socket);
    const left = (this.#countOf.get(network) ?? 1) - 1;
    if (left === 0) this.#countOf.delete(network);
    else this.#countOf.set(network, left);
  }

  /** Node's timeout of a socket begins anew with whatever the reader takes. */
  #sweep(): void {
    const { clock, slowReaderMs } = this.#options;
    for (const socket of this.#sockets.keys()) {
      const isSlow = this.#slow.get(socket) === true;
      if (socket.writableLength > 0 === isSlow) continue;
      if (isSlow) {
        this.#slow.delete(socket);
        // What Node has set meanwhile, for an idle connection, stays.
        if (socket.timeout === slowReaderMs) socket.setTimeout(0);
      } else {
        this.#slow.set(socket, true);
        socket.setTimeout(slowReaderMs);
      }
    }
    this.#cancelSweep = this.#sockets.size === 0 ? undefined : clock.after(sweepMs, () => this.#sweep());
  }

  #onTimeout(socket: Socket): void {
    if (socket.writableLength === 0 || this.#slow.get(socket) === undefined) return;
    this.#options.observer.count('http_slow_readers_total');
    socket.destroy();
  }
}

const loopback = 'loopback';

/** Whom an address belongs to: who has an IPv6 address has all of its /64. */
function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  if (plain === '::1' || plain.startsWith('127.')) return loopback;
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::');
  const groups = head.split(':').filter((group) => group !== '');
  const tailCount = tail === undefined || tail === '' ? 0 : tail.split(':').length;
  if (tail !== undefined) groups.push(...Array.from({ length: 8 - groups.length - tailCount }, () => '0'));
  return groups.slice(0, 4).join(':');
}
