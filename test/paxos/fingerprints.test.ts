import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FingerprintMark } from '../../src/paxos/messages.ts';
import { PaxosWorld } from './world.ts';

test('however many fingerprints of executions come, a digest is kept until the others tell theirs', () => {
  const world = new PaxosWorld(3);
  const { core } = world.node(1);
  const marks = (from: number, ...told: FingerprintMark[]) =>
    world.receive({ from, peer: world.node(from).core.self, to: 1, message: { kind: 'fingerprints', marks: told } });
  const digest = (byte: number): FingerprintMark => ({
    machineId: 1,
    of: 'digest',
    instance: 1_000,
    fingerprint: Uint8Array.of(byte),
  });
  marks(2, digest(1));
  for (let instance = 1_001; instance <= 2_000; instance++) {
    marks(2, { machineId: 1, of: 'execution', instance, fingerprint: Uint8Array.of(7) });
  }
  assert(core.fingerprints.execution.size < 1_000, 'what waits is bounded');
  marks(3, digest(1));
  assert.equal(core.isExcluded, false);
  marks(1, digest(2));
  assert.equal(core.isExcluded, true, 'the two others agreed, and this one differs');
});
