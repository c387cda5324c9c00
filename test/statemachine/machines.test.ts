import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvariantError } from '../../src/base/assert.ts';
import { LoggosError } from '../../src/base/errors.ts';
import { Machines } from '../../src/statemachine/machines.ts';
import type { MachineValue, StateMachine } from '../../src/statemachine/state-machine.ts';

interface TinyMachine extends StateMachine {
  readonly seen: string[];
}

/** Notes what it is called with; its outcome of a proposal is the proposal's length. */
function tiny(id: number, checkpoint = 0): TinyMachine {
  const seen: string[] = [];
  return {
    id,
    seen,
    execute(instance, value, context) {
      seen.push(`${instance} ${value === undefined ? '-' : value.proposals.length} ${String(context)}`);
      return { fingerprint: Uint8Array.of(instance), outcomes: (value?.proposals ?? []).map((bytes) => bytes.length) };
    },
    executeForCheckpoint: async (instance) => Uint8Array.of(instance),
    checkpointInstance: () => checkpoint,
    checkpointFingerprint: () => new Uint8Array(32),
    lockCheckpointState: async () => ({ instance: checkpoint }),
    checkpointState: async () => ({ directory: '', files: [] }),
    unlockCheckpointState: async () => undefined,
    loadCheckpointState: async () => undefined,
  };
}

const value: MachineValue = { time: 1, proposals: [Uint8Array.of(1, 2), Uint8Array.of(3)] };
const ignore = () => undefined;
const isUsage = (error: unknown) => error instanceof LoggosError && error.code === 'usage';

test('two machines of one id are refused', () => {
  assert.throws(() => new Machines([tiny(1), tiny(1)]), isUsage);
  const machines = new Machines([tiny(1)]);
  assert.throws(() => machines.register(tiny(1)), isUsage);
});

test('an id is an integer from 1 to 2^31 − 1', () => {
  for (const id of [0, -1, 1.5, Number.NaN, 2 ** 31]) assert.throws(() => new Machines([tiny(id)]), isUsage);
  assert.equal(new Machines([tiny(2 ** 31 - 1)]).has(2 ** 31 - 1), true);
});

test('the effective checkpoint instance is the minimum; one machine without a checkpoint holds back all', () => {
  assert.equal(new Machines([tiny(1, 90), tiny(2, 40)]).checkpointInstance, 40);
  assert.equal(new Machines([tiny(1, 90), tiny(2)]).checkpointInstance, 0);
  assert.equal(new Machines([]).checkpointInstance, 0);
});

test('every machine executes every instance: its own value, or undefined', () => {
  const [one, two] = [tiny(1), tiny(2)];
  const machines = new Machines([one, two]);
  const fingerprints: string[] = [];
  const note = (id: number, fingerprint: Uint8Array) => fingerprints.push(`${id}:${fingerprint[0]}`);
  assert.deepEqual(machines.execute(1, 2, value, 'asked here', note)?.outcomes, [2, 1]);
  assert.equal(machines.execute(2, undefined, undefined, undefined, note), undefined);
  assert.deepEqual(one.seen, ['1 - undefined', '2 - undefined']);
  assert.deepEqual(two.seen, ['1 2 asked here', '2 - undefined']);
  assert.deepEqual(fingerprints, ['1:1', '2:1', '1:2', '2:2']);
});

test('what a checkpoint covers is not executed again', () => {
  const [behind, ahead] = [tiny(1, 4), tiny(2, 6)];
  const machines = new Machines([behind, ahead]);
  assert.equal(machines.execute(5, 2, value, undefined, ignore), undefined, 'its owner has it in the checkpoint');
  machines.execute(6, 1, value, undefined, ignore);
  machines.execute(7, undefined, undefined, undefined, ignore);
  assert.deepEqual(behind.seen, ['5 - undefined', '6 2 undefined', '7 - undefined']);
  assert.deepEqual(ahead.seen, ['7 - undefined']);
});

test('an instance out of order, a value without its machine, and outcomes that are missing are broken invariants', () => {
  const machines = new Machines([tiny(1)]);
  assert.throws(() => machines.execute(2, undefined, undefined, undefined, ignore), InvariantError);
  assert.throws(() => machines.execute(1, 9, value, undefined, ignore), InvariantError);
  const silent = { ...tiny(2), execute: () => ({ fingerprint: new Uint8Array(32), outcomes: [] }) };
  assert.throws(() => new Machines([silent]).execute(1, 2, value, undefined, ignore), InvariantError);
});
