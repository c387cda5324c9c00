import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { TransientMap } from '../base/transient-map.ts';

const sweepMs = 1_000;

/**
 * Connections that have not sent a request yet: Node's timeouts begin with a request's first byte, so that whoever
 * sends nothing would stay for ever. The oldest is closed when there are too many, or when its time is over.
 */
export class SilentSockets {
  readonly #silentMs: number;
  readonly #silentMax: number;
  readonly #clock: Clock;
  /** In the order of arrival, with the time of it. */
  readonly #since = new TransientMap<Socket, number>();
  #cancelSweep: (() => void) | undefined;

  constructor(silentMs: number, silentMax: number, clock: Clock) {
    this.#silentMs = silentMs;
    this.#silentMax = silentMax;
    this.#clock = clock;
  }

  connected(socket: Socket): void {
    if (this.#since.size >= this.#silentMax) this.#closeOldest();
    this.#since.set(socket, this.#clock.monotonic());
    socket.once('close', () => this.#since.delete(socket));
    this.#cancelSweep ??= this.#clock.after(sweepMs, () => this.#sweep());
  }

  /** A request came. Costs nothing while nobody is silent. */
  spoke(socket: Socket): void {
    if (this.#since.size > 0) this.#since.delete(socket);
  }

  close(): void {
    this.#cancelSweep?.();
    this.#since.clear();
  }

  #sweep(): void {
    const oldest = this.#clock.monotonic() - this.#silentMs;
    for (const [socket, since] of this.#since) {
      if (since > oldest) break;
      this.#since.delete(socket);
      socket.destroy();
    }
    this.#cancelSweep = this.#since.size === 0 ? undefined : this.#clock.after(sweepMs, () => this.#sweep());
  }

  #closeOldest(): void {
    const [oldest] = this.#since.keys();
    if (oldest === undefined) return;
    this.#since.delete(oldest);
    oldest.destroy();
  }
}
