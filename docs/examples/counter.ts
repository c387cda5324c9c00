/**
 * A replicated machine of one's own: named counters. docs/own-state-machine.md walks through it;
 * test/statemachine/counter-example.test.ts runs it.
 *
 * A proposal is `{"counter":"apples","add":3}` in UTF-8. Its outcome is the counter's new value, or why it was refused.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { LoggosError } from '../../src/base/errors.ts';
import type {
  CheckpointFile,
  CheckpointLock,
  ExecuteResult,
  Fingerprint,
  MachineValue,
  StateMachine,
  VerifiedCheckpoint,
} from '../../src/statemachine/state-machine.ts';

export type CounterOutcome = { readonly value: number } | { readonly refused: 'malformed' | 'too-large' };

/** All that is replicated, after one instance. Never changed, only replaced. */
interface State {
  readonly instance: number;
  readonly counters: ReadonlyMap<string, number>;
  readonly fingerprint: Fingerprint;
}

const fileName = 'counters.json';
const empty: State = { instance: 0, counters: new Map(), fingerprint: new Uint8Array(32) };

export class CounterMachine implements StateMachine {
  readonly id: number;
  readonly #directory: string;
  /** What is answered from. */
  #live: State;
  /** What the Replayer has executed; on disk up to `#durable`. */
  #replayed: State;
  #durable: State;
  /** Resolves when the checkpoint is not locked. */
  #unlocked: PromiseWithResolvers<void> | undefined;

  /** Stands at the checkpoint in `directory`, which is made where it is absent. */
  static async open(id: number, directory: string): Promise<CounterMachine> {
    await mkdir(directory, { recursive: true });
    return new CounterMachine(id, directory, (await readState(directory)) ?? empty);
  }

  private constructor(id: number, directory: string, durable: State) {
    this.id = id;
    this.#directory = directory;
    this.#live = durable;
    this.#replayed = durable;
    this.#durable = durable;
  }

  /** Of the live state; 0 where nothing was counted. */
  valueOf(counter: string): number {
    return this.#live.counters.get(counter) ?? 0;
  }

  execute(instance: number, value: MachineValue | undefined): ExecuteResult {
    const { state, outcomes } = next(this.#live, instance, value);
    this.#live = state;
    return { fingerprint: state.fingerprint, outcomes };
  }

  async executeForCheckpoint(instance: number, value: MachineValue | undefined): Promise<Fingerprint> {
    if (instance <= this.#durable.instance) return this.#durable.fingerprint; // Covered already: nothing to do.
    if (instance === this.#durable.instance + 1) this.#replayed = this.#durable; // Asked again after a failure.
    this.#replayed = next(this.#replayed, instance, value).state;
    return this.#replayed.fingerprint;
  }

  /** Instance, counters and fingerprint go to the disk together, in one rename: a crash leaves the old file or the new. */
  async commitCheckpoint(): Promise<void> {
    const state = this.#replayed;
    while (this.#unlocked !== undefined) await this.#unlocked.promise;
    await replaceDurably(this.#directory, fileName, printState(state));
    this.#durable = state;
  }

  checkpointInstance(): number {
    return this.#durable.instance;
  }

  checkpointFingerprint(): Fingerprint {
    return this.#durable.fingerprint;
  }

  async lockCheckpointState(): Promise<CheckpointLock> {
    while (this.#unlocked !== undefined) await this.#unlocked.promise;
    this.#unlocked = Promise.withResolvers<void>();
    return { instance: this.#durable.instance };
  }

  async checkpointState(): Promise<{ directory: string; files: readonly CheckpointFile[] }> {
    const bytes = Buffer.byteLength(printState(this.#durable));
    const files = this.#durable.instance === 0 ? [] : [{ name: fileName, bytes, sealed: false }];
    return { directory: this.#directory, files };
  }

  async unlockCheckpointState(): Promise<void> {
    this.#unlocked?.resolve();
    this.#unlocked = undefined;
  }

  async loadCheckpointState(directory: string, _files: readonly CheckpointFile[], instance: number): Promise<void> {
    const state = (await readState(directory)) ?? empty;
    if (state.instance !== instance) throw new LoggosError('snapshot-damaged', 'The counters are of another instance.');
  }

  async verifyCheckpointState(directory: string): Promise<VerifiedCheckpoint> {
    const { instance, fingerprint, counters } = (await readState(directory)) ?? empty;
    const digest = createHash('sha256')
      .update(JSON.stringify([...counters]))
      .digest('base64url');
    return { instance, fingerprint, digest };
  }
}

/**
 * The one function behind both executions. It reads nothing but its arguments, so that every replica, and every replay,
 * comes to the same state; and any bytes give an outcome, since what is chosen can not be taken back.
 */
function next(
  state: State,
  instance: number,
  value: MachineValue | undefined,
): { state: State; outcomes: CounterOutcome[] } {
  if (value === undefined) return { state: { ...state, instance }, outcomes: [] };
  const counters = new Map(state.counters);
  const outcomes = value.proposals.map((proposal) => add(counters, proposal));
  const link = createHash('sha256')
    .update(state.fingerprint)
    .update(JSON.stringify([instance, outcomes]));
  return { state: { instance, counters, fingerprint: link.digest() }, outcomes };
}

function add(counters: Map<string, number>, proposal: Uint8Array): CounterOutcome {
  const parsed = parse(proposal);
  if (parsed === undefined) return { refused: 'malformed' };
  const sum = (counters.get(parsed.counter) ?? 0) + parsed.add;
  if (!Number.isSafeInteger(sum)) return { refused: 'too-large' };
  counters.set(parsed.counter, sum);
  return { value: sum };
}

function parse(proposal: Uint8Array): { counter: string; add: number } | undefined {
  try {
    const { counter, add } = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(proposal));
    return typeof counter === 'string' && Number.isSafeInteger(add) ? { counter, add } : undefined;
  } catch {
    return undefined;
  }
}

function printState({ instance, counters, fingerprint }: State): string {
  return JSON.stringify({ instance, counters: [...counters], fingerprint: Buffer.from(fingerprint).toString('hex') });
}

async function readState(directory: string): Promise<State | undefined> {
  let text: string;
  try {
    text = await readFile(join(directory, fileName), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { instance, counters, fingerprint } = JSON.parse(text);
    return { instance, counters: new Map(counters), fingerprint: Buffer.from(fingerprint, 'hex') };
  } catch (cause) {
    throw new LoggosError('checkpoint-damaged', 'The file of counters is unreadable.', {}, cause);
  }
}

/** Write aside, sync, rename, sync the directory: only then is the new file there for good. */
async function replaceDurably(directory: string, name: string, text: string): Promise<void> {
  const temporary = join(directory, `${name}.new`);
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, join(directory, name));
  const parent = await open(directory, 'r');
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
}
