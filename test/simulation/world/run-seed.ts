import { SeededRandom } from '../../../src/simulation/seeded-random.ts';
import type { Coverage } from '../../../src/simulation/world/coverage.ts';
import { drawDials } from '../../../src/simulation/world/dials.ts';
import { MachineRoom } from '../../../src/simulation/world/machine-room.ts';
import { Weather } from '../../../src/simulation/world/weather.ts';
import { counterProgram, type Running } from './counter-program.ts';

const names = ['aalto', 'koski', 'lakka'];

/** Three machines in the weather of a seed, for twenty seconds of their time. */
export async function runSeed(seed: number): Promise<{ hash: string; coverage: Coverage; events: number }> {
  const room = new MachineRoom<Running>({ seed, dials: drawDials(new SeededRandom(seed)) });
  for (const name of names) room.addMachine(name).start(counterProgram(names));
  new Weather(room).begin();
  await room.run({ untilMs: 20_000 });
  return { hash: room.scheduler.traceHash, coverage: room.coverage, events: room.scheduler.eventCount };
}
