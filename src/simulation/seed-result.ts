import type { PlantedBug } from '../base/planted-bugs.ts';
import type { FaultKind } from './world/fault-kinds.ts';

/** What decides a run, whole. Equal options give equal runs, in every process. */
export interface SeedOptions {
  readonly seed: number;
  /** A defect that is switched on for this run. */
  readonly plant?: PlantedBug;
  /** Fault kinds that do not exist in this run, whatever the seed drew. */
  readonly without?: readonly FaultKind[];
  /** Clients begin no more operations than these, which are the first ones of the whole run. */
  readonly operationsMax?: number;
  /** Else the seed says. */
  readonly replicas?: 3 | 5;
  /** How many of the last lines of the trace are kept. */
  readonly traceLines?: number;
}

/** What a run did, and whether it did anything that must not be. */
export interface SeedResult {
  readonly seed: number;
  readonly replicas: 3 | 5;
  /** Equal in two runs that took the same steps at the same times. */
  readonly traceHash: string;
  readonly events: number;
  readonly virtualMs: number;
  /** Begun by clients. */
  readonly operations: number;
  /** The fault kinds that exist in this run, struck or not. */
  readonly faults: readonly FaultKind[];
  /** How often each fault struck and each rare branch was reached; at 0 what could have been and was not. */
  readonly coverage: Readonly<Record<string, number>>;
  readonly failure?: SeedFailure;
  /** The last lines of the trace, where `traceLines` asked for them: also of a run in which nothing failed. */
  readonly trace?: readonly string[];
}

export interface SeedFailure {
  /** Begins with the word of the rule that was broken, and a colon. May have further lines. */
  readonly message: string;
  /** The last lines of the trace before it. */
  readonly trace: readonly string[];
}

/** One seed from start to verdict. Never rejects for what the run did wrong. One at a time in a process. */
export type RunSeed = (options: SeedOptions) => Promise<SeedResult>;

/**
 * The rule that a failure broke, to tell whether two failures are the same: its word, and for what has no rule of its
 * own also what it says, without its numbers.
 */
export function ruleOf({ message }: SeedFailure): string {
  const [line = ''] = message.split('\n', 1);
  const [word = ''] = line.split(':', 1);
  return word === 'assertion' || word === 'unexpected' ? line.replaceAll(/\d+/g, 'N') : word;
}
