import { HistoryReader } from '../../../src/documents/history/history-reader.ts';
import type { HistoryWriter } from '../../../src/documents/history/history-writer.ts';
import { factsOf } from '../../../src/documents/history/line-facts.ts';
import type { LiveDocuments } from '../../../src/documents/live-documents.ts';
import { parseEventLine } from '../../../src/documents/machine/event-line.ts';
import { executeInstance, initialState } from '../../../src/documents/machine/execute.ts';
import { encodeProposal } from '../../../src/documents/machine/proposal.ts';
import { contentAfter } from '../../../src/documents/machine/replay-event.ts';
import { Tail } from '../../../src/documents/machine/tail.ts';
import type {
  DocumentProposal,
  DocumentRow,
  InstanceEffects,
  MachineState,
  StateView,
} from '../../../src/documents/machine/types.ts';
import type { CheckpointReader } from '../../../src/documents/store/checkpoint-reader.ts';
import { TailAndCheckpointReader } from '../../../src/documents/tail-and-checkpoint-reader.ts';
import { CrashDisk } from '../history/crash-disk.ts';
import { hashes, randomOf } from '../history/event-source.ts';
import { directory, openWriter } from '../history/small-history.ts';
import { type OperationGiven, put, write } from '../machine/given.ts';

/** One event, and its document after it, as a plain list remembers them. */
export interface RememberedEvent {
  readonly position: number;
  readonly line: string;
  readonly collection: string;
  readonly documentId: string;
  readonly revision: number;
  readonly time: number;
  readonly deleted: boolean;
  readonly body: string;
  /** As of it means as of this position. */
  readonly asOfPosition: number;
  readonly chain: string;
}

const firstTime = 1_780_000_000_000;

/**
 * A live machine with a tail, and a checkpoint behind it that `replay` advances, as the Replayer does; and beside both
 * the naive list of everything that happened.
 */
export class ReadWorld {
  state: MachineState = initialState('first-history');
  readonly events: RememberedEvent[] = [];
  readonly reader: TailAndCheckpointReader;
  /** Called whenever the checkpoint is asked, before it looks: here the tail is pruned and more is applied. */
  meanwhile: () => Promise<void> = async () => {};
  checkpointCalls = 0;
  readonly #tail = new Tail();
  readonly #unstored: InstanceEffects[] = [];
  readonly #rows = new Map<string, DocumentRow>();
  readonly #listeners = new Set<() => void>();
  readonly #disk = new CrashDisk();
  readonly #history = new HistoryReader({ disk: this.#disk, directory, hashes, cacheBytesMax: 20_000 });
  #writer: HistoryWriter | undefined;
  #replaying: Promise<void> = Promise.resolve();

  constructor() {
    this.reader = new TailAndCheckpointReader({ live: this.#live(), checkpoint: this.#checkpoint(), hashes });
  }

  get unstoredCount(): number {
    return this.#unstored.length;
  }

  get tail(): Tail {
    return this.#tail;
  }

  /** Executes the next instance. */
  apply(time: number, ...proposals: readonly DocumentProposal[]): InstanceEffects {
    const value = { time, proposals: proposals.map(encodeProposal) };
    const effects = executeInstance(this.state, this.#view(), this.state.instance + 1, value, hashes);
    this.state = effects.state;
    this.#tail.push(effects);
    this.#unstored.push(effects);
    for (const { line } of effects.events) this.#remember(line);
    for (const listener of this.#listeners) listener();
    return effects;
  }

  /** Instances of writes to a few documents: puts, patches, deletions and transactions. */
  applyMany(seed: number, instanceCount: number): void {
    const random = randomOf(seed);
    for (let count = 0; count < instanceCount; count++) {
      const proposals = Array.from({ length: 1 + Math.floor(random() * 4) }, () => randomProposal(random));
      this.apply((this.state.time || firstTime) + Math.floor(random() * 4) * 10, ...proposals);
    }
  }

  /** Moves the oldest instances into the checkpoint, commits, and prunes the tail. */
  replay(instanceCount: number): Promise<void> {
    this.#replaying = this.#replaying.then(async () => {
      this.#writer ??= await openWriter(this.#disk);
      const moved = this.#unstored.splice(0, instanceCount);
      for (const { events, state } of moved) await this.#writer.append(events, state.chain);
      const end = await this.#writer.sync();
      for (const { rows } of moved) for (const row of rows) this.#rows.set(keyOf(row.collection, row.documentId), row);
      this.#history.advance(end);
      await this.#writer.sealReady(end);
      const last = moved.at(-1);
      if (last !== undefined) this.#tail.prune(last.instance);
    });
    return this.#replaying;
  }

  /** A document's events, ascending. */
  eventsOf(collection: string, documentId: string): readonly RememberedEvent[] {
    return this.events.filter((event) => event.collection === collection && event.documentId === documentId);
  }

  #live(): LiveDocuments {
    const world = this;
    return {
      get state() {
        return world.state;
      },
      tail: this.#tail,
      row: (collection, documentId) => world.#view().row(collection, documentId),
      onApplied(listener) {
        world.#listeners.add(listener);
        return () => world.#listeners.delete(listener);
      },
    };
  }

  #view(): StateView {
    return {
      row: (collection, documentId) =>
        this.#tail.row(collection, documentId) ?? this.#rows.get(keyOf(collection, documentId)),
      dedupe: () => undefined,
    };
  }

  #checkpoint(): CheckpointReader {
    const asked = async () => {
      this.checkpointCalls++;
      await this.meanwhile();
    };
    return {
      open: async () => {},
      lastPosition: async () => this.#history.end.position,
      rows: async (collection, afterId, countMax) => {
        await asked();
        const rows = [...this.#rows.values()].filter((row) => row.collection === collection);
        const after = rows.filter(({ documentId }) => afterId === undefined || compare(documentId, afterId) > 0);
        return after.sort((one, other) => compare(one.documentId, other.documentId)).slice(0, countMax);
      },
      line: async (position) => asked().then(() => this.#history.line(position)),
      lines: async (request) => asked().then(() => this.#history.lines(request)),
      walk: async (request) => asked().then(() => this.#history.walk(request)),
      positionAtTime: async (time) => asked().then(() => this.#history.positionAtTime(time)),
      chainAt: async (position) => asked().then(() => this.#history.chainAt(position)),
      refresh: async () => {},
      close: async () => {},
    };
  }

  #remember(line: string): void {
    const facts = factsOf(line);
    const { collection = '', documentId = '' } = parseEventLine(line);
    if (facts === undefined) throw new Error('a line is an event');
    const body = contentAfter(this.eventsOf(collection, documentId).at(-1)?.body, line);
    const { position, revision, time, operation, transaction, chain } = facts;
    const deleted = operation === 'deleted';
    const asOfPosition = transaction?.last ?? position;
    this.events.push({ position, line, collection, documentId, revision, time, deleted, body, asOfPosition, chain });
  }
}

export const collections = ['ports', 'ships'];
export const documentIds = ['argo', 'gaios', 'lakka', 'Ω'];

function randomProposal(random: () => number): DocumentProposal {
  const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(random() * values.length)] as Value;
  const operation = (id: string): OperationGiven => {
    const collection = pick(collections);
    const content = {
      n: Math.floor(random() * 1_000),
      [pick(['a', 'b', 'c'])]: 'text '.repeat(Math.floor(random() * 30)),
    };
    const chance = random();
    if (chance < 0.7) return { kind: 'merge', id, collection, content };
    if (chance < 0.8) return { kind: 'patch', id, collection, content: [{ op: 'add', path: '/p', value: content.n }] };
    if (chance < 0.85) return { kind: 'delete', id, collection };
    return { ...put(id, content), collection };
  };
  if (random() < 0.75) return write(operation(pick(documentIds)));
  // A merge in a transaction may meet what is not there, and then all of it is rejected: puts do not.
  return write(
    documentIds
      .slice(0, 2 + Math.floor(random() * 3))
      .map((id) => ({ ...put(id, { t: random() }), collection: pick(collections) })),
    { transaction: true },
  );
}

function keyOf(collection: string, documentId: string): string {
  return `${collection}/${documentId}`;
}

function compare(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
