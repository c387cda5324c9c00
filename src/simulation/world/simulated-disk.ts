import { assert } from '../../base/assert.ts';
import { type Disk, DiskError } from '../../base/disk.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { Fate } from './fate.ts';
import type { FaultKind } from './fault-kinds.ts';
import { ProcessDisk } from './process-disk.ts';
import { type Owner, type Scheduler, world } from './scheduler.ts';
import { type Landing, type SectorFile, sectorBytes } from './sector-file.ts';
import { VolatileDirectory } from './volatile-directory.ts';

/** A call that has begun and is not done: what a crash may still let happen. */
export interface CallInFlight {
  readonly owner: Owner;
  /** All of it happens, although nobody will hear of it. */
  readonly whole: () => void;
  /** For writes: any part of it happens. */
  readonly part?: () => void;
  /** Nothing of it happens. */
  readonly dropped?: () => void;
}

/** A whole disk at one moment. Cheap: it shares its bytes with the disk until one of them is written to. */
export interface DiskImage {
  readonly root: VolatileDirectory;
}

/** A fault that a scenario asks for, once: the next call of this kind of whose path this is a part. */
interface PlannedFault {
  readonly kind: FaultKind;
  readonly pathPart: string;
}

/**
 * The disk of one machine; it outlives processes. It forgets what was not synced when the power goes, and it lies,
 * fails, fills up and rots as the dials say. Processes use it through `handleOf`, until they end.
 */
export class SimulatedDisk {
  readonly machine: string;
  readonly fate: Fate;
  readonly scheduler: Scheduler;
  #root = new VolatileDirectory();
  #planned: PlannedFault[] = [];
  readonly #inFlight = new Set<CallInFlight>();
  readonly #latency: SeededRandom;
  #inWrite: (() => void) | undefined;
  /** Room of the whole disk. When it is full, existing bytes may still be overwritten. */
  capacityBytes = Number.POSITIVE_INFINITY;
  /** Whether rot may leave a sector of that file unreadable: who reads it has to go on around it. */
  mayLoseSector: (path: string) => boolean = () => false;

  constructor(machine: string, scheduler: Scheduler, fate: Fate) {
    this.machine = machine;
    this.scheduler = scheduler;
    this.fate = fate;
    this.#latency = fate.stream(`latency ${machine}`);
  }

  /** The disk as one process sees it. When the process has ended, no call of it completes any more. */
  handleOf(owner: Owner): Disk {
    return new ProcessDisk(this, owner);
  }

  /** After a process has ended: of its calls in flight any may still happen. What was written stays readable. */
  endProcess(owner: Owner): void {
    const random = this.fate.stream(`in flight ${this.machine}`);
    for (const call of this.#inFlight) {
      if (call.owner !== owner) continue;
      this.#inFlight.delete(call);
      if (call.part !== undefined && this.strikes('torn-write', '')) call.part();
      else if (random.chance(0.5)) attempt(call.whole);
      else call.dropped?.();
    }
  }

  /** The machine goes off, after its processes have ended: what was not synced may be lost, in any combination. */
  cutPower(): void {
    assert(this.#inFlight.size === 0, 'processes end before the power goes');
    const random = this.fate.stream(`power ${this.machine}`);
    const files = new Set(this.#root.filesBelow('').values());
    this.#root.powerCut(() => random.chance(0.5));
    for (const file of this.#root.filesBelow('').values()) files.add(file);
    for (const file of files) file.powerCut((choices) => random.integer(choices));
  }

  /** The disk as it is now, dirty pages included: as somebody's `cp -r` of a running machine would have it. */
  image(): DiskImage {
    return { root: this.#root.clone() };
  }

  /** Puts an earlier state, or another machine's, in the place of this one. No process may live. */
  restore(image: DiskImage): void {
    assert(this.#inFlight.size === 0, 'nobody uses a disk that is exchanged');
    this.#root = image.root.clone();
  }

  /** A new, empty disk. No process may live. */
  erase(): void {
    this.restore({ root: new VolatileDirectory() });
  }

  /** The next call that this kind of fault can strike, on a path with this part, is struck: whatever dials and atlas say. */
  planFault(kind: FaultKind, pathPart = ''): void {
    this.#planned.push({ kind, pathPart });
  }

  /** Calls `action` once, in an event of its own, while the next write is in flight: the best moment for a crash. */
  inNextWrite(action: () => void): void {
    this.#inWrite = action;
  }

  /** Changes one bit of a file on the platter, and what the machine reads from now on. */
  flipBit(path: string, bit: number): void {
    const file = this.#root.file(path);
    const offset = Math.floor(bit / 8);
    assert(offset < file.bytes, 'rot is in the file', { path, bit });
    const [byte = 0] = file.read(offset, 1);
    file.damage(offset, Uint8Array.of(byte ^ (1 << (bit % 8))));
  }

  /** Rot in a sector of a file that has one, drawn by `stream`: one bit, some bytes, all, or none can be read. Answers where. */
  rot(): { readonly path: string; readonly offset: number } | undefined {
    const random = this.fate.stream('rest-rot where');
    const files = [...this.#root.filesBelow('')].filter(([, file]) => file.bytes > 0);
    if (files.length === 0) return undefined;
    const [path, file] = random.pick(files);
    const offset = this.#usedSector(file, random) * sectorBytes;
    const length = Math.min(sectorBytes, file.bytes - offset);
    if (this.mayLoseSector(path) && random.chance(0.5)) {
      file.lose(offset / sectorBytes);
      return { path, offset };
    }
    const extent = random.integer(3);
    if (extent === 0) this.flipBit(path, (offset + random.integer(length)) * 8 + random.integer(8));
    else if (extent === 1) file.damage(offset + random.integer(length), random.bytes(1));
    else file.damage(offset, random.chance(0.5) ? new Uint8Array(length) : random.bytes(length));
    return { path, offset };
  }

  /** A sector that holds something, where there is one; half of the time one of the last that do: the newest, mostly. */
  #usedSector(file: SectorFile, random: SeededRandom): number {
    const bytes = file.read(0, file.bytes);
    const count = Math.ceil(bytes.byteLength / sectorBytes);
    const used = Array.from({ length: count }, (_, sector) => sector).filter((sector) =>
      bytes.subarray(sector * sectorBytes, (sector + 1) * sectorBytes).some((byte) => byte !== 0),
    );
    if (used.length === 0) return random.integer(count);
    return random.pick(random.chance(0.5) ? used.slice(-3) : used);
  }

  /** Paths of all files, sorted. */
  files(): string[] {
    return [...this.#root.filesBelow('').keys()].sort();
  }

  /** The bytes of a file as the machine sees them: a copy. */
  bytesOf(path: string): Uint8Array {
    return this.#root.file(path).read(0, Number.MAX_SAFE_INTEGER);
  }

  /** Bytes in use; a file with several names counts once. */
  get usedBytes(): number {
    let sum = 0;
    for (const file of new Set(this.#root.filesBelow('').values())) sum += file.bytes;
    return sum;
  }

  get freeBytes(): number {
    if (this.capacityBytes === Number.POSITIVE_INFINITY) return Number.MAX_SAFE_INTEGER;
    return Math.max(0, this.capacityBytes - this.usedBytes);
  }

  /** For handles: the names. */
  get root(): VolatileDirectory {
    return this.#root;
  }

  /** For handles: whether a fault strikes this call. */
  strikes(kind: FaultKind, path: string): boolean {
    if (this.#planned.length > 0) {
      const index = this.#planned.findIndex((fault) => fault.kind === kind && path.includes(fault.pathPart));
      if (index >= 0) {
        this.#planned.splice(index, 1);
        this.fate.coverage.reached(kind);
        return true;
      }
    }
    return this.fate.strikes(kind, this.machine);
  }

  /** For handles: the effect happens, and the promise settles, after the latency; or neither does, at a crash. */
  call<Value>(call: {
    readonly owner: Owner;
    readonly method: string;
    readonly path: string;
    /** Where in the file, and how much. */
    readonly numbers?: readonly number[];
    readonly meanMs: number;
    readonly effect: () => Value;
    readonly atCrash?: Omit<CallInFlight, 'owner'>;
  }): Promise<Value> {
    const { owner, effect } = call;
    const { promise, resolve, reject } = Promise.withResolvers<Value>();
    // The handle of a process that has ended: it never hears again.
    if (owner.state === 'ended') return promise;
    const inFlight: CallInFlight = { owner, whole: effect, ...call.atCrash };
    this.#inFlight.add(inFlight);
    const latencyMs = this.#latencyMs(call.meanMs);
    if (inFlight.part !== undefined) this.#interrupt(latencyMs);
    const happen = () => {
      this.#inFlight.delete(inFlight);
      try {
        resolve(effect());
      } catch (error) {
        reject(error);
      }
    };
    this.scheduler.after(owner, latencyMs, call.method, call.path, happen, call.numbers);
    return promise;
  }

  /** For handles: what becomes of a sector that is synced. */
  landing(path: string, file: SectorFile): (sector: number) => Landing {
    return () => {
      if (this.strikes('lost-write', path)) return 'lost';
      if (!this.strikes('misdirected-write', path)) return 'lands';
      return this.fate.stream('misdirected-write where').integer(Math.max(1, Math.ceil(file.bytes / sectorBytes)));
    };
  }

  #interrupt(latencyMs: number): void {
    const action = this.#inWrite;
    this.#inWrite = undefined;
    if (action !== undefined)
      this.scheduler.after(world, latencyMs * 0.9 * this.#latency.float(), 'weather', 'in a write', action);
  }

  #latencyMs(meanMs: number): number {
    const stallMs = this.strikes('disk-stall', '') ? this.#latency.float() * 2_000 : 0;
    return meanMs / 4 + this.#latency.exponential((meanMs * 3) / 4) + stallMs;
  }
}

/** Nobody is there to hear why it failed. */
function attempt(whole: () => void): void {
  try {
    whole();
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
}
