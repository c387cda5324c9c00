import { assert } from '../../base/assert.ts';
import type { CloseReason, Connection, ConnectionReceiver } from '../../base/network.ts';
import type { NetworkPath } from './network-path.ts';
import { type Owner, type Scheduler, world } from './scheduler.ts';

/** A connection over which nothing moved for so long although something should breaks. */
export const stallResetMs = 5_000;

/** What arrives at an end, in order. */
type Parcel =
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'close'; readonly reason: CloseReason };

/**
 * One end of a connection. One `send` is one chunk and arrives as one `onData`, in order, unless a fault strikes. The
 * `frame-…` faults break what TCP promises; the `chunk-…` and `connection-…` faults are what TCP may do.
 */
export class ConnectionEnd implements Connection {
  readonly remoteAddress: string;
  readonly bufferBytesMax: number;
  bufferedBytes = 0;
  readonly #scheduler: Scheduler;
  readonly #owner: Owner;
  /** From this end to the other. */
  readonly #path: NetworkPath;
  readonly #onGone: () => void;
  #other: ConnectionEnd | undefined;
  #receiver: ConnectionReceiver | undefined;
  /** `gone`: nothing is heard or sent any more. `broken`: sends lead nowhere, and the owner does not know it yet. */
  #state: 'open' | 'broken' | 'gone' = 'open';
  #wantsDrain = false;
  /** Sent while the path was not open, in order. */
  #stalled: { readonly parcel: Parcel; readonly charged: number }[] = [];
  #lastArrivalMs = 0;
  /** Arrived before anybody received, or held to be joined with what follows. */
  #arrived: Parcel[] = [];
  readonly #sent: Uint8Array[] = [];
  readonly #flushStalled = () => this.#flush();

  constructor(options: {
    readonly scheduler: Scheduler;
    readonly owner: Owner;
    readonly path: NetworkPath;
    readonly bufferBytesMax: number;
    readonly onGone: () => void;
  }) {
    this.#scheduler = options.scheduler;
    this.#owner = options.owner;
    this.#path = options.path;
    this.#onGone = options.onGone;
    this.remoteAddress = options.path.to;
    this.bufferBytesMax = options.bufferBytesMax;
  }

  /** Ties two ends together. Nothing arrives at `client` before `clientReadyMs`. */
  static join(client: ConnectionEnd, server: ConnectionEnd, clientReadyMs: number): void {
    client.#other = server;
    server.#other = client;
    server.#lastArrivalMs = clientReadyMs;
  }

  get localAddress(): string {
    return this.#path.from;
  }

  get owner(): Owner {
    return this.#owner;
  }

  receive(receiver: ConnectionReceiver): void {
    assert(this.#receiver === undefined, 'a connection has one receiver');
    this.#receiver = receiver;
    if (this.#arrived.length > 0) this.#at(0, this.#owner, 'deliver', () => this.#arriveAgain());
  }

  send(bytes: Uint8Array): boolean {
    if (this.#state === 'gone') return false;
    if (this.bufferedBytes > 0 && this.bufferedBytes + bytes.byteLength > this.bufferBytesMax) {
      this.#wantsDrain = true;
      return false;
    }
    if (this.#owner.state === 'ended' || this.#state === 'broken') return true;
    this.#sendFaulty(bytes);
    return true;
  }

  close(): void {
    if (this.#state === 'open') this.#post({ kind: 'close', reason: 'ended' }, 0);
    this.#leave();
  }

  /** The connection breaks: each end hears of it, this one after `afterMs`. */
  break(afterMs: number): void {
    this.breakHere(afterMs);
    this.#other?.breakFrom(this);
  }

  /** The process of this end has ended. The other end hears of it at once (a kill), or much later (a power cut). */
  abandon(how: 'kill' | 'power-cut'): void {
    const isLate = how === 'power-cut' || !this.#path.isOpen;
    this.#drop();
    this.#leave();
    this.#other?.breakHere(isLate ? this.#path.draw.float() * stallResetMs : this.#path.delayMs());
  }

  /** The other end broke. */
  breakFrom(other: ConnectionEnd): void {
    this.breakHere(other.#path.isOpen ? other.#path.delayMs() : stallResetMs);
  }

  /** This end stops working now, and its owner hears of it later. */
  breakHere(afterMs: number): void {
    if (this.#state !== 'open') return;
    this.#state = 'broken';
    this.#drop();
    this.#at(afterMs, this.#owner, 'deliver', () => this.#arrive({ kind: 'close', reason: 'reset' }));
  }

  /** Faults first, then the way of every chunk. */
  #sendFaulty(bytes: Uint8Array): void {
    const path = this.#path;
    path.keep(this.#sent, bytes);
    if (path.strikes('connection-reset')) {
      this.break(0);
      return;
    }
    if (path.strikes('chunk-cut')) {
      this.#post({ kind: 'data', bytes: bytes.subarray(0, path.draw.integer(bytes.byteLength + 1)) }, 0);
      this.#at(this.#lastArrivalMs - this.#scheduler.nowMs, world, 'cut', () => this.break(0));
      return;
    }
    if (path.strikes('old-chunk-replay')) this.#postLate(path.oldChunk());
    if (path.strikes('frame-replay')) this.#postLate(path.draw.pick(this.#sent.length > 0 ? this.#sent : [bytes]));
    if (path.strikes('frame-drop')) return;
    const sound = path.strikes('chunk-corrupt') ? flipped(bytes, path.draw.integer(bytes.byteLength * 8)) : bytes;
    if (path.strikes('frame-duplicate')) this.#postLate(sound);
    if (path.strikes('frame-reorder')) {
      this.#postLate(sound);
      return;
    }
    if (path.strikes('slow-chunk')) this.#lastArrivalMs = this.#soonestMs() + path.draw.float() * 1_000;
    if (bytes.byteLength > 1 && path.strikes('chunk-split')) {
      const cut = path.draw.between(1, bytes.byteLength - 1);
      this.#post({ kind: 'data', bytes: sound.subarray(0, cut) }, cut);
      this.#post({ kind: 'data', bytes: sound.subarray(cut) }, bytes.byteLength - cut);
    } else {
      // No copy: nobody changes what was sent.
      this.#post({ kind: 'data', bytes: sound }, bytes.byteLength);
    }
  }

  /** In order, after everything that was sent before. */
  #post(parcel: Parcel, charged: number): void {
    this.bufferedBytes += charged;
    if (this.#path.isOpen && this.#stalled.length === 0) {
      this.#dispatch(parcel, charged);
      return;
    }
    this.#stalled.push({ parcel, charged });
    if (this.#stalled.length > 1) return;
    this.#path.whenOpen(this.#flushStalled);
    const first = this.#stalled;
    this.#at(stallResetMs, world, 'stall', () => {
      if (this.#stalled === first && first.length > 0) this.break(0);
    });
  }

  /** Out of order, some time later, and only if the path is open now. */
  #postLate(bytes: Uint8Array | undefined): void {
    if (bytes === undefined || !this.#path.isOpen) return;
    const draw = this.#path.draw;
    const lateMs = draw.chance(0.8) ? draw.exponential(50) : draw.float() * 5_000;
    this.#toOther(this.#path.delayMs() + lateMs, { kind: 'data', bytes }, 0);
  }

  #flush(): void {
    const stalled = this.#stalled;
    this.#stalled = [];
    for (const { parcel, charged } of stalled) this.#dispatch(parcel, charged);
  }

  #dispatch(parcel: Parcel, charged: number): void {
    const arrivalMs = Math.max(this.#soonestMs(), this.#scheduler.nowMs + this.#path.delayMs());
    // To the microsecond, as events are: two chunks of one time stay in order.
    this.#lastArrivalMs = Math.ceil(arrivalMs * 1_000) / 1_000;
    this.#toOther(this.#lastArrivalMs - this.#scheduler.nowMs, parcel, charged);
  }

  #soonestMs(): number {
    return Math.max(this.#scheduler.nowMs, this.#lastArrivalMs);
  }

  #toOther(delayMs: number, parcel: Parcel, charged: number): void {
    const other = this.#other;
    assert(other !== undefined, 'a connection has two ends');
    const deliver = () => {
      if (charged > 0) this.#release(charged);
      // What was under way when it broke may still come, until the end hears that it broke.
      other.#arrive(parcel);
    };
    const numbers = parcel.kind === 'data' ? [parcel.bytes.byteLength] : undefined;
    this.#scheduler.after(other.#owner, Math.max(0, delayMs), 'deliver', this.#path.label, deliver, numbers);
  }

  #release(charged: number): void {
    this.bufferedBytes -= charged;
    if (!this.#wantsDrain || this.#state !== 'open') return;
    this.#wantsDrain = false;
    this.#at(0, this.#owner, 'drain', () => {
      if (this.#state === 'open') this.#receiver?.onDrain();
    });
  }

  #arrive(parcel: Parcel): void {
    if (this.#state === 'gone') return;
    const isFirst = this.#arrived.length === 0;
    const isJoined = isFirst && parcel.kind === 'data' && this.#path.strikes('chunk-join');
    if (isFirst && !isJoined && parcel.kind === 'data' && this.#receiver !== undefined) {
      this.#receiver.onData(parcel.bytes);
      return;
    }
    this.#arrived.push(parcel);
    if (this.#receiver === undefined) return;
    if (isJoined) this.#at(1 + this.#path.draw.float() * 4, this.#owner, 'deliver', () => this.#handOver());
    else this.#handOver();
  }

  #arriveAgain(): void {
    const arrived = this.#arrived;
    this.#arrived = [];
    for (const parcel of arrived) this.#arrive(parcel);
  }

  #handOver(): void {
    const arrived = this.#arrived;
    this.#arrived = [];
    const bytes = arrived.flatMap((parcel) => (parcel.kind === 'data' ? [parcel.bytes] : []));
    if (bytes.length > 0 && this.#state !== 'gone') this.#receiver?.onData(joined(bytes));
    const close = arrived.find((parcel) => parcel.kind === 'close');
    if (close === undefined || this.#state === 'gone') return;
    this.#leave();
    this.#receiver?.onClose(close.reason);
  }

  #leave(): void {
    if (this.#state === 'gone') return;
    this.#state = 'gone';
    this.#path.retire(this.#sent);
    this.#onGone();
  }

  #drop(): void {
    this.#stalled = [];
    this.#path.forget(this.#flushStalled);
  }

  #at(delayMs: number, owner: Owner, kind: string, action: () => void): void {
    this.#scheduler.after(owner, Math.max(0, delayMs), kind, this.#path.label, action);
  }
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  // Not by `slice`, which of a `Buffer` is the same memory.
  const copy = new Uint8Array(bytes);
  if (copy.byteLength > 0) copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
  return copy;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}
