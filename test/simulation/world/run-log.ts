import assert from 'node:assert/strict';
import { DiskError } from '../../../src/base/disk.ts';
import { LoggosError } from '../../../src/base/errors.ts';
import { SeededRandom } from '../../../src/simulation/seeded-random.ts';
import { type Dials, drawDials, quietDials, withFaults } from '../../../src/simulation/world/dials.ts';
import { damagingKinds } from '../../../src/simulation/world/fault-kinds.ts';
import { MachineRoom } from '../../../src/simulation/world/machine-room.ts';
import { Weather } from '../../../src/simulation/world/weather.ts';
import { LogLedger } from './log-ledger.ts';
import { logProgram } from './log-program.ts';

/** Everything of a swarm, but nothing that damages the only copy, and one process at a time: that is a lock's job. */
function dialsOf(seed: number): Dials {
  const random = new SeededRandom(seed);
  const all = seed % 2 === 0 ? drawDials(random) : everything;
  return withFaults(all, Object.fromEntries([...damagingKinds, 'double-start'].map((kind) => [kind, 0])));
}

const everything = withFaults(quietDials, {
  kill: 10,
  'power-cut': 10,
  'boot-crash': 0.3,
  pause: 5,
  'torn-write': 1,
  'full-disk': 10,
  'disk-stall': 0.01,
  'read-error': 0.002,
  'write-error': 0.002,
  'sync-error': 0.002,
  'directory-error': 0.002,
  'short-write': 0.01,
  'cache-eviction': 0.1,
});

/** The real log on one machine for half a minute; throws what the log's own checks find. */
export async function runLog(seed: number) {
  const room = new MachineRoom<unknown>({ seed, dials: dialsOf(seed) });
  const ledger = new LogLedger();
  const machine = room.addMachine('aalto');
  machine.onEnd((_, end) => {
    if (!('reason' in end)) return;
    // A disk that fails stops the log, as it should; anything else was found by a check.
    if (!(end.reason instanceof DiskError || end.reason instanceof LoggosError)) throw end.reason;
  });
  machine.start(logProgram(ledger));
  const weather = new Weather(room);
  weather.begin();
  await room.run({ untilMs: 30_000 });
  weather.calm();
  room.fate.dials = quietDials;
  await room.run({ untilMs: 60_000, until: () => machine.running !== undefined });
  assert.ok(machine.running !== undefined, 'a log whose disk works again opens');
  return { room, ledger };
}
