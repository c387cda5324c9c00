import type { ChosenEvent } from '../../../src/simulation/checker/chosen-history.ts';
import {
  addToField,
  type Change,
  type DocumentState,
  type DocumentWrite,
  evaluateAll,
  neverWritten,
} from '../../../src/simulation/checker/document-model.ts';
import {
  HistoryRecorder,
  type Operation,
  type ReadRequest,
  type WriteOperation,
  type WriteRequest,
} from '../../../src/simulation/checker/history.ts';
import type { SeededRandom } from '../../../src/simulation/seeded-random.ts';

export interface RunOptions {
  readonly operationCount: number;
  readonly clientCount: number;
  readonly keyCount: number;
  /** How many answers are lost. */
  readonly unknownRate: number;
}

interface Client {
  readonly name: string;
  /** The newest position it saw. */
  seen: number;
  open:
    | {
        readonly id: number;
        readonly request: WriteRequest | ReadRequest;
        outcome: Operation['outcome'] | undefined;
        readonly replica: number;
      }
    | undefined;
  /** A keyed write whose fate it does not know. */
  retry: WriteRequest | undefined;
}

type WriteAnswer = WriteOperation['outcome'];

/**
 * A store that is right by construction: one thing after another happens to it, between the call and the return of each
 * operation. Clients overlap, answers get lost, lost writes happen late or never, keyed ones are tried again, and local
 * reads see the past of their replica.
 */
export class RandomRun {
  readonly events: ChosenEvent[] = [];
  readonly #random: SeededRandom;
  readonly #options: RunOptions;
  readonly #recorder: HistoryRecorder;
  readonly #clients: Client[];
  readonly #versions = new Map<string, { readonly position: number; readonly state: DocumentState }[]>();
  readonly #remembered = new Map<string, { readonly request: string; readonly outcome: WriteAnswer }>();
  /** Writes that nobody waits for any more and that are still on their way. */
  readonly #late: WriteRequest[] = [];
  /** What each of three replicas has applied: a position at which an instance ended. */
  readonly #applied = [0, 0, 0];
  #instance = 0;
  #isInstanceOpen = false;
  #count = 0;

  constructor(random: SeededRandom, options: RunOptions) {
    this.#random = random;
    this.#options = options;
    this.#recorder = new HistoryRecorder(options.operationCount);
    this.#clients = Array.from({ length: options.clientCount }, (_, index) => {
      return { name: `client-${index}`, seen: 0, open: undefined, retry: undefined };
    });
    while (!this.#recorder.isFull) this.#step();
    for (const client of this.#clients) this.#finish(client);
  }

  get operations(): readonly Operation[] {
    return this.#recorder.operations;
  }

  #step(): void {
    const client = this.#random.pick(this.#clients);
    if (client.open === undefined) this.#begin(client);
    else if (client.open.outcome === undefined) this.#happen(client);
    else this.#finish(client);
    const late = this.#late.length > 0 && this.#random.chance(0.2) ? this.#late.shift() : undefined;
    if (late !== undefined) this.#execute(late);
    if (this.#random.chance(0.5)) this.#applyOn(this.#random.integer(3));
  }

  #begin(client: Client): void {
    const request = this.#request(client);
    const replica = this.#random.integer(3);
    const id = this.#recorder.begin({ client: client.name, replica, boot: 1 }, request);
    client.open = { id, request, outcome: undefined, replica };
  }

  #happen({ open }: Client): void {
    if (open === undefined) return;
    open.outcome =
      open.request.kind === 'write' ? this.#writeOutcome(open.request) : this.#read(open.request, open.replica);
  }

  #finish(client: Client): void {
    const { open } = client;
    client.open = undefined;
    if (open?.outcome === undefined) return;
    const { outcome, request, id } = open;
    if (outcome.kind === 'read') {
      client.seen = outcome.position;
      this.#recorder.endRead(id, outcome);
    } else if (request.kind === 'write') {
      const isLost = outcome.kind === 'unknown' || this.#random.chance(this.#options.unknownRate);
      if (isLost) client.retry = request.idempotency === undefined ? undefined : request;
      else this.#recorder.endWrite(id, outcome);
    }
  }

  #request(client: Client): WriteRequest | ReadRequest {
    const { retry } = client;
    this.#count += 1;
    const proposalId = `p${this.#count}`;
    if (retry !== undefined) {
      client.retry = undefined;
      return { ...retry, proposalId };
    }
    if (this.#random.chance(0.4)) {
      const minPosition = this.#random.chance(0.5) ? client.seen : 0;
      const consistency = this.#random.chance(0.3) ? 'local' : 'linearizable';
      return { kind: 'read', key: this.#key(), consistency, minPosition };
    }
    const transaction = this.#random.chance(0.1);
    const keys = transaction ? [...new Set([this.#key(), this.#key(), this.#key()])] : [this.#key()];
    const writes = keys.map((key) => this.#write(key));
    const request = { kind: 'write', proposalId, transaction, writes } as const;
    if (this.#random.chance(0.7)) return request;
    // Now and then a key that another request had.
    const key = this.#random.chance(0.02) ? 'k1' : `k${this.#count}`;
    return { ...request, idempotency: { key, request: proposalId } };
  }

  #write(key: string): DocumentWrite {
    const value = JSON.stringify({ n: this.#count });
    const change = this.#random.pick<Change>([
      { kind: 'put', value },
      { kind: 'put', value },
      { kind: 'delete' },
      addToField('n', 1),
    ]);
    if (!this.#random.chance(0.3)) return { key, change };
    const { revision } = this.#stateAt(key, this.events.length);
    return { key, change, expectedRevision: Math.max(0, revision - this.#random.integer(2)) };
  }

  /** Refused, lost on its way for ever or for a while, or done. */
  #writeOutcome(request: WriteRequest): WriteAnswer {
    const fate = this.#random.float();
    if (fate < 0.02) return { kind: 'refused', code: 'no-leader' };
    if (fate >= 0.02 + this.#options.unknownRate) return this.#execute(request);
    if (this.#random.chance(0.5)) this.#late.push(request);
    return { kind: 'unknown' };
  }

  #execute(request: WriteRequest): WriteAnswer {
    if (!this.#isInstanceOpen || this.#random.chance(0.5)) this.#instance += 1;
    this.#isInstanceOpen = true;
    const { idempotency } = request;
    const known = idempotency && this.#remembered.get(idempotency.key);
    if (known !== undefined) {
      if (known.request === idempotency?.request) return known.outcome;
      return { kind: 'rejected', code: 'idempotency-key-reused', position: this.events.length };
    }
    const outcome = this.#change(request);
    if (idempotency !== undefined) this.#remembered.set(idempotency.key, { request: idempotency.request, outcome });
    return outcome;
  }

  #change(request: WriteRequest): WriteAnswer {
    const position = this.events.length;
    const { code, failedWrite, states } = evaluateAll(request, (key) => this.#stateAt(key, position));
    if (code !== undefined)
      return { kind: 'rejected', code, position, ...(request.transaction ? { failedWrite } : {}) };
    for (const [index, { key }] of request.writes.entries()) this.#append(key, states[index] ?? neverWritten, request);
    return {
      kind: 'written',
      instance: this.#instance,
      firstPosition: position + 1,
      lastPosition: this.events.length,
      revisions: states.map(({ revision }) => revision),
    };
  }

  #append(key: string, state: DocumentState, { proposalId, idempotency }: WriteRequest): void {
    const position = this.events.length + 1;
    const { revision, value } = state;
    const instance = this.#instance;
    const deleted = value === undefined;
    const versions = this.#versions.get(key) ?? [];
    this.#versions.set(key, versions);
    versions.push({ position, state });
    this.events.push({
      instance,
      position,
      proposalId,
      idempotencyKey: idempotency?.key,
      key,
      revision,
      deleted,
      value,
      time: instance,
    });
  }

  #read(request: ReadRequest, replica: number): Operation['outcome'] {
    let position = this.events.length;
    if (request.consistency === 'local') {
      if ((this.#applied[replica] ?? 0) < request.minPosition) this.#applyOn(replica);
      position = this.#applied[replica] ?? 0;
    } else {
      // Exact at an instance: what comes after it is another's.
      this.#isInstanceOpen = false;
    }
    const instance = this.events[position - 1]?.instance ?? 0;
    return { kind: 'read', position, instance, state: this.#stateAt(request.key, position) };
  }

  #applyOn(replica: number): void {
    this.#isInstanceOpen = false;
    this.#applied[replica] = this.events.length;
  }

  #stateAt(key: string, position: number): DocumentState {
    return this.#versions.get(key)?.findLast((version) => version.position <= position)?.state ?? neverWritten;
  }

  #key(): string {
    return `orders/${this.#random.integer(this.#options.keyCount)}`;
  }
}
