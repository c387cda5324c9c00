import type { RunSeed, SeedOptions, SeedResult } from '../../src/simulation/seed-result.ts';
import { SeededRandom } from '../../src/simulation/seeded-random.ts';
import { drawDials, presentFaults, withFaults } from '../../src/simulation/world/dials.ts';
import { MachineRoom } from '../../src/simulation/world/machine-room.ts';
import { Weather } from '../../src/simulation/world/weather.ts';
import { counterProgram, type Running } from './world/counter-program.ts';

const names = ['aalto', 'koski', 'lakka'];

/** Seeds at which the process itself goes wrong, for tests of who looks after it. */
export const strangeSeeds = { crash: 900_001, exit: 900_002, hang: 900_003, memory: 900_004, unrepeatable: 900_005 };

/**
 * Three machines of a small program for five seconds of their time, as a stand-in for Loggos: an operation is a note in
 * the trace. The rule that can be broken is that a plant named `answer-before-sync` and a process's end go together.
 */
export const runSmallSeed: RunSeed = async (options) => {
  goWrong(options.seed);
  const drawn = drawDials(new SeededRandom(options.seed));
  const off = Object.fromEntries((options.without ?? []).map((kind) => [kind, 0]));
  const dials = withFaults(drawn, off);
  const room = new MachineRoom<Running>({ seed: options.seed, dials });
  for (const name of names) room.addMachine(name).start(counterProgram(names));
  new Weather(room).begin();
  let ends = 0;
  for (const name of names) room.machine(name).onEnd(() => (ends += 1));
  const operationsMax = Math.min(options.operationsMax ?? 40, 40);
  let operations = 0;
  let message: string | undefined;
  while (operations < operationsMax && message === undefined) {
    operations += 1;
    room.scheduler.note({ name: 'client', state: 'running' }, 'operation', operations);
    await room.run({ untilMs: operations * 125 });
    if (ends > 0 && options.plant === 'answer-before-sync') message = `acknowledged-missing: ${ends} ends`;
  }
  const failure = message === undefined ? undefined : { message, trace: room.scheduler.traceLines() };
  return resultOf(options, room, operations, failure);
};

function resultOf(
  options: SeedOptions,
  room: MachineRoom<Running>,
  operations: number,
  failure: SeedResult['failure'],
): SeedResult {
  const unrepeatable = options.seed === strangeSeeds.unrepeatable ? String(process.pid) : '';
  return {
    seed: options.seed,
    replicas: 3,
    traceHash: room.scheduler.traceHash + unrepeatable,
    events: room.scheduler.eventCount,
    virtualMs: room.scheduler.nowMs,
    operations,
    faults: presentFaults(room.fate.dials),
    coverage: room.coverage.counts(),
    ...(failure !== undefined && { failure }),
    ...(options.traceLines !== undefined && { trace: room.scheduler.traceLines() }),
  };
}

function goWrong(seed: number): void {
  if (seed === strangeSeeds.crash) setImmediate(() => Promise.reject(new Error('nobody catches this')));
  if (seed === strangeSeeds.exit) process.exit(9);
  while (seed === strangeSeeds.hang);
  const eaten: string[][] = [];
  while (seed === strangeSeeds.memory) eaten.push(Array.from({ length: 10_000 }, () => String(Math.random())));
}
