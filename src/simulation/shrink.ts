import { ruleOf, type SeedOptions, type SeedResult } from './seed-result.ts';
import { type FaultKind, faultKindNames } from './world/fault-kinds.ts';

export interface Shrunk {
  /** The smallest run found that breaks the same rule. */
  readonly options: SeedOptions;
  readonly result: SeedResult;
  /** How many runs it took. */
  readonly runs: number;
}

export interface ShrinkOptions {
  readonly options: SeedOptions;
  /** What these options led to: a failure. */
  readonly result: SeedResult;
  readonly run: (options: SeedOptions) => Promise<SeedResult>;
  readonly runsMax: number;
}

/**
 * Looks for a smaller run that breaks the same rule: fewer operations, three replicas, fewer kinds of faults. Greedy: a
 * step that still fails is kept, and nothing is tried twice with other company. The same failure shrinks the same way.
 */
export async function shrink({ options, result, run, runsMax }: ShrinkOptions): Promise<Shrunk> {
  const search = new Search(options, result, run, runsMax);
  await search.halveOperations();
  await search.fewerReplicas();
  await search.dropFaults();
  await search.trimOperations();
  await search.dropFaults();
  return { options: search.options, result: search.result, runs: search.runs };
}

/** The smallest failing run so far, and the steps that make it smaller. */
class Search {
  options: SeedOptions;
  result: SeedResult;
  runs = 0;
  readonly #rule: string | undefined;
  readonly #run: (options: SeedOptions) => Promise<SeedResult>;
  readonly #runsMax: number;

  constructor(
    options: SeedOptions,
    result: SeedResult,
    run: (options: SeedOptions) => Promise<SeedResult>,
    runsMax: number,
  ) {
    this.options = options;
    this.result = result;
    this.#rule = result.failure && ruleOf(result.failure);
    this.#run = run;
    this.#runsMax = runsMax;
  }

  /** Not more than before the failure, whatever is changed next; then half of them, as often as it fails. */
  async halveOperations(): Promise<void> {
    await this.#keep({ operationsMax: this.result.operations });
    while (this.result.operations > 1) {
      if (!(await this.#keep({ operationsMax: this.result.operations >> 1 }))) return;
    }
  }

  /** Takes away a quarter, then an eighth, and so on, as long as it fails without it. */
  async trimOperations(): Promise<void> {
    for (let part = this.result.operations >> 2; part >= 1; part >>= 1) {
      while (this.result.operations > part && (await this.#keep({ operationsMax: this.result.operations - part })));
    }
  }

  async fewerReplicas(): Promise<void> {
    if (this.result.replicas === 5) await this.#keep({ replicas: 3 });
  }

  /** All that never struck at once, then halves of the rest, quarters, and one by one. */
  async dropFaults(): Promise<void> {
    const { faults, coverage } = this.result;
    const idle = faults.filter((kind) => (coverage[kind] ?? 0) === 0);
    if (idle.length > 0) await this.#keepWithout(idle);
    for (let size = this.result.faults.length >> 1; size >= 1; size >>= 1) {
      let kinds = this.result.faults;
      for (let first = 0; first < kinds.length; ) {
        if (await this.#keepWithout(kinds.slice(first, first + size))) kinds = this.result.faults;
        else first += size;
      }
    }
  }

  #keepWithout(kinds: readonly FaultKind[]): Promise<boolean> {
    const off = new Set([...(this.options.without ?? []), ...kinds]);
    return this.#keep({ without: faultKindNames.filter((kind) => off.has(kind)) });
  }

  /** Whether a smaller run still breaks the rule; then it is the one to go on from. */
  async #keep(smaller: Partial<SeedOptions>): Promise<boolean> {
    if (this.runs >= this.#runsMax) return false;
    this.runs += 1;
    const options = { ...this.options, ...smaller };
    const result = await this.#run(options);
    if (result.failure === undefined || ruleOf(result.failure) !== this.#rule) return false;
    this.options = options;
    this.result = result;
    return true;
  }
}

/**
 * The line that repeats a run.
 * @param faults - the kinds that exist in it, where it is known: often they are said more shortly than all others
 */
export function rerunLine(options: SeedOptions, faults = othersThan(options.without)): string {
  const { seed, replicas, operationsMax, without = [], plant } = options;
  const words = ['npm run simulate --', `--seed ${seed}`];
  if (replicas !== undefined) words.push(`--replicas ${replicas}`);
  if (operationsMax !== undefined) words.push(`--operations ${operationsMax}`);
  if (without.length > faults.length) words.push(`--only ${faults.length === 0 ? 'none' : faults.join(',')}`);
  else if (without.length > 0) words.push(`--without ${without.join(',')}`);
  if (plant !== undefined) words.push(`--plant ${plant}`);
  return words.join(' ');
}

/** All other kinds of faults, in their order. */
export function othersThan(kinds: readonly FaultKind[] = []): readonly FaultKind[] {
  return faultKindNames.filter((kind) => !kinds.includes(kind));
}
