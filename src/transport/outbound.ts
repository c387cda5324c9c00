import type { Clock } from '../base/clock.ts';
import type { Connection } from '../base/network.ts';

/** Frames up to this many bytes go out in one write; a larger one alone. */
const gatherBytesMax = 64 * 1024;

export interface OutboundOptions {
  readonly clock: Clock;
  /** Frames that wait for the connection, in bytes. */
  readonly queueBytesMax: number;
  /** How long a connection may take nothing before it is given up, in milliseconds. */
  readonly stallMs: number;
}

/** What waits to be written to one connection: the frames of one turn share a write. */
export class Outbound {
  readonly #connection: Connection;
  readonly #options: OutboundOptions;
  readonly #onStalled: () => void;
  #frames: Uint8Array[] = [];
  #bytes = 0;
  /** Gathered, and refused by the connection: it goes first when there is room. */
  #refused: Uint8Array | undefined;
  #cancelStall: (() => void) | undefined;
  #isFlushSoon = false;
  #isClosed = false;

  /** @param onStalled - told once: close the connection */
  constructor(connection: Connection, options: OutboundOptions, onStalled: () => void) {
    this.#connection = connection;
    this.#options = options;
    this.#onStalled = onStalled;
  }

  /** Takes a frame, which nobody changes any more. False: there is no room, and it was dropped. */
  push(frame: Uint8Array): boolean {
    if (this.#isClosed || !fits(this.#bytes, frame.length, this.#options.queueBytesMax)) return false;
    this.#frames.push(frame);
    this.#bytes += frame.length;
    if (!this.#isFlushSoon && this.#refused === undefined) {
      this.#isFlushSoon = true;
      queueMicrotask(() => this.#flush());
    }
    return true;
  }

  onDrain(): void {
    this.#cancelStall?.();
    this.#cancelStall = undefined;
    this.#flush();
  }

  /** Nothing is written any more; what waits is forgotten. */
  close(): void {
    this.#isClosed = true;
    this.#frames = [];
    this.#bytes = 0;
    this.#cancelStall?.();
  }

  #flush(): void {
    this.#isFlushSoon = false;
    while (!this.#isClosed) {
      const bytes = this.#refused ?? this.#gather();
      this.#refused = undefined;
      if (bytes === undefined) return;
      if (this.#connection.send(bytes)) continue;
      this.#refused = bytes;
      const { clock, stallMs } = this.#options;
      this.#cancelStall ??= clock.after(stallMs, this.#onStalled);
      return;
    }
  }

  #gather(): Uint8Array | undefined {
    const [first] = this.#frames;
    if (first === undefined) return undefined;
    let bytes = 0;
    const past = this.#frames.findIndex((frame) => {
      bytes += frame.length;
      return bytes > gatherBytesMax;
    });
    const taken = this.#frames.splice(0, past === -1 ? this.#frames.length : Math.max(1, past));
    const gathered = taken.length === 1 ? first : Buffer.concat(taken);
    this.#bytes -= gathered.length;
    return gathered;
  }
}

/** Whether a queue of `bytes` takes `more`; an empty one takes a frame of any size. */
export function fits(bytes: number, more: number, bytesMax: number): boolean {
  return bytes === 0 || bytes + more <= bytesMax;
}
