import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { MachineValue } from '../../../src/statemachine/state-machine.ts';
import { applyTo, machineIn, replayTo } from './machine.ts';

// Plays a log on a fresh replica in this process, its Replayer behind by some, and writes down what came of it.
const [logFile = '', directory = '', step = '', resultFile = ''] = process.argv.slice(2);

interface WrittenValue {
  readonly time: number;
  readonly proposals: readonly string[];
}

const written = JSON.parse(readFileSync(logFile, 'utf8')) as (WrittenValue | null)[];
const values = written.map((one): MachineValue | undefined =>
  one === null ? undefined : { time: one.time, proposals: one.proposals.map((text) => Buffer.from(text, 'base64')) },
);

const machine = await machineIn(directory);
const outcomes = createHash('sha256');
for (let done = 0; done < values.length; ) {
  const next = Math.min(values.length, done + Number(step));
  for (let instance = done + 1; instance <= next; instance += 1) {
    const result = machine.execute(instance, values[instance - 1]);
    outcomes.update(result.fingerprint).update(JSON.stringify(result.outcomes));
  }
  done = next;
  const boundary = Math.min(done, machine.checkpointInstance() - (machine.checkpointInstance() % 1_000) + 1_000);
  await replayTo(machine, values, Math.max(machine.checkpointInstance(), boundary - (Number(step) % 7)));
}
while (machine.checkpointInstance() < values.length) {
  const { state } = machine;
  applyTo(machine, values, state.instance);
  const next = machine.checkpointInstance() - (machine.checkpointInstance() % 1_000) + 1_000;
  await replayTo(machine, values, Math.min(values.length, next));
}
const { chain, digest, position } = machine.checkpointFacts();
const fingerprint = Buffer.from(machine.checkpointFingerprint()).toString('hex');
await machine.close();

const history = readdirSync(`${directory}/history`)
  .sort()
  .map((name) => [
    name,
    createHash('sha256')
      .update(readFileSync(`${directory}/history/${name}`))
      .digest('hex'),
  ]);
writeFileSync(
  resultFile,
  JSON.stringify({
    environment: [new Date(1_700_000_000_000).toString(), new Intl.NumberFormat().format(1_234_567.5)],
    result: { chain, digest, position, fingerprint, outcomes: outcomes.digest('hex'), history },
  }),
);
