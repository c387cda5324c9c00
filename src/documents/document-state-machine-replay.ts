import { assert } from '../base/assert.ts';
import { TransientMap } from '../base/transient-map.ts';
import type { Fingerprint, MachineValue } from '../statemachine/state-machine.ts';
import type { CheckpointHead, CheckpointStore, HistoryFileInfo } from './store/checkpoint-store.ts';
import { InOrder } from './store/in-order.ts';

interface Waiting {
  readonly instance: number;
  readonly value: MachineValue | undefined;
  readonly executed: PromiseWithResolvers<Fingerprint>;
}

/** While a snapshot is sealed: what the files are, and when they are free again. */
interface Locked {
  readonly instance: number;
  readonly databaseBytes: number;
  readonly files: readonly HistoryFileInfo[];
  readonly released: PromiseWithResolvers<void>;
}

const covered: Fingerprint = new Uint8Array(0);

/**
 * The replaying side of the document machine: gathers the calls of one turn into one call of the store, and holds replay
 * back while the checkpoint is locked. After a failure what was executed since the last commit is dropped, and the
 * caller begins again at `head.state.instance + 1`. An instance that was executed and is not committed may be asked for
 * again: it is executed once.
 */
export class CheckpointReplay {
  readonly #store: CheckpointStore;
  readonly #inOrder = new InOrder();
  #head: CheckpointHead;
  #waiting: Waiting[] = [];
  /** Of every instance handed in since the last commit. */
  readonly #executions = new TransientMap<number, Promise<Fingerprint>>();
  #drainIsAsked = false;
  /** The last instance handed in. */
  #lastAsked: number;
  #failure: unknown;
  #locked: Locked | undefined;

  constructor(store: CheckpointStore, head: CheckpointHead) {
    this.#store = store;
    this.#head = head;
    this.#lastAsked = head.state.instance;
  }

  /** What is durable. */
  get head(): CheckpointHead {
    return this.#head;
  }

  execute(instance: number, value: MachineValue | undefined): Promise<Fingerprint> {
    if (instance <= this.#head.state.instance) return Promise.resolve(covered);
    const known = this.#executions.get(instance);
    if (known !== undefined) return known;
    if (instance > this.#lastAsked + 1 && this.#failure !== undefined) return Promise.reject(this.#failure);
    assert(instance === this.#lastAsked + 1, 'the checkpoint replays instances in order, without gaps');
    this.#failure = undefined;
    this.#lastAsked = instance;
    const executed = Promise.withResolvers<Fingerprint>();
    this.#waiting.push({ instance, value, executed });
    this.#executions.set(instance, executed.promise);
    this.#askForDrain();
    return executed.promise;
  }

  commit(): Promise<CheckpointHead> {
    return this.#inOrder.run(() => this.#commit());
  }

  /** Commits, records the digest, and freezes the files until `unlock`. Waits for an earlier lock. */
  async lock(): Promise<Locked> {
    for (;;) {
      while (this.#locked !== undefined) await this.#locked.released.promise;
      const locked = await this.#inOrder.run(() => this.#freeze());
      if (locked !== undefined) return locked;
    }
  }

  /** The files under a lock that is held. */
  locked(): Locked {
    assert(this.#locked !== undefined, 'a checkpoint is locked while its files are asked for');
    return this.#locked;
  }

  async unlock(): Promise<void> {
    const { released } = this.locked();
    try {
      await this.#store.thaw();
    } finally {
      // Where the store has failed for ever, what waits must fail with it instead of waiting for ever.
      this.#locked = undefined;
      released.resolve();
      this.#askForDrain();
    }
  }

  /** Resolves when nothing runs any more; what waits behind a lock stays waiting. */
  settle(): Promise<void> {
    return this.#inOrder.run(() => undefined);
  }

  #askForDrain(): void {
    if (this.#drainIsAsked || this.#waiting.length === 0) return;
    this.#drainIsAsked = true;
    void this.#inOrder.run(() => this.#drain());
  }

  async #drain(): Promise<void> {
    this.#drainIsAsked = false;
    try {
      while (this.#waiting.length > 0 && this.#locked === undefined) await this.#executeSome();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #executeSome(): Promise<void> {
    const count = this.#waiting.length;
    const items = this.#waiting.map(({ instance, value }) => ({ instance, value }));
    const fingerprints = await this.#store.execute(items);
    const executed = this.#waiting.splice(0, count);
    for (const [index, waiting] of executed.entries()) waiting.executed.resolve(fingerprints[index] ?? covered);
  }

  async #commit(): Promise<CheckpointHead> {
    try {
      this.#head = await this.#store.commit();
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    for (const instance of this.#executions.keys()) {
      if (instance <= this.#head.state.instance) this.#executions.delete(instance);
    }
    return this.#head;
  }

  /** Undefined: another lock came first. Readers that keep the files from being frozen harm nothing. */
  async #freeze(): Promise<Locked | undefined> {
    if (this.#locked !== undefined) return undefined;
    await this.#commit();
    await this.#store.markDigest();
    const { databaseBytes, history } = await this.#store.freeze();
    const { instance } = this.#head.state;
    this.#locked = { instance, databaseBytes, files: history, released: Promise.withResolvers<void>() };
    return this.#locked;
  }

  /** All that waits is built on what was dropped. */
  #fail(error: unknown): void {
    this.#failure = error;
    this.#lastAsked = this.#head.state.instance;
    this.#executions.clear();
    for (const { executed } of this.#waiting.splice(0)) executed.reject(error);
  }
}
