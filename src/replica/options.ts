import type { Clock } from '../base/clock.ts';
import type { Observer } from '../base/observer.ts';
import type { Random } from '../base/random.ts';
import type { Log, LogBoot } from '../log/log.ts';
import type { Membership } from '../paxos/chosen-value.ts';
import type { CoreState } from '../paxos/core.ts';
import type { NewGroup } from '../paxos/forming.ts';
import type { ChosenMembership } from '../paxos/membership.ts';
import type { PaxosMessage } from '../paxos/messages.ts';
import type { CoreOutput } from '../paxos/outputs.ts';
import type { Peer } from '../paxos/peer.ts';
import type { Machines } from '../statemachine/machines.ts';
import type { ReplicaIdentity } from './boot.ts';
import type { ReplicaLimits } from './limits.ts';
import type { Peers } from './peers.ts';

export interface ReplicaOptions {
  readonly identity: ReplicaIdentity;
  /** The caller's to close, after `stop`. */
  readonly log: Log;
  readonly boot: LogBoot;
  readonly machines: Machines;
  /** From group.json, ascending. */
  readonly memberships: readonly ChosenMembership[];
  /** Of a new group whose members' incarnations are known, as long as group.json has none: instance 1 will hold it. */
  readonly initialMembership?: Membership;
  /** Of a new group whose members know each other's addresses alone, as long as group.json has none. */
  readonly forming?: NewGroup;
  /** It was started to join a group that it may not be a member of yet: it waits to be added. */
  readonly isJoining?: boolean;
  /**
   * Keeps a chosen membership in group.json; its instance is applied only after it resolved. The first one tells the
   * cluster id where the identity has none.
   */
  readonly onMembership: (instance: number, membership: Membership) => Promise<void>;
  /**
   * Opens the ways to the others, once, at start; what they say is handed to `onMessage`, each message in a turn of its
   * own. Absent: nobody else is reached.
   */
  readonly connect?: (self: Peer, onMessage: (from: Peer, message: PaxosMessage) => void) => Peers;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  /** The live tail's bytes divided by their limit. */
  readonly pressure: () => number;
  readonly limits?: Partial<ReplicaLimits>;
  /** Sees the core after each step, and what it said, before that is performed. For the simulator: changes nothing. */
  readonly onStep?: (core: CoreState, outputs: readonly CoreOutput[]) => void;
  /** The replica has stopped by itself after `boot` resolved: the log is dead, a machine failed, or an invariant broke. */
  readonly onFatal: (error: unknown) => void;
}
