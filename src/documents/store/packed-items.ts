import { assert } from '../../base/assert.ts';
import type { MachineValue } from '../../statemachine/state-machine.ts';

/** One item of `CheckpointStore.execute`. */
export interface CheckpointItem {
  readonly instance: number;
  readonly value: MachineValue | undefined;
}

/**
 * Items on their way to another thread: all proposals in one buffer, which is moved and not copied. A proposal is often
 * a view into a large buffer of the log, and a clone of a view clones all that is behind it.
 */
export interface PackedItems {
  readonly firstInstance: number;
  /** Undefined: no value of this machine. */
  readonly values: readonly ({ readonly time: number; readonly lengths: readonly number[] } | undefined)[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export function packItems(items: readonly CheckpointItem[]): PackedItems {
  const firstInstance = items[0]?.instance ?? 0;
  let total = 0;
  const values = items.map(({ instance, value }, index) => {
    assert(instance === firstInstance + index, 'items are consecutive instances');
    if (value === undefined) return undefined;
    const lengths = value.proposals.map((proposal) => proposal.byteLength);
    for (const length of lengths) total += length;
    return { time: value.time, lengths };
  });
  const bytes = new Uint8Array(total);
  let offset = 0;
  for (const { value } of items) {
    for (const proposal of value?.proposals ?? []) {
      bytes.set(proposal, offset);
      offset += proposal.byteLength;
    }
  }
  return { firstInstance, values, bytes };
}

/** The proposals are views into the packed buffer. */
export function unpackItems({ firstInstance, values, bytes }: PackedItems): CheckpointItem[] {
  let offset = 0;
  return values.map((value, index) => {
    const instance = firstInstance + index;
    if (value === undefined) return { instance, value };
    const proposals = value.lengths.map((length) => {
      const proposal = bytes.subarray(offset, offset + length);
      offset += length;
      return proposal;
    });
    return { instance, value: { time: value.time, proposals } };
  });
}

const fingerprintBytes = 32;

/** Fingerprints on their way back; the first `coveredCount` items were covered already and have none. */
export interface PackedFingerprints {
  readonly coveredCount: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export function packFingerprints(fingerprints: readonly Uint8Array[]): PackedFingerprints {
  const first = fingerprints.findIndex((fingerprint) => fingerprint.byteLength > 0);
  const coveredCount = first < 0 ? fingerprints.length : first;
  const bytes = new Uint8Array((fingerprints.length - coveredCount) * fingerprintBytes);
  for (let index = coveredCount; index < fingerprints.length; index++) {
    bytes.set(fingerprints[index] ?? [], (index - coveredCount) * fingerprintBytes);
  }
  return { coveredCount, bytes };
}

export function unpackFingerprints({ coveredCount, bytes }: PackedFingerprints): Uint8Array[] {
  const fingerprints: Uint8Array[] = [];
  for (let count = 0; count < coveredCount; count++) fingerprints.push(bytes.subarray(0, 0));
  for (let offset = 0; offset < bytes.byteLength; offset += fingerprintBytes) {
    fingerprints.push(bytes.subarray(offset, offset + fingerprintBytes));
  }
  return fingerprints;
}
