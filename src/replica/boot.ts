import { LoggosError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { LogBoot } from '../log/log.ts';
import { type Membership, membershipIn } from '../paxos/chosen-value.ts';
import { type CoreBoot, type CoreState, createCore } from '../paxos/core.ts';
import type { NewGroup } from '../paxos/forming.ts';
import { type ChosenMembership, ruling } from '../paxos/membership.ts';
import type { Peer } from '../paxos/peer.ts';
import { isMember } from '../paxos/trust.ts';

/** Who this replica is; `identity.json` has it. */
export interface ReplicaIdentity {
  /** Absent as long as the replica belongs to no cluster: the first chosen membership tells it. */
  readonly clusterId?: string;
  readonly replicaId: number;
  readonly name: string;
  readonly incarnation: string;
}

/** What a core starts from. */
export interface BootFacts {
  readonly identity: ReplicaIdentity;
  readonly log: LogBoot;
  readonly random: Random;
  /** The minimum over the machines. */
  readonly checkpointInstance: number;
  /** From group.json, ascending. */
  readonly memberships: readonly ChosenMembership[];
  /** Of a new group: instance 1 will hold it. */
  readonly initialMembership: Membership | undefined;
  readonly forming: NewGroup | undefined;
  readonly isJoining: boolean;
}

/** The core as it stands at the checkpoint; what the log proves beyond is replayed into it. */
export function bootCore(facts: BootFacts): CoreState {
  const { log, random, checkpointInstance } = facts;
  refuseLostCheckpoint(log, checkpointInstance);
  const above = log.above.filter((found) => instanceOf(found) > checkpointInstance);
  const boot: CoreBoot = {
    self: selfOf(facts),
    random: random.bytes(4).reduce((number, byte) => number * 256 + byte, 0),
    chosenTo: checkpointInstance,
    records: above.flatMap((found) => {
      if (found.state !== 'accepted') return [];
      const { record, maybeSuperseded } = found;
      return [maybeSuperseded === undefined ? record : { ...record, maybeSuperseded }];
    }),
    cannotTell: above.flatMap((found) => {
      if (found.state !== 'cannot-tell') return [];
      const { instance, proof } = found;
      return [{ instance, proof }];
    }),
    memberships: knownMemberships(facts),
    ...(log.cannotTellAbove === undefined
      ? {}
      : { cannotTellAbove: { instance: log.cannotTellAbove, proof: log.cannotTellAboveProof ?? 'damaged' } }),
    ...(facts.forming === undefined || knowsMembership(facts) ? {} : { forming: facts.forming }),
  };
  return createCore(boot);
}

/** Who this replica is to others, in this process. */
function selfOf({ identity, log, random, checkpointInstance }: BootFacts): Peer {
  const { clusterId, replicaId, incarnation } = identity;
  const peer: Peer = {
    replica: replicaId,
    incarnation,
    session: random.bytes(8).reduce((text, byte) => text + byte.toString(16).padStart(2, '0'), ''),
    promised: log.promised,
    lastInstance: Math.max(log.lastInstance, checkpointInstance),
    isDoubtful: hasDoubts(log),
  };
  return clusterId === undefined ? peer : { ...peer, clusterId };
}

/** Whether the log may have held more than it tells. */
function hasDoubts({ above, cannotTellAbove, damaged }: LogBoot): boolean {
  return (
    cannotTellAbove !== undefined ||
    damaged.length > 0 ||
    above.some((found) => found.state === 'cannot-tell' || found.maybeSuperseded !== undefined)
  );
}

/**
 * The Cleaner never gets ahead of the checkpoint. One that ends below what the log begins with was lost or rolled back
 * since: what lies between is nowhere, and would be answered as never written.
 * @throws LoggosError `checkpoint-damaged`
 */
export function refuseLostCheckpoint({ firstInstance, lastInstance }: LogBoot, checkpointInstance: number): void {
  if (firstInstance <= checkpointInstance + 1 || lastInstance <= checkpointInstance) return;
  const facts = { firstInstance, checkpointInstance };
  throw new LoggosError('checkpoint-damaged', 'The log begins after the end of the checkpoint.', facts);
}

/**
 * Whoever is not in the membership under this very incarnation has no vote (A4), and is told so at once unless it waits
 * to be added.
 * @throws LoggosError `wrong-cluster`, `not-a-member`
 */
export function refuseStranger({ clusterId }: ReplicaIdentity, isJoining: boolean, core: CoreState): void {
  const { memberships, learner, self } = core;
  if (memberships.reigns.length === 0) return;
  const { membership } = ruling(memberships, learner.chosenTo + 1);
  if (clusterId !== undefined && membership.clusterId !== clusterId) {
    throw new LoggosError('wrong-cluster', "This data directory is of another cluster than the group's log.");
  }
  // One that was added, and does not rule yet, is a member too.
  if (isMember(core, self) || isJoining) return;
  const facts = { replicaId: self.replica };
  throw new LoggosError('not-a-member', 'This data directory is no member of its group. Join with a new one.', facts);
}

/** Whether nobody else could mend this replica's log. */
export function isAlone({ memberships, learner, self }: CoreState): boolean {
  if (memberships.reigns.length === 0) return false;
  return ruling(memberships, learner.chosenTo + 1).voters.every((voter) => voter === self.replica);
}

/**
 * Why this replica may not vote, and what would be lost; undefined: it may. A client may read it: it names no file.
 * @param isAlone - nobody else could mend the log
 */
export function damageOf(log: LogBoot, isAlone: boolean): string | undefined {
  if (log.promiseLost) return 'Both copies of what this replica promised are unreadable, so it may not vote.';
  const [first] = log.damaged;
  if (first === undefined || !isAlone) return undefined;
  const from = log.chosenTo + 1;
  const lost =
    log.cannotTellAbove === undefined ? `Instances ${from} to ${log.lastInstance}` : `All instances from ${from} on`;
  return `The log is damaged at instance ${first.instance} (${first.what}). ${lost} cannot be proved whole and would be lost.`;
}

/** Entries above the checkpoint are ignored: the log tells them again. The first one is where the group began. */
function knownMemberships(facts: BootFacts): ChosenMembership[] {
  const { memberships, initialMembership, checkpointInstance, forming, isJoining } = facts;
  const [first] = memberships;
  if (first !== undefined) {
    return memberships.filter((entry) => entry === first || entry.instance <= checkpointInstance);
  }
  if (initialMembership !== undefined) return [{ instance: 1, membership: initialMembership }];
  if (forming !== undefined || isJoining) return [];
  throw new LoggosError(
    'not-a-member',
    'This replica knows no membership of its group: start it with the peers of a new one, or join one.',
  );
}

/** Whether the first membership of the group is on this disk already, chosen or not. */
function knowsMembership({ memberships, log }: BootFacts): boolean {
  if (memberships.length > 0 || log.chosenTo > 0) return true;
  return log.above.some((found) => found.state === 'accepted' && membershipIn(found.record.value) !== undefined);
}

function instanceOf(found: LogBoot['above'][number]): number {
  return found.state === 'accepted' ? found.record.instance : found.instance;
}
