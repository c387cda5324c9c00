import { type Ballot, ballotZero } from '../../src/paxos/ballot.ts';
import type { CannotTellProof } from '../../src/paxos/messages.ts';
import type { InstanceRecord } from '../../src/paxos/outputs.ts';

/** What the disk of one replica holds, and what happened to it. */
export interface Disk {
  readonly incarnation: string;
  promised: Ballot;
  readonly records: Map<number, InstanceRecord>;
  /** What the records on disk say was chosen when the last of them was written. */
  chosenTo: number;
  /** What it executed, once and again: a newer vote of an instance may still be on its way to the disk. */
  readonly executed: Map<number, { readonly ballot: Ballot; readonly value: Uint8Array }>;
  /** The log begins after it. */
  trimmedTo: number;
  /** A restart finds these unreadable. */
  readonly lost: Map<number, CannotTellProof>;
  lostAbove: { readonly instance: number; readonly proof: CannotTellProof } | undefined;
}

export function emptyDisk(incarnation: string): Disk {
  return {
    incarnation,
    promised: ballotZero,
    records: new Map(),
    chosenTo: 0,
    executed: new Map(),
    trimmedTo: 0,
    lost: new Map(),
    lostAbove: undefined,
  };
}

export function copyDisk(disk: Disk): Disk {
  return {
    ...disk,
    records: new Map(disk.records),
    executed: new Map(disk.executed),
    lost: new Map(disk.lost),
  };
}
