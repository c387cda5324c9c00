import { InvariantError } from '../../base/assert.ts';
import { plantBug } from '../../base/planted-bugs.ts';
import { HistoryRecorder } from '../checker/history.ts';
import { Violation } from '../checker/violation.ts';
import { rareBranches } from '../rare-branches.ts';
import type { RunSeed, SeedOptions, SeedResult } from '../seed-result.ts';
import { SeededRandom } from '../seeded-random.ts';
import { drawDials, presentFaults, quietDials, withFaults } from '../world/dials.ts';
import { MachineRoom } from '../world/machine-room.ts';
import { type RunEnd, world } from '../world/scheduler.ts';
import { Weather } from '../world/weather.ts';
import { Client, drawHabits } from './client.ts';
import { Cluster } from './cluster.ts';
import { drawShape } from './cluster-shape.ts';
import { checkEnd } from './end-checks.ts';
import { EventReader } from './event-reader.ts';
import { mayStandStill } from './may-stand-still.ts';
import { RememberedDisks } from './old-disks.ts';
import { Operator } from './operator.ts';
import { RottenVotes } from './rotten-votes.ts';
import type { SimulatedReplica } from './simulated-replica.ts';
import { Watcher } from './watcher.ts';
import { YoungLeaders } from './young-leaders.ts';
import { ZombieLeaders } from './zombie-leaders.ts';

const machineNames = ['aalto', 'koski', 'lakka', 'niemi', 'saari'];
const operationsMaxDefault = 600;
/** After it the cluster is left alone and has to come together. */
const safetyMs = { least: 4_000, most: 20_000 };
const convergeMs = 60_000;
const dedupeWindowMs = 24 * 60 * 60 * 1_000;
const eventsMax = 400_000;
const quietMs = 500;
/** Asked of a leader in its first moment, when it may not know all that was acknowledged, or its last; and in a whole run. */
const readsAtOnce = 2;
const earlyReadsMax = 200;
const keyCount = 4;
const staysOffChance = 0.3;
const operationsPerKeys = 200;

/** One seed: everything goes wrong for a while, then nothing does any more; and what was said and done is judged. */
export const runSeed: RunSeed = async (options) => {
  plantBug(options.plant);
  const run = new SimulationRun(options);
  const onRejection = (error: unknown) => run.unhandled(error);
  process.on('unhandledRejection', onRejection);
  try {
    return await run.result();
  } finally {
    process.off('unhandledRejection', onRejection);
    plantBug(undefined);
  }
};

class SimulationRun {
  readonly #options: SeedOptions;
  readonly #random: SeededRandom;
  readonly #replicaCount: 3 | 5;
  readonly #room: MachineRoom<SimulatedReplica>;
  readonly #watcher: Watcher;
  readonly #cluster: Cluster;
  readonly #weather: Weather<SimulatedReplica>;
  readonly #recorder: HistoryRecorder;
  readonly #clients: Client[];
  readonly #readers: EventReader[];
  readonly #operator: Operator;
  readonly #youngLeaders: YoungLeaders;
  readonly #zombieLeaders: ZombieLeaders;
  readonly #rottenVotes: RottenVotes;
  #unhandled: unknown;
  #generation: number | undefined;
  #generationKeys: readonly string[] = [];

  constructor(options: SeedOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    const drawn = this.#random.fork('replicas').chance(0.7) ? 3 : 5;
    this.#replicaCount = options.replicas ?? drawn;
    const dials = drawDials(this.#random.fork('dials'));
    const without = Object.fromEntries((options.without ?? []).map((kind) => [kind, 0]));
    this.#room = new MachineRoom({
      seed: options.seed,
      dials: withFaults(dials, without),
      ...(options.traceLines === undefined ? {} : { traceLines: options.traceLines }),
    });
    const { scheduler } = this.#room;
    this.#watcher = new Watcher({
      dedupeWindowMs,
      note: (name, what, detail) => scheduler.note({ name, state: 'running' }, what, detail),
    });
    const machines = machineNames.slice(0, this.#replicaCount);
    const shape = drawShape(this.#random.fork('shape'), machines);
    this.#cluster = new Cluster(this.#room, shape, this.#watcher);
    this.#weather = new Weather(this.#room, {
      restart: (machine, change) => this.#cluster.restart(machine, change),
      oldDisks: new RememberedDisks(this.#cluster),
    });
    const operationsMax = options.operationsMax ?? operationsMaxDefault;
    // The last write of the run comes on top.
    this.#recorder = new HistoryRecorder(operationsMax + 1_000);
    this.#clients = this.#drawClients(operationsMax);
    const isEarly = () => this.#recorder.operations.length < operationsMax + earlyReadsMax;
    const early = this.#newClient('early', this.#random.fork('early'), isEarly);
    this.#youngLeaders = new YoungLeaders(this.#room, this.#random.fork('young leaders'));
    const readAt = (place: number) => {
      for (let count = 0; count < readsAtOnce; count += 1) void this.#act({ run: () => early.readAt(place) });
    };
    this.#zombieLeaders = new ZombieLeaders(this.#room, this.#random.fork('zombie leaders'), readAt);
    this.#rottenVotes = new RottenVotes(this.#room, this.#random.fork('rotten votes'));
    this.#watcher.onOffice = (place) => {
      this.#youngLeaders.onOffice(place);
      this.#zombieLeaders.onOffice(place);
      this.#rottenVotes.onOffice(place);
      readAt(place);
    };
    const readers = this.#random.fork('readers');
    this.#readers = Array.from({ length: readers.integer(3) }, (_, index) => {
      const random = readers.fork(String(index));
      return new EventReader({ name: `reader${index}`, cluster: this.#cluster, random, staysMeanMs: 3_000 });
    });
    const operator = this.#random.fork('operator');
    const restlessness = operator.chance(0.4) ? operator.float() * 0.3 : 0;
    this.#operator = new Operator(this.#cluster, operator, restlessness);
  }

  unhandled(error: unknown): void {
    this.#unhandled ??= error;
  }

  async result(): Promise<SeedResult> {
    const { scheduler, coverage, fate } = this.#room;
    const faults = presentFaults(fate.dials);
    coverage.expect([...faults, ...rareBranches]);
    const failure = await this.#failure();
    coverage.merge(this.#watcher.coverage);
    const { traceLines } = this.#options;
    return {
      seed: this.#options.seed,
      replicas: this.#replicaCount,
      traceHash: scheduler.traceHash,
      events: scheduler.eventCount,
      virtualMs: scheduler.nowMs,
      operations: this.#recorder.operations.length,
      faults,
      coverage: coverage.counts(),
      ...(failure === undefined ? {} : { failure: { message: printFailure(failure), trace: scheduler.traceLines() } }),
      ...(traceLines === undefined ? {} : { trace: scheduler.traceLines() }),
    };
  }

  async #failure(): Promise<unknown> {
    try {
      this.#cluster.startAll();
      this.#weather.begin();
      for (const actor of [...this.#clients, ...this.#readers, this.#operator]) void this.#act(actor);
      await this.#goOn(this.#random.fork('safety').between(safetyMs.least, safetyMs.most));
      this.#heal();
      const replicas = await this.#converge();
      await this.#endActors();
      this.#checkEnd(replicas);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  /** Everything is well again, and clients are done. */
  #heal(): void {
    this.#room.scheduler.note(world, 'healed');
    this.#weather.calm();
    this.#youngLeaders.end();
    this.#zombieLeaders.end();
    this.#rottenVotes.end();
    this.#room.fate.dials = quietDials;
    this.#operator.isQuiet = true;
    for (const client of this.#clients) client.isStopped = true;
    for (const reader of this.#readers) reader.settle();
    this.#leaveOneOff(this.#random.fork('core'));
  }

  /** In some runs the others have to do without one: those who are left are a quorum whose disks are whole. */
  #leaveOneOff(random: SeededRandom): void {
    const { voters } = this.#watcher;
    const machine = random.pick(this.#room.machines);
    const isWhole = this.#room.atlas.damaged().length === 0 && voters.length === this.#replicaCount;
    if (random.chance(staysOffChance) && isWhole) this.#cluster.retire(machine);
  }

  /** @returns the replicas that are one again; undefined: by the rules none may lead */
  async #converge(): Promise<readonly SimulatedReplica[] | undefined> {
    const untilMs = this.#room.scheduler.nowMs + convergeMs;
    const last = this.#newClient('last', this.#random.fork('last'), () => true);
    let isWritten = false;
    void last.writeLast(untilMs).then((written) => {
      isWritten = written;
    });
    const end = await this.#goOn(untilMs, () => isWritten && this.#isOne());
    if (end !== 'condition' && mayStandStill(this.#cluster)) {
      this.#room.coverage.reached('safe stop');
      return undefined;
    }
    if (end !== 'condition' && this.#waitsForSnapshot()) {
      this.#room.coverage.reached('waits for a snapshot');
      return undefined;
    }
    if (end !== 'condition') throw new Error(`not-converged: ${isWritten ? '' : 'no write, '}${this.#describe()}`);
    return this.#level();
  }

  /** Whether a replica lacks log that nobody has any more: as long as no snapshots are sent, nothing helps it. */
  #waitsForSnapshot(): boolean {
    const { leader } = this.#cluster;
    return leader !== undefined && this.#room.machines.some((_, index) => this.#isBehind(index + 1));
  }

  /** Whether every replica that should is at one instance with the leader, and its checkpoint too. */
  #isOne(): boolean {
    const level = this.#level();
    const { leader } = this.#cluster;
    if (leader === undefined) return false;
    const voters = leader.replica.membership?.members.filter(({ role }) => role === 'voter') ?? [];
    const isLevel = (place: number) => level.some((replica) => replica.place === place);
    if (voters.filter(({ id }) => isLevel(id)).length * 2 <= voters.length) return false;
    const damaged = this.#room.atlas.damaged();
    for (const { id, name } of voters) {
      if (isLevel(id) || damaged.includes(name) || this.#cluster.isRetired(name) || this.#isBehind(id)) continue;
      return false;
    }
    const { position } = leader.machine.state;
    return this.#readers.every(({ lastPosition }) => lastPosition >= position);
  }

  #isBehind(place: number): boolean {
    const replica = this.#cluster.running.find((running) => running.place === place);
    return replica?.replica.state.name === 'behind';
  }

  #level(): readonly SimulatedReplica[] {
    const { leader, running } = this.#cluster;
    if (leader === undefined) return [];
    const { appliedInstance } = leader.replica;
    return running.filter(
      ({ replica, digest }) =>
        replica.state.name === 'running' &&
        replica.appliedInstance === appliedInstance &&
        replica.maxChosenInstance === appliedInstance &&
        digest.instance === appliedInstance,
    );
  }

  #describe(): string {
    const replicas = this.#room.machines.map((machine) => {
      const { running } = machine;
      if (running === undefined) return `${machine.name} is off (${String(this.#cluster.endOf(machine))})`;
      const { replica, digest } = running;
      const { name, reason } = replica.state;
      const role = replica.isLeader ? ' leads' : '';
      return `${machine.name}${role} ${name} ${reason} ${replica.appliedInstance}/${replica.maxChosenInstance}, checkpoint ${digest.instance}`;
    });
    const readers = this.#readers.map(({ lastPosition }) => lastPosition).join(', ');
    return `${replicas.join('; ')}; readers at ${readers}`;
  }

  async #endActors(): Promise<void> {
    for (const reader of this.#readers) reader.isStopped = true;
    this.#operator.isStopped = true;
    await this.#goOn(this.#room.scheduler.nowMs + quietMs);
  }

  #checkEnd(replicas: readonly SimulatedReplica[] = []): void {
    const position = replicas[0]?.machine.state.position ?? 0;
    for (const { place } of replicas) this.#watcher.steps.checkCaughtUp(place);
    const streams = this.#readers.flatMap((reader) => reader.streams);
    checkEnd(this.#watcher, this.#recorder, streams, replicas, position);
  }

  #goOn(untilMs: number, until?: () => boolean): Promise<RunEnd> {
    return this.#room.run({ untilMs, eventsMax, ...(until === undefined ? {} : { until }), afterEvent: this.#check });
  }

  readonly #check = (): void => {
    const found = this.#watcher.violation ?? this.#cluster.failure ?? this.#unhandled;
    if (found !== undefined) throw found;
  };

  async #act(actor: { run(): Promise<void> }): Promise<void> {
    try {
      await actor.run();
    } catch (error) {
      this.unhandled(error);
    }
  }

  #drawClients(operationsMax: number): Client[] {
    const random = this.#random.fork('clients');
    const count = random.between(2, 8);
    return Array.from({ length: count }, (_, index) =>
      this.#newClient(
        `client${index}`,
        random.fork(String(index)),
        () => this.#recorder.operations.length < operationsMax,
      ),
    );
  }

  #newClient(name: string, random: SeededRandom, mayBegin: () => boolean): Client {
    const habits = drawHabits(this.#random.fork('habits'));
    return new Client({
      ...{ name, cluster: this.#cluster, recorder: this.#recorder, random, habits, mayBegin },
      keys: () => this.#keys(),
    });
  }

  /** A few documents at a time; after a while others. */
  #keys(): readonly string[] {
    const generation = Math.floor(this.#recorder.operations.length / operationsPerKeys);
    if (generation !== this.#generation) {
      this.#generation = generation;
      this.#generationKeys = Array.from({ length: keyCount }, (_, index) => `things/d${generation}-${index}`);
    }
    return this.#generationKeys;
  }
}

function printFailure(failure: unknown): string {
  if (failure instanceof Violation) return failure.message;
  if (failure instanceof InvariantError) return `assertion: ${failure.message}\n${stackOf(failure)}`;
  if (failure instanceof Error && failure.message.startsWith('not-converged:')) return failure.message;
  return `unexpected: ${stackOf(failure)}`;
}

function stackOf(failure: unknown): string {
  return failure instanceof Error ? (failure.stack ?? failure.message) : String(failure);
}
