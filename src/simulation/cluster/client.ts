import type { ErrorCode } from '../../base/errors.ts';
import type { ProposalOutcome } from '../../documents/machine/types.ts';
import type { DocumentState } from '../checker/document-model.ts';
import type { HistoryRecorder, ReadOutcome, WriteOperation } from '../checker/history.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { Asked, Cluster } from './cluster.ts';
import {
  type AskedWrite,
  addOf,
  appendOf,
  checkOf,
  createOf,
  deleteOf,
  documentOf,
  mergeOf,
  proposalOf,
  putOf,
  requestOf,
} from './requests.ts';
import { codeOf, type SimulatedReplica } from './simulated-replica.ts';

/** How clients behave in a run. */
export interface ClientHabits {
  readonly thinkMeanMs: number;
  /** How long a client waits for an answer. */
  readonly patienceMs: number;
  readonly readPart: number;
  readonly localPart: number;
  readonly keyedPart: number;
  readonly transactionPart: number;
  /** Of reads that must be linearizable: those that ask anyone, and not whom the client believes to lead. */
  readonly strayPart: number;
  /** What documents have more: with some, segments of the log fill up in a run. */
  readonly padBytes: number;
}

const attemptsMax = 5;
const lastWriteEveryMs = 200;

/**
 * Draws how clients are in a run, from a stream of its own. A few documents each, so that they meet; never so many
 * clients that the search of a document's history becomes dear.
 */
export function drawHabits(random: SeededRandom): ClientHabits {
  return {
    thinkMeanMs: 20 + random.exponential(150),
    patienceMs: random.between(300, 3_000),
    readPart: 0.2 + random.float() * 0.4,
    localPart: random.float() * 0.5,
    keyedPart: random.float(),
    transactionPart: random.float() * 0.3,
    strayPart: random.float() * 0.4,
    padBytes: random.chance(0.4) ? random.between(200, 3_000) : 0,
  };
}

/** One client: one operation after the other, each recorded with what came of it. */
export class Client {
  readonly name: string;
  readonly #cluster: Cluster;
  readonly #recorder: HistoryRecorder;
  readonly #random: SeededRandom;
  readonly #habits: ClientHabits;
  readonly #mayBegin: () => boolean;
  readonly #keys: () => readonly string[];
  /** What it has read or written last, by document. */
  readonly #known = new Map<string, DocumentState>();
  #count = 0;
  #leaderPlace: number | undefined;
  #position = 0;
  isStopped = false;

  constructor(options: {
    readonly name: string;
    readonly cluster: Cluster;
    readonly recorder: HistoryRecorder;
    readonly random: SeededRandom;
    readonly habits: ClientHabits;
    /** Whether another operation may begin: the run has a limit. */
    readonly mayBegin: () => boolean;
    readonly keys: () => readonly string[];
  }) {
    this.name = options.name;
    this.#cluster = options.cluster;
    this.#recorder = options.recorder;
    this.#random = options.random;
    this.#habits = options.habits;
    this.#mayBegin = options.mayBegin;
    this.#keys = options.keys;
  }

  async run(): Promise<void> {
    while (!this.isStopped) {
      await this.#cluster.pause(this.#random.exponential(this.#habits.thinkMeanMs), this.name);
      if (this.isStopped || !this.#mayBegin()) return;
      if (this.#random.chance(this.#habits.readPart)) await this.#read();
      else await this.#writeSomething();
    }
  }

  /** Writes until it is acknowledged, as the last one of a run. @returns whether it was, in time */
  async writeLast(untilMs: number): Promise<boolean> {
    const { scheduler } = this.#cluster.room;
    while (scheduler.nowMs < untilMs) {
      const outcome = await this.#write([putOf(this.#randomKey(), documentOf(0, this.#nextId()))], false, undefined);
      if (outcome === 'written') return true;
      await this.#cluster.pause(lastWriteEveryMs, this.name);
    }
    return false;
  }

  async #read(): Promise<void> {
    const key = this.#randomKey();
    const isLocal = this.#random.chance(this.#habits.localPart);
    const minPosition = isLocal && this.#random.chance(0.5) ? this.#position : 0;
    const isStray = this.#random.chance(this.#habits.strayPart);
    const replica = isLocal ? this.#anyone() : isStray ? this.#somebody() : this.#whoLeads();
    if (replica !== undefined) await this.#readFrom(replica, key, isLocal, minPosition);
  }

  /** Asks one replica, whatever the client believes of it. */
  async readAt(place: number): Promise<void> {
    const replica = this.#cluster.running.find((running) => running.place === place);
    if (replica !== undefined && this.#mayBegin()) await this.#readFrom(replica, this.#randomKey(), false, 0);
  }

  async #readFrom(replica: SimulatedReplica, key: string, isLocal: boolean, minPosition: number): Promise<void> {
    const consistency = isLocal ? 'local' : 'linearizable';
    const id = this.#recorder.begin(this.#caller(replica), { kind: 'read', key, consistency, minPosition });
    const { patienceMs } = this.#habits;
    const asked = await this.#cluster.ask(replica, `read ${key}`, patienceMs, async () => {
      if (!isLocal) await replica.replica.linearizable(replica.hands.clock.monotonic() + patienceMs);
      return readNow(replica, key);
    });
    if (asked.kind === 'answer' && asked.value.position < minPosition) {
      this.#recorder.endRead(id, { kind: 'refused', code: 'position-not-reached' });
    } else if (asked.kind === 'answer') {
      this.#recorder.endRead(id, asked.value);
      this.#known.set(key, asked.value.state);
      this.#position = Math.max(this.#position, asked.value.position);
    } else if (asked.kind === 'error') {
      this.#recorder.endRead(id, { kind: 'refused', code: this.#refusal(asked.error) });
    }
  }

  async #writeSomething(): Promise<void> {
    const transaction = this.#random.chance(this.#habits.transactionPart);
    const writes = transaction ? this.#transfer() : [this.#oneWrite()];
    if (writes === undefined) return this.#read();
    const idempotencyKey = this.#random.chance(this.#habits.keyedPart) ? `${this.name}-${this.#count}` : undefined;
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const outcome = await this.#write(writes, transaction, idempotencyKey);
      // What may have been done is tried again only where it cannot be done twice.
      if (outcome === 'done' || outcome === 'written') return;
      if (outcome === 'unknown' && idempotencyKey === undefined) return;
      await this.#cluster.pause(this.#random.exponential(this.#habits.thinkMeanMs), this.name);
      if (this.isStopped || !this.#mayBegin()) return;
    }
  }

  async #write(
    writes: readonly AskedWrite[],
    transaction: boolean,
    idempotencyKey: string | undefined,
  ): Promise<'written' | 'done' | 'refused' | 'unknown'> {
    const replica = this.#whoLeads();
    if (replica === undefined) return 'refused';
    const proposalId = this.#nextId();
    const request = requestOf(proposalId, writes, transaction, idempotencyKey);
    const id = this.#recorder.begin(this.#caller(replica), request);
    const { patienceMs } = this.#habits;
    const what = `write ${writes.map(({ kind, key }) => `${kind} ${key}`).join(', ')}`;
    const proposal = proposalOf(proposalId, writes, transaction, idempotencyKey, this.#random);
    const asked = await this.#cluster.ask(replica, what, patienceMs, async () => {
      const outcome = await replica.write(proposal, patienceMs);
      if (outcome.kind === 'applied') replica.watch.onAcknowledged(outcome.instance, outcome.position);
      return outcome;
    });
    if (asked.kind === 'answer') this.#leaderPlace = replica.place;
    return this.#endWrite(id, asked, writes);
  }

  #endWrite(
    id: number,
    asked: Asked<ProposalOutcome>,
    writes: readonly AskedWrite[],
  ): 'written' | 'done' | 'refused' | 'unknown' {
    if (asked.kind === 'lost') {
      this.#leaderPlace = undefined;
      return 'unknown';
    }
    if (asked.kind === 'error') {
      const code = this.#refusal(asked.error);
      if (code === 'outcome-unknown') return 'unknown';
      this.#recorder.endWrite(id, { kind: 'refused', code });
      return 'refused';
    }
    const outcome = outcomeOf(asked.value, writes);
    this.#recorder.endWrite(id, outcome);
    this.#cluster.room.scheduler.note(noteOwner, outcome.kind, asked.value.position);
    this.#position = Math.max(this.#position, asked.value.position);
    return outcome.kind === 'written' ? 'written' : 'done';
  }

  #oneWrite(): AskedWrite {
    const key = this.#randomKey();
    const known = this.#known.get(key);
    const by = `${this.name}.${this.#count}`;
    const revision = known !== undefined && this.#random.chance(0.4) ? known.revision : undefined;
    const draw = this.#random.float();
    if (draw < 0.15) return createOf(key, documentOf(this.#random.integer(100), by, this.#habits.padBytes));
    if (draw < 0.4) return putOf(key, documentOf(this.#random.integer(100), by, this.#habits.padBytes), revision);
    if (draw < 0.65) return appendOf(key, by, revision);
    if (draw < 0.85) return mergeOf(key, by, revision);
    return deleteOf(key, revision);
  }

  /** Moves something from one document that it has read to another, on condition that a third is as it was. */
  #transfer(): AskedWrite[] | undefined {
    const live = [...this.#known].filter(([key, { value }]) => value !== undefined && this.#keys().includes(key));
    const [from, to, other] = this.#random.shuffled(live);
    if (from === undefined || to === undefined) return undefined;
    const amount = this.#random.between(1, 10);
    const writes = [
      addOf(from[0], from[1].value ?? '', -amount, from[1].revision),
      addOf(to[0], to[1].value ?? '', amount, to[1].revision),
    ];
    return other === undefined || this.#random.chance(0.5) ? writes : [...writes, checkOf(other[0], other[1].revision)];
  }

  #randomKey(): string {
    return this.#random.pick(this.#keys());
  }

  #nextId(): string {
    this.#count += 1;
    return `${this.name}-${this.#count}`.padEnd(21, '-');
  }

  #caller(replica: SimulatedReplica): { client: string; replica: number; boot: number } {
    return { client: this.name, replica: replica.place, boot: replica.hands.life };
  }

  #anyone(): SimulatedReplica | undefined {
    const serving = this.#cluster.running.filter(({ replica }) => replica.state.name === 'running');
    return serving.length === 0 ? undefined : this.#random.pick(serving);
  }

  /** Whoever takes part, in whatever state. */
  #somebody(): SimulatedReplica | undefined {
    const { running } = this.#cluster;
    return running.length === 0 ? undefined : this.#random.pick(running);
  }

  /** Whom it believes to lead; now and then, and where it knows of nobody, anyone. */
  #whoLeads(): SimulatedReplica | undefined {
    const { running } = this.#cluster;
    if (running.length === 0) return undefined;
    const known = running.find(({ place }) => place === this.#leaderPlace);
    return known === undefined || this.#random.chance(0.02) ? this.#random.pick(running) : known;
  }

  /** Why it was refused. Where it was told who leads, that one is asked next. */
  #refusal(error: unknown): ErrorCode {
    const code = codeOf(error);
    if (code === undefined) {
      this.#cluster.failure ??= error;
      return 'stopped';
    }
    if (code !== 'outcome-unknown') this.#leaderPlace = leaderIn(error);
    return code;
  }
}

const noteOwner = { name: 'client', state: 'running' } as const;

function readNow({ machine }: SimulatedReplica, key: string): ReadOutcome {
  const [collection = '', documentId = ''] = key.split('/');
  const row = machine.row(collection, documentId);
  const state = { revision: row?.revision ?? 0, value: row === undefined || row.deleted ? undefined : row.body };
  return { kind: 'read', position: machine.state.position, instance: machine.state.instance, state };
}

function outcomeOf(
  outcome: ProposalOutcome,
  writes: readonly AskedWrite[],
): Extract<WriteOperation['outcome'], { readonly kind: 'written' | 'rejected' }> {
  const { instance, position } = outcome;
  if (outcome.kind === 'rejected') {
    const { code, facts } = outcome;
    const { operation } = facts;
    return { kind: 'rejected', code, position, ...(typeof operation === 'number' ? { failedWrite: operation } : {}) };
  }
  const eventCount = writes.filter(({ kind }) => kind !== 'check').length;
  return {
    ...{ kind: 'written', instance, lastPosition: position },
    firstPosition: position - eventCount + 1,
    revisions: outcome.results.map(({ revision }) => revision),
  };
}

function leaderIn(error: unknown): number | undefined {
  const { facts } = Object(error) as { readonly facts?: { readonly leader?: unknown } };
  return typeof facts?.leader === 'number' ? facts.leader : undefined;
}
