import type { Fate } from './fate.ts';

/** Chunks that are kept to come again. */
const keptMax = 32;
/** Larger ones are not worth their memory. */
const keptBytesMax = 64 * 1024;

/** The way from one machine to another. The way back is another path. */
export class NetworkPath {
  readonly from: string;
  readonly to: string;
  readonly label: string;
  readonly #fate: Fate;
  /** What connections that have ended had sent, for a network that repeats itself. */
  readonly #old: Uint8Array[] = [];
  /** Who wants to know when chunks move again. */
  readonly #waiting = new Set<() => void>();
  /** Cuts and clogs overlap; each is lifted alone. */
  #obstacles = 0;

  constructor(from: string, to: string, fate: Fate) {
    this.from = from;
    this.to = to;
    this.label = `${from} > ${to}`;
    this.#fate = fate;
  }

  get isOpen(): boolean {
    return this.#obstacles === 0;
  }

  block(): void {
    this.#obstacles += 1;
  }

  unblock(): void {
    this.#obstacles = Math.max(0, this.#obstacles - 1);
    this.#wake();
  }

  open(): void {
    this.#obstacles = 0;
    this.#wake();
  }

  /** Calls `action` once, when the path opens. */
  whenOpen(action: () => void): void {
    this.#waiting.add(action);
  }

  forget(action: () => void): void {
    this.#waiting.delete(action);
  }

  /** How long the next chunk is under way, in milliseconds. */
  delayMs(): number {
    const { shapes } = this.#fate.dials;
    return shapes['delay-least-ms'] + this.#fate.stream('delay').exponential(shapes['delay-mean-ms']);
  }

  strikes(kind: Parameters<Fate['strikes']>[0]): boolean {
    return this.#fate.strikes(kind, this.from, this.to);
  }

  /** For where, how long and how much. */
  get draw(): ReturnType<Fate['stream']> {
    return this.#fate.stream('network where');
  }

  /** Remembers what an ended connection had sent. */
  retire(chunks: readonly Uint8Array[]): void {
    this.#old.push(...chunks);
    if (this.#old.length > keptMax) this.#old.splice(0, this.#old.length - keptMax);
  }

  /** A chunk of an older connection, if there was one. */
  oldChunk(): Uint8Array | undefined {
    return this.#old.length === 0 ? undefined : this.draw.pick(this.#old);
  }

  /** Keeps a chunk in a list for later, where some fault could want it. */
  keep(list: Uint8Array[], bytes: Uint8Array): void {
    const { faults } = this.#fate.dials;
    if (faults['frame-replay'] === 0 && faults['old-chunk-replay'] === 0) return;
    if (bytes.byteLength > keptBytesMax) return;
    list.push(bytes);
    if (list.length > keptMax) list.shift();
  }

  #wake(): void {
    if (!this.isOpen) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const action of waiting) action();
  }
}
