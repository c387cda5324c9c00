import { type ChildProcess, fork } from 'node:child_process';
import { assert } from '../base/assert.ts';
import type { SeedAnswer } from './answer-seeds.ts';
import type { SeedOptions, SeedResult } from './seed-result.ts';

export interface SeedPoolOptions {
  /** How many processes run seeds at the same time. */
  readonly jobs: number;
  /** What each process runs: a file that calls `answerSeeds`. */
  readonly program: URL;
  /** A seed that takes longer in real time has failed. */
  readonly hangMs?: number;
  /** A process that holds more after a seed is replaced by a new one; its heap cannot grow beyond it. */
  readonly memoryMebibytesMax?: number;
}

/** A seed that was run, or that took its process with it. */
export interface SeedRun {
  readonly result: SeedResult;
  readonly wallMs: number;
  readonly cpuMs: number;
  /** In which process, counted from 1. */
  readonly processNumber: number;
}

interface Task {
  readonly options: SeedOptions;
  readonly notIn: number | undefined;
  readonly settle: PromiseWithResolvers<SeedRun>;
}

/** A place for one process, with at most one seed in it. */
interface Place {
  child: ChildProcess | undefined;
  processNumber: number;
  task: Task | undefined;
}

const errorTextMax = 4_000;

/** Runs seeds in processes of their own: one that crashes, hangs or eats all memory is a failure of its seed alone. */
export class SeedPool {
  readonly jobs: number;
  readonly #program: URL;
  readonly #hangMs: number;
  readonly #memoryMebibytesMax: number;
  readonly #places: Place[] = [];
  readonly #waiting: Task[] = [];
  #processes = 0;
  #isClosed = false;

  constructor({ jobs, program, hangMs = 60_000, memoryMebibytesMax = 1_024 }: SeedPoolOptions) {
    assert(jobs >= 1, 'at least one process runs seeds');
    this.jobs = jobs;
    this.#program = program;
    this.#hangMs = hangMs;
    this.#memoryMebibytesMax = memoryMebibytesMax;
    // One more where there is one: a seed that is repeated elsewhere must not cost the process that has compiled all.
    for (let count = 0; count < Math.max(jobs, 2); count += 1) {
      this.#places.push({ child: undefined, processNumber: 0, task: undefined });
    }
  }

  /** Runs a seed as soon as a process is free; `notIn` is the number of a process that must not be the one. */
  run(options: SeedOptions, notIn?: number): Promise<SeedRun> {
    assert(!this.#isClosed, 'a closed pool runs nothing');
    const settle = Promise.withResolvers<SeedRun>();
    this.#waiting.push({ options, notIn, settle });
    this.#handOut();
    return settle.promise;
  }

  /** Ends all processes. What still runs is never answered. */
  close(): void {
    this.#isClosed = true;
    for (const { child } of this.#places) child?.kill('SIGKILL');
  }

  #handOut(): void {
    if (this.#isClosed) return;
    for (const place of this.#places) {
      if (this.#places.filter(({ task }) => task !== undefined).length === this.jobs) return;
      if (place.task !== undefined) continue;
      const index = this.#waiting.findIndex(({ notIn }) => notIn !== place.processNumber);
      const [task] = index === -1 ? [] : this.#waiting.splice(index, 1);
      if (task !== undefined) this.#begin(place, task);
    }
  }

  #begin(place: Place, task: Task): void {
    place.task = task;
    const child = place.child ?? this.#startProcess(place);
    const { processNumber } = place;
    let errorText = '';
    let isHanging = false;
    const watchdog = setTimeout(() => {
      isHanging = true;
      child.kill('SIGKILL');
    }, this.#hangMs);
    const onErrorText = (text: string) => {
      errorText = (errorText + text).slice(-errorTextMax);
    };
    const end = (run: SeedRun) => {
      clearTimeout(watchdog);
      child.removeAllListeners('message').removeAllListeners('close');
      child.stderr?.removeAllListeners('data');
      place.task = undefined;
      task.settle.resolve(run);
      this.#handOut();
    };
    child.stderr?.setEncoding('utf8').on('data', onErrorText);
    child.once('message', (message) => {
      // From a program of this very version, that sends nothing else.
      const { result, wallMs, cpuMs, memoryBytes } = message as SeedAnswer;
      if (memoryBytes > this.#memoryMebibytesMax * 0x10_0000) this.#retire(place);
      end({ result, wallMs, cpuMs, processNumber });
    });
    child.once('close', (code, signal) => {
      const why = isHanging
        ? `hang: no end after ${this.#hangMs / 1_000} s of real time`
        : `crash: the process ended with ${signal ?? `exit code ${code}`}`;
      const result = lostResult(task.options, why, errorText);
      end({ result, wallMs: 0, cpuMs: 0, processNumber });
    });
    // A process that ended just now says so by its end.
    child.send(task.options, () => {});
  }

  #startProcess(place: Place): ChildProcess {
    this.#processes += 1;
    place.processNumber = this.#processes;
    const child = fork(this.#program, {
      // What a run prints goes where the progress goes: standard output is the report's.
      stdio: ['ignore', 2, 'pipe', 'ipc'],
      execArgv: [`--max-old-space-size=${this.#memoryMebibytesMax}`, '--disable-warning=ExperimentalWarning'],
    });
    place.child = child;
    child.once('exit', () => {
      if (place.child === child) place.child = undefined;
    });
    return child;
  }

  #retire(place: Place): void {
    place.child?.kill('SIGKILL');
    place.child = undefined;
  }
}

/** Of a run that took its process with it: nothing of what it did is known. */
function lostResult(options: SeedOptions, message: string, errorText: string): SeedResult {
  const { seed, replicas = 3 } = options;
  const trace = errorText === '' ? [] : errorText.trimEnd().split('\n');
  const nothing = { traceHash: '', events: 0, virtualMs: 0, operations: 0, faults: [], coverage: {} };
  return { seed, replicas, ...nothing, failure: { message, trace } };
}
