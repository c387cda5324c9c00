import type { Ballot, ReplicaId } from './ballot.ts';

/**
 * Who speaks, as said once a connection before anything else, and constant for the life of one process: a replica
 * directory may be lost, copied or taken back to an earlier day, and its word is only as good as its memory (A4).
 */
export interface Peer {
  readonly replica: ReplicaId;
  /** Of the data directory. */
  readonly incarnation: string;
  /** Of the process: random at each boot. */
  readonly session: string;
  /** Absent as long as the replica belongs to no cluster. */
  readonly clusterId?: string;
  /** What it had promised when it booted. */
  readonly promised: Ballot;
  /** The newest instance whose vote, or whose effect, it had on disk when it booted. */
  readonly lastInstance: number;
  /** It knows that a part of its log is unreadable, and answers *cannot tell* for it: less than before is no lie. */
  readonly isDoubtful: boolean;
}
