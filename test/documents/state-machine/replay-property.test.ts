import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DocumentStateMachine } from '../../../src/documents/document-state-machine.ts';
import type { MachineValue } from '../../../src/statemachine/state-machine.ts';
import { type Model, modelOf } from '../store/model.ts';
import { hex } from '../store/store-contract.ts';
import { historyText, temporaryDirectory } from '../store/temporary.ts';
import { values } from '../store/values.ts';
import { machineIn, replayTo } from './machine.ts';

/** What a replica does between two instances that it applies. */
type Step =
  | { readonly kind: 'apply' }
  /** Replays at most `count` instances, commits, and prunes the tail or not. */
  | { readonly kind: 'replay'; readonly count: number; readonly prune: boolean }
  /** Executes for the checkpoint without a commit. */
  | { readonly kind: 'begin'; readonly count: number }
  | { readonly kind: 'restart' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: 'apply' } as const) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('replay' as const),
      count: fc.integer({ min: 1, max: 9 }),
      prune: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('begin' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' } as const) },
);

/** Plays a replica's steps, then everything that is left; each instance is compared with the model as it is applied. */
async function play(steps: readonly Step[], log: readonly (MachineValue | undefined)[], model: Model): Promise<string> {
  const directory = temporaryDirectory();
  let machine = await machineIn(directory);
  const apply = (lastInstance: number) => {
    while (machine.state.instance < Math.min(lastInstance, log.length)) {
      const instance = machine.state.instance + 1;
      const { fingerprint, outcomes } = machine.execute(instance, log[instance - 1]);
      assert.deepEqual(outcomes, model.outcomes[instance - 1]);
      assert.equal(hex(fingerprint), hex(model.fingerprints[instance - 1]));
    }
  };
  for (const each of steps) {
    if (each.kind === 'apply') apply(machine.state.instance + 1);
    else if (each.kind === 'replay') await replaySome(machine, log, model, each);
    else if (each.kind === 'begin') await beginSome(machine, log, each.count);
    else {
      await machine.close();
      machine = await machineIn(directory);
      assert.ok(machine.state.instance === machine.checkpointInstance());
    }
  }
  apply(log.length);
  checkRows(machine, model);
  await replayTo(machine, log, log.length);
  checkRows(machine, model);
  const head = machine.checkpointHead;
  assert.equal(hex(head.digest), hex(model.digest));
  assert.equal(hex(head.state.chain), hex(model.state.chain));
  assert.equal(hex(head.state.fingerprint), hex(model.state.fingerprint));
  assert.equal(machine.tail.bytes, 0);
  await machine.close();
  return historyText(directory);
}

async function replaySome(
  machine: DocumentStateMachine,
  log: readonly (MachineValue | undefined)[],
  model: Model,
  { count, prune }: { readonly count: number; readonly prune: boolean },
): Promise<void> {
  const first = machine.checkpointInstance() + 1;
  const last = Math.min(machine.state.instance, first + count - 1);
  const executions = [];
  for (let instance = first; instance <= last; instance++) {
    executions.push(machine.executeForCheckpoint(instance, log[instance - 1]));
  }
  const fingerprints = await Promise.all(executions);
  assert.deepEqual(fingerprints.map(hex), model.fingerprints.slice(first - 1, last).map(hex));
  await machine.commitCheckpoint();
  if (prune) machine.checkpointCommitted(machine.checkpointInstance());
}

async function beginSome(machine: DocumentStateMachine, log: readonly (MachineValue | undefined)[], count: number) {
  const first = machine.checkpointInstance() + 1;
  const last = Math.min(machine.state.instance, first + count - 1);
  for (let instance = first; instance <= last; instance++) {
    await machine.executeForCheckpoint(instance, log[instance - 1]);
  }
}

function checkRows(machine: DocumentStateMachine, model: Model): void {
  for (const row of model.rows.values()) assert.deepEqual(machine.row(row.collection, row.documentId), row);
}

test('one log, Replayer paused at random places on each replica: equal results, chain, digest and history bytes', async () => {
  await fc.assert(
    fc.asyncProperty(
      values(25),
      fc.array(fc.array(step, { maxLength: 40 }), { minLength: 2, maxLength: 2 }),
      async (log, replicas) => {
        const model = modelOf(log);
        const expected = model.lines.map((line) => `${line}\n`).join('');
        for (const steps of replicas) assert.equal(await play(steps, log, model), expected);
      },
    ),
    { numRuns: 60 },
  );
});

test('a replica that replays nothing and one that replays everything at once apply the same', async () => {
  await fc.assert(
    fc.asyncProperty(values(30), async (log) => {
      const model = modelOf(log);
      const eager: Step[] = log.flatMap(() => [{ kind: 'apply' }, { kind: 'replay', count: 1, prune: true }]);
      assert.equal(await play(eager, log, model), await play([], log, model));
    }),
    { numRuns: 15 },
  );
});
