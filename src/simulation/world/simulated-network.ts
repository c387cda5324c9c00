import { type Connection, type Network, NetworkError } from '../../base/network.ts';
import type { Fate } from './fate.ts';
import { NetworkPath } from './network-path.ts';
import type { Cut } from './partitions.ts';
import { type Owner, type Scheduler, world } from './scheduler.ts';
import { ConnectionEnd } from './simulated-connection.ts';

/** A connection that was not made in so long is not made any more. */
const connectTimeoutMs = 3_000;

interface Listener {
  readonly owner: Owner;
  readonly onConnection: (connection: Connection) => void;
}

/** The network between all machines. An address is a machine's name; one process listens on a machine. */
export class SimulatedNetwork {
  readonly #scheduler: Scheduler;
  readonly #fate: Fate;
  readonly #paths = new Map<string, NetworkPath>();
  readonly #listeners = new Map<string, Listener>();
  readonly #ends = new Set<ConnectionEnd>();
  readonly #bufferBytesMax: number;

  constructor(scheduler: Scheduler, fate: Fate, options: { readonly bufferBytesMax?: number } = {}) {
    this.#scheduler = scheduler;
    this.#fate = fate;
    this.#bufferBytesMax = options.bufferBytesMax ?? 4 * 1024 * 1024;
  }

  /** The network as one process on a machine sees it, until it ends. */
  handleOf(owner: Owner, machine: string): Network {
    return {
      listen: (onConnection) => this.#listen(owner, machine, onConnection),
      stopListening: () => this.#stopListening(owner, machine),
      connect: (address) => this.#connect(owner, machine, address),
    };
  }

  /** Nothing goes these ways until the answer is called. Cuts may overlap; each is lifted alone. */
  cut(cuts: readonly Cut[]): () => void {
    let isLifted = false;
    for (const [from, to] of cuts) this.#path(from, to).block();
    return () => {
      if (!isLifted) for (const [from, to] of cuts) this.#path(from, to).unblock();
      isLifted = true;
    };
  }

  /** Lifts every cut, or those between the named machines only. */
  heal(machines?: readonly string[]): void {
    const isMeant = (name: string) => machines === undefined || machines.includes(name);
    for (const path of this.#paths.values()) if (isMeant(path.from) && isMeant(path.to)) path.open();
  }

  isCut(from: string, to: string): boolean {
    return !this.#path(from, to).isOpen;
  }

  /** Breaks every connection between two machines. */
  reset(one: string, other: string): void {
    const names = [one, other];
    for (const end of [...this.#ends]) {
      if (names.includes(end.remoteAddress) && names.includes(end.localAddress)) end.break(0);
    }
  }

  /** A process has ended: nobody listens there, and its connections break. */
  endProcess(owner: Owner, how: 'kill' | 'power-cut'): void {
    for (const [machine, listener] of this.#listeners) if (listener.owner === owner) this.#listeners.delete(machine);
    for (const end of [...this.#ends]) if (end.owner === owner) end.abandon(how);
  }

  /** Ends of connections that stand. */
  get connectionEndCount(): number {
    return this.#ends.size;
  }

  #listen(owner: Owner, machine: string, onConnection: (connection: Connection) => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#scheduler.after(owner, 0, 'listen', machine, () => {
      if (this.#listeners.has(machine)) {
        reject(new NetworkError('in-use', machine, `Somebody listens at ${machine} already.`));
        return;
      }
      this.#listeners.set(machine, { owner, onConnection });
      resolve();
    });
    return promise;
  }

  #stopListening(owner: Owner, machine: string): void {
    if (this.#listeners.get(machine)?.owner === owner) this.#listeners.delete(machine);
  }

  #connect(owner: Owner, machine: string, address: string): Promise<Connection> {
    const { promise, resolve, reject } = Promise.withResolvers<Connection>();
    const there = this.#path(machine, address);
    const back = this.#path(address, machine);
    const fail = (kind: 'refused' | 'unreachable', afterMs: number) => {
      this.#scheduler.after(owner, afterMs, 'connect', `${there.label} ${kind}`, () => {
        reject(new NetworkError(kind, address, `${address} is not reached: ${kind}.`));
      });
    };
    this.#scheduler.after(world, there.delayMs(), 'connect', there.label, () => {
      if (owner.state === 'ended') return;
      const listener = this.#listeners.get(address);
      if (!there.isOpen || !back.isOpen) return fail('unreachable', connectTimeoutMs);
      if (listener === undefined || there.strikes('connect-refused')) return fail('refused', back.delayMs());
      const client = this.#end(owner, there);
      const server = this.#end(listener.owner, back);
      const readyMs = back.delayMs();
      ConnectionEnd.join(client, server, this.#scheduler.nowMs + readyMs);
      this.#scheduler.after(listener.owner, 0, 'accept', back.label, () => listener.onConnection(server));
      this.#scheduler.after(owner, readyMs, 'connected', there.label, () => resolve(client));
    });
    return promise;
  }

  #end(owner: Owner, path: NetworkPath): ConnectionEnd {
    const end: ConnectionEnd = new ConnectionEnd({
      scheduler: this.#scheduler,
      owner,
      path,
      bufferBytesMax: this.#bufferBytesMax,
      onGone: () => this.#ends.delete(end),
    });
    this.#ends.add(end);
    return end;
  }

  #path(from: string, to: string): NetworkPath {
    const key = `${from} > ${to}`;
    let path = this.#paths.get(key);
    if (path === undefined) {
      path = new NetworkPath(from, to, this.#fate);
      this.#paths.set(key, path);
    }
    return path;
  }
}
