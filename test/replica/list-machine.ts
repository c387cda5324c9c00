import type {
  CheckpointFile,
  CheckpointLock,
  ExecuteResult,
  Fingerprint,
  MachineValue,
  StateMachine,
} from '../../src/statemachine/state-machine.ts';

/** A machine in memory: its state is the list of texts proposed to it, its outcome the place in that list. */
export class ListMachine implements StateMachine {
  readonly id: number;
  readonly texts: string[];
  readonly executed: number[] = [];
  readonly contexts: unknown[] = [];
  readonly times: number[] = [];
  checkpoint: number;
  /** What its checkpoint recorded of itself at every 1,000th instance; none: nothing. */
  digest: string | undefined;
  /** Thrown by the next `execute`. */
  failure: Error | undefined;

  constructor(id = 1, checkpoint = 0, texts: readonly string[] = []) {
    this.id = id;
    this.checkpoint = checkpoint;
    this.texts = [...texts];
  }

  execute(instance: number, value: MachineValue | undefined, context?: unknown): ExecuteResult {
    if (this.failure !== undefined) throw this.failure;
    this.executed.push(instance);
    if (context !== undefined) this.contexts.push(context);
    if (value !== undefined) this.times.push(value.time);
    const outcomes = (value?.proposals ?? []).map((proposal) => this.texts.push(new TextDecoder().decode(proposal)));
    return { fingerprint: this.#fingerprint(instance), outcomes };
  }

  async executeForCheckpoint(instance: number): Promise<Fingerprint> {
    this.checkpoint = Math.max(this.checkpoint, instance);
    return this.#fingerprint(instance);
  }

  checkpointInstance(): number {
    return this.checkpoint;
  }

  checkpointFingerprint(): Fingerprint {
    return this.#fingerprint(this.checkpoint);
  }

  async checkpointDigest(instance: number): Promise<Uint8Array | undefined> {
    return this.digest === undefined ? undefined : bytesOf(`${instance}:${this.digest}`);
  }

  async lockCheckpointState(): Promise<CheckpointLock> {
    return { instance: this.checkpoint };
  }

  async checkpointState(): Promise<{ directory: string; files: readonly CheckpointFile[] }> {
    return { directory: '', files: [] };
  }

  async unlockCheckpointState(): Promise<void> {}

  async loadCheckpointState(): Promise<void> {}

  #fingerprint(instance: number): Fingerprint {
    return new TextEncoder().encode(`${this.id}:${instance}:${this.texts.slice(-3).join(',')}`);
  }
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
