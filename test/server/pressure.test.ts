import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MachineState } from '../../src/documents/machine/types.ts';
import { pressureOf } from '../../src/server/pressure.ts';

const mebibyte = 1024 * 1024;
const tailBytesMax = 4 * mebibyte;

function pressure(facts: { tailPressure?: number; instance: number; checkpoint: number; logBytes?: number }): number {
  const { tailPressure = 0, instance, checkpoint, logBytes = 0 } = facts;
  const machine = { tailPressure, state: { instance } as MachineState, checkpointInstance: () => checkpoint };
  return pressureOf(machine, { bytesFrom: (first) => (first === checkpoint + 1 ? logBytes : 0) }, tailBytesMax);
}

test('events, instances that left none, and log above the checkpoint all count', () => {
  assert.equal(pressure({ tailPressure: 0.4, instance: 7, checkpoint: 7 }), 0, 'level');
  assert.ok(Math.abs(pressure({ tailPressure: 0.4, instance: 8, checkpoint: 7 }) - 0.4) < 0.001);
  assert.ok(pressure({ instance: 20_000, checkpoint: 0 }) > 1, 'many small rejections');
  assert.ok(pressure({ instance: 5_000, checkpoint: 0 }) < 0.5);
  assert.equal(pressure({ instance: 50, checkpoint: 0, logBytes: 16 * mebibyte }), 1, 'few large ones');
});
