import { createHash } from 'node:crypto';
import { type Disk, DiskError } from '../../../src/base/disk.ts';
import { LoggosError } from '../../../src/base/errors.ts';
import { makeDurableDirectory, readSmallFile, replaceFile, writeNewFile } from '../../../src/checkpoint/files.ts';
import type {
  CheckpointFacts,
  CheckpointFile,
  CheckpointLock,
  ExecuteResult,
  Fingerprint,
  MachineValue,
  StateMachine,
  VerifiedCheckpoint,
} from '../../../src/statemachine/state-machine.ts';

/** Lines a sealed file. */
const sealedLines = 10;

interface State {
  readonly instance: number;
  readonly fingerprint: string;
  readonly time: number;
  readonly history: string;
  /** Lines that are not in a sealed file yet. */
  /** Not written to after the commit. */
  readonly open: string[];
  readonly sealed: readonly string[];
}

const empty: State = {
  instance: 0,
  fingerprint: Buffer.alloc(32).toString('base64url'),
  time: 0,
  history: 'first',
  open: [],
  sealed: [],
};

/** A machine that keeps every proposal as a line: `state.json`, and a sealed file for each ten lines. */
export class TestMachine implements StateMachine {
  readonly id: number;
  readonly #disk: Disk;
  readonly #directory: string;
  #live: Fingerprint;
  liveInstance = 0;
  #durable: State = empty;
  #open: State | undefined;
  #locked: PromiseWithResolvers<void> | undefined;
  /** Called with each instance before it is executed for the checkpoint; may throw. */
  onReplay: (instance: number) => void = () => undefined;
  /** The checkpoint's execution differs from the live one at this instance. */
  divergesAt: number | undefined;
  readonly replayed: number[] = [];
  commitCount = 0;

  constructor(id: number, disk: Disk, directory = '') {
    this.id = id;
    this.#disk = disk;
    this.#directory = directory;
    this.#live = new Uint8Array(32);
  }

  async open(): Promise<this> {
    await makeDurableDirectory(this.#disk, `${this.#directory}/lines`, 2);
    this.#durable = (await readState(this.#disk, this.#directory)) ?? empty;
    this.#open = undefined;
    this.#live = this.checkpointFingerprint();
    this.liveInstance = this.#durable.instance;
    return this;
  }

  get lines(): number {
    return this.#durable.sealed.length * sealedLines + this.#durable.open.length;
  }

  get history(): string {
    return this.#durable.history;
  }

  execute(instance: number, value: MachineValue | undefined): ExecuteResult {
    this.#live = next(this.#live, instance, value);
    this.liveInstance = instance;
    return { fingerprint: this.#live, outcomes: [] };
  }

  async executeForCheckpoint(instance: number, value: MachineValue | undefined): Promise<Fingerprint> {
    this.#open ??= { ...this.#durable, open: [...this.#durable.open] };
    while (this.#locked !== undefined) await this.#locked.promise;
    if (instance <= this.#durable.instance) return new Uint8Array(0);
    await undefined;
    try {
      this.onReplay(instance);
    } catch (error) {
      this.#open = undefined;
      throw error;
    }
    const before = this.#open;
    if (before === undefined || before.instance !== instance - 1)
      throw new DiskError('failed', '', 'built on a failure');
    const seen = instance === this.divergesAt ? { time: 0, proposals: [Uint8Array.of(1)] } : value;
    const fingerprint = next(Buffer.from(before.fingerprint, 'base64url'), instance, seen);
    const lines = value?.proposals.map((proposal) => Buffer.from(proposal).toString('utf8')) ?? [];
    this.replayed.push(instance);
    before.open.push(...lines);
    this.#open = {
      ...before,
      instance,
      fingerprint: Buffer.from(fingerprint).toString('base64url'),
      time: Math.max(before.time, value?.time ?? 0),
    };
    return fingerprint;
  }

  async commitCheckpoint(): Promise<void> {
    const state = this.#open;
    if (state === undefined || state.instance === this.#durable.instance) return;
    const open = [...state.open];
    const sealed = [...state.sealed];
    while (open.length >= sealedLines) {
      const name = `lines/${String(sealed.length).padStart(6, '0')}.ndjson`;
      await this.#disk.remove(`${this.#directory}/${name}`);
      const text = open.splice(0, sealedLines).map((line) => `${line}\n`);
      await writeNewFile(this.#disk, `${this.#directory}/${name}`, Buffer.from(text.join('')));
      sealed.push(name);
    }
    if (sealed.length > state.sealed.length) await this.#disk.syncDirectory(`${this.#directory}/lines`);
    const committed: State = { ...state, open, sealed };
    await writeState(this.#disk, this.#directory, committed);
    this.#durable = committed;
    this.#open = undefined;
    this.commitCount += 1;
  }

  checkpointInstance(): number {
    return this.#durable.instance;
  }

  checkpointFingerprint(): Fingerprint {
    return Buffer.from(this.#durable.fingerprint, 'base64url');
  }

  checkpointFacts(): CheckpointFacts {
    const { fingerprint: chain, time } = this.#durable;
    return { position: this.lines, time, chain, digest: digestOf(this.#durable) };
  }

  async lockCheckpointState(): Promise<CheckpointLock> {
    while (this.#locked !== undefined) await this.#locked.promise;
    this.#locked = Promise.withResolvers();
    return { instance: this.#durable.instance };
  }

  async checkpointState(): Promise<{ directory: string; files: readonly CheckpointFile[] }> {
    const files: CheckpointFile[] = [];
    for (const name of ['state.json', ...this.#durable.sealed]) {
      const stat = await this.#disk.stat(`${this.#directory}/${name}`);
      if (stat !== undefined) files.push({ name, bytes: stat.bytes, sealed: name !== 'state.json' });
    }
    return { directory: this.#directory, files };
  }

  async unlockCheckpointState(): Promise<void> {
    this.#locked?.resolve();
    this.#locked = undefined;
  }

  async loadCheckpointState(directory: string, _: readonly CheckpointFile[], instance: number): Promise<void> {
    const state = await readState(this.#disk, directory);
    if (state?.instance !== instance) throw new LoggosError('snapshot-damaged', 'state.json is of another instance');
  }

  async verifyCheckpointState(directory: string, files: readonly CheckpointFile[]): Promise<VerifiedCheckpoint> {
    const state = await readState(this.#disk, directory);
    if (state === undefined) throw new LoggosError('snapshot-damaged', 'state.json is missing');
    for (const name of state.sealed) {
      if (files.some((file) => file.name === name)) continue;
      throw new LoggosError('snapshot-damaged', `${name} is missing`);
    }
    const position = state.sealed.length * sealedLines + state.open.length;
    const fingerprint = Buffer.from(state.fingerprint, 'base64url');
    return { instance: state.instance, fingerprint, digest: digestOf(state), position, chain: state.fingerprint };
  }

  async forkCheckpointState(directory: string, history: string): Promise<{ fingerprint: Fingerprint }> {
    const state = await readState(this.#disk, directory);
    if (state === undefined) throw new LoggosError('snapshot-damaged', 'state.json is missing');
    const fingerprint = createHash('sha256').update(history).update(state.fingerprint).digest();
    await writeState(this.#disk, directory, { ...state, history, fingerprint: fingerprint.toString('base64url') });
    return { fingerprint };
  }
}

function next(before: Uint8Array, instance: number, value: MachineValue | undefined): Fingerprint {
  const hash = createHash('sha256').update(before).update(String(instance));
  for (const proposal of value?.proposals ?? []) hash.update(proposal);
  return hash.digest();
}

function digestOf({ open, sealed, history }: State): string {
  return createHash('sha256')
    .update(JSON.stringify([open, sealed, history]))
    .digest('base64url');
}

async function readState(disk: Disk, directory: string): Promise<State | undefined> {
  const bytes = await readSmallFile(disk, `${directory}/state.json`, 1_000_000);
  return bytes === undefined ? undefined : (JSON.parse(Buffer.from(bytes).toString('utf8')) as State);
}

async function writeState(disk: Disk, directory: string, state: State): Promise<void> {
  await replaceFile(disk, directory, 'state.json', Buffer.from(JSON.stringify(state)));
}
