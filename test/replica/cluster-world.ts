import type { Clock } from '../../src/base/clock.ts';
import type { Observer } from '../../src/base/observer.ts';
import type { LogBoot } from '../../src/log/log.ts';
import type { Member, Membership } from '../../src/paxos/chosen-value.ts';
import type { Peer } from '../../src/paxos/peer.ts';
import type { ReplicaLimits } from '../../src/replica/limits.ts';
import type { ReplicaOptions } from '../../src/replica/options.ts';
import { Replica } from '../../src/replica/replica.ts';
import { Machines } from '../../src/statemachine/machines.ts';
import { systemHashes } from '../../src/system/hashes.ts';
import { systemRandom } from '../../src/system/random.ts';
import { Links, type LinksOptions } from '../../src/transport/links.ts';
import { MemoryNetworks } from '../transport/memory-network.ts';
import { bytesOf, ListMachine } from './list-machine.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryLog } from './memory-log.ts';

export const membershipOf = (members: readonly Member[]): Membership => ({ clusterId: 'c', historyId: 'h', members });

export function memberOf(id: number, role: Member['role'] = 'voter', generation = 'a'): Member {
  return { id, name: `r${id}`, incarnation: `00000000000000${generation}${id}`, role, address: `r${id}` };
}

/** One replica of the world: what survives its process, and the process. */
export interface Node {
  readonly id: number;
  incarnation: string;
  /** group.json */
  memberships: { instance: number; membership: Membership }[];
  log: MemoryLog;
  machine: ListMachine;
  replica: Replica;
  links: Links;
  pressure: number;
  readonly fatal: unknown[];
  readonly reports: { readonly event: string; readonly facts: Readonly<Record<string, unknown>> | undefined }[];
}

export interface BootOptions {
  readonly initialMembership?: Membership;
  readonly forming?: ReplicaOptions['forming'];
  readonly isJoining?: boolean;
  readonly clusterId?: string | undefined;
  readonly incarnation?: string;
  readonly limits?: Partial<ReplicaLimits>;
  /** What opening the log found, where it is not all that was written. */
  readonly found?: (boot: LogBoot) => LogBoot;
}

/** Real replicas and links in one process, over logs in memory, a network in memory and a clock of the test. */
export class ClusterWorld {
  readonly clock = new ManualClock();
  readonly networks = new MemoryNetworks();
  readonly nodes = new Map<number, Node>();
  readonly #aheadMs: Readonly<Record<number, number>>;
  #randomCount = 0;

  /** @param options - `aheadMs`: by how much the wall clock of a replica is wrong */
  constructor({ aheadMs = {} }: { readonly aheadMs?: Readonly<Record<number, number>> } = {}) {
    this.#aheadMs = aheadMs;
  }

  /** Three voters that know each other, one of which leads. */
  static async ofThree(options: ConstructorParameters<typeof ClusterWorld>[0] = {}): Promise<ClusterWorld> {
    const world = new ClusterWorld(options);
    const initialMembership = membershipOf([1, 2, 3].map((id) => memberOf(id)));
    for (const id of [1, 2, 3]) await world.boot(id, { initialMembership });
    await world.untilLed();
    return world;
  }

  /** Starts a replica's process on what it has; resolves at once. */
  async boot(id: number, options: BootOptions = {}): Promise<Node> {
    const before = this.nodes.get(id);
    const log = new MemoryLog(before?.log);
    const machine = new ListMachine();
    const node = before ?? ({ id, memberships: [], fatal: [], reports: [] } as unknown as Node);
    node.incarnation = options.incarnation ?? before?.incarnation ?? memberOf(id).incarnation;
    node.log = log;
    node.machine = machine;
    node.pressure = 0;
    const observer: Observer = {
      report: (_level, event, facts) => node.reports.push({ event, facts }),
      count() {},
      measure() {},
    };
    const boot = (options.found ?? ((whole) => whole))(log.boot());
    const clusterId = 'clusterId' in options ? options.clusterId : 'c';
    let links = undefined as Links | undefined;
    const replica = Replica.start({
      identity: {
        replicaId: id,
        name: `r${id}`,
        incarnation: node.incarnation,
        ...(clusterId === undefined ? {} : { clusterId }),
      },
      log,
      boot,
      machines: new Machines([machine]),
      memberships: [...node.memberships],
      ...(options.initialMembership === undefined || node.memberships.length > 0
        ? {}
        : { initialMembership: options.initialMembership }),
      ...(options.forming === undefined || node.memberships.length > 0 ? {} : { forming: options.forming }),
      isJoining: options.isJoining ?? false,
      onMembership: async (instance, membership) => void node.memberships.push({ instance, membership }),
      connect: (self, onMessage) => {
        links = this.#linksOf(id, self, observer, onMessage);
        return links;
      },
      clock: this.#clockOf(id),
      random: { bytes: (count) => new Uint8Array(count).fill(++this.#randomCount * 37 + id * 11) },
      observer,
      pressure: () => node.pressure,
      limits: { stopGraceMs: 10, ...options.limits },
      onFatal: (error) => {
        if (error !== node.log.failure) node.fatal.push(error);
      },
    });
    if (links === undefined) throw new Error('a replica connects when it starts');
    node.replica = replica;
    node.links = links;
    this.nodes.set(id, node);
    await links.start();
    return node;
  }

  #clockOf(id: number): Clock {
    const { clock } = this;
    const aheadMs = this.#aheadMs[id] ?? 0;
    return {
      now: () => clock.now() + aheadMs,
      monotonic: () => clock.monotonic(),
      after: (delayMs, action) => clock.after(delayMs, action),
    };
  }

  #linksOf(id: number, self: Peer, observer: Observer, onMessage: LinksOptions['onMessage']): Links {
    return new Links({
      database: 'main',
      self,
      network: this.networks.at(`r${id}`),
      clock: this.clock,
      random: systemRandom,
      hashes: systemHashes,
      observer,
      messageBytesMax: 64 * 1024 * 1024,
      onMessage,
    });
  }

  node(id: number): Node {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`no replica ${id}`);
    return node;
  }

  get all(): readonly Node[] {
    return [...this.nodes.values()];
  }

  get leaders(): readonly Node[] {
    return this.all.filter(({ replica }) => replica.canRead);
  }

  async untilLed(among: readonly number[] = [...this.nodes.keys()]): Promise<Node> {
    const isLed = () => this.leaders.some(({ id }) => among.includes(id));
    await this.clock.until(isLed, `one of ${among} leads`);
    const [leader] = this.leaders.filter(({ id }) => among.includes(id));
    if (leader === undefined) throw new Error('it leads');
    return leader;
  }

  get followers(): readonly Node[] {
    return this.all.filter((node) => !this.leaders.includes(node));
  }

  /** The process ends at once: nothing of it is sent or taken any more. */
  async kill(id: number): Promise<void> {
    const { links, replica, log } = this.node(id);
    links.stop();
    log.failure = new Error('the process is gone');
    const stopping = replica.stop();
    await this.clock.pass(20);
    await stopping;
  }

  write(node: Node, text: string): Promise<unknown> {
    return this.settle(node.replica.propose(1, bytesOf(text), { deadline: this.clock.monotonic() + 10_000 }));
  }

  /** Lets time pass until a promise is settled. */
  async settle<Value>(promise: Promise<Value>): Promise<Value> {
    let isSettled = false;
    const mark = () => {
      isSettled = true;
    };
    promise.then(mark, mark);
    await this.clock.until(() => isSettled, 'a promise is settled', 60_000);
    return promise;
  }

  /** All that run have executed the same, of all that is chosen. */
  async untilLevel(ids: readonly number[] = [...this.nodes.keys()]): Promise<void> {
    const nodes = ids.map((id) => this.node(id));
    await this.clock.until(() => {
      const newest = Math.max(...nodes.map(({ replica }) => replica.maxChosenInstance));
      return nodes.every(({ replica }) => replica.appliedInstance === newest);
    }, `${ids} are level`);
  }

  async stop(): Promise<void> {
    for (const { links, replica } of this.all) {
      links.stop();
      const stopping = replica.stop();
      await this.clock.pass(15);
      await stopping;
    }
  }
}
