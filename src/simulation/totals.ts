import type { SeedRun } from './seed-pool.ts';
import { Coverage } from './world/coverage.ts';

/** Over so many seeds everything that can happen should have happened. */
export const seedsForCoverage = 1_000;

/** What many runs did together. */
export class Totals {
  readonly coverage = new Coverage();
  seeds = 0;
  events = 0;
  operations = 0;
  virtualMs = 0;
  /** Of all processes together, as is `cpuMs`. */
  wallMs = 0;
  cpuMs = 0;
  /** Seeds that were run a second time, in another process. */
  repeated = 0;
  readonly #startedAt = performance.now();

  add({ result, wallMs, cpuMs }: SeedRun): void {
    this.seeds += 1;
    this.events += result.events;
    this.operations += result.operations;
    this.virtualMs += result.virtualMs;
    this.wallMs += wallMs;
    this.cpuMs += cpuMs;
    this.coverage.merge(result.coverage);
  }

  /** Real seconds since the beginning. */
  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1_000;
  }

  get seedsPerSecond(): number {
    return this.seeds / Math.max(this.seconds, 0.001);
  }

  /** For each second of one core's work: what other programs take of the machine does not count. */
  get eventsPerCoreSecond(): number {
    return this.cpuMs === 0 ? 0 : (this.events / this.cpuMs) * 1_000;
  }

  /** How many times quicker than the time in it one run is. */
  get timesReal(): number {
    return this.wallMs === 0 ? 0 : this.virtualMs / this.wallMs;
  }

  /** What could have been reached and was not, once there were enough seeds to say so. */
  holes(): string[] {
    return this.seeds < seedsForCoverage ? [] : this.coverage.zeros();
  }
}
