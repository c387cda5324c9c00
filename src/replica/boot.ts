import { LoggosError } from '../base/errors.ts';
import type { LogBoot } from '../log/log.ts';
import type { Membership } from '../paxos/chosen-value.ts';
import { type CoreBoot, type CoreState, createCore } from '../paxos/core.ts';
import { type ChosenMembership, ruling } from '../paxos/membership.ts';

/** Who this replica is; `identity.json` has it. */
export interface ReplicaIdentity {
  readonly clusterId: string;
  readonly replicaId: number;
  readonly name: string;
  readonly incarnation: string;
}

/** What a core starts from. */
export interface BootFacts {
  readonly identity: ReplicaIdentity;
  readonly log: LogBoot;
  /** The minimum over the machines. */
  readonly checkpointInstance: number;
  /** From group.json, ascending. */
  readonly memberships: readonly ChosenMembership[];
  /** Of a new group: instance 1 will hold it. */
  readonly initialMembership: Membership | undefined;
}

/** The core as it stands at the checkpoint; what the log proves beyond is replayed into it. */
export function bootCore(facts: BootFacts): CoreState {
  const { identity, log, checkpointInstance } = facts;
  refuseLostCheckpoint(log, checkpointInstance);
  const above = log.above.filter((found) => instanceOf(found) > checkpointInstance);
  const cannotTell = above.filter((found) => found.state === 'cannot-tell');
  const boot: CoreBoot = {
    self: {
      replica: identity.replicaId,
      incarnation: identity.incarnation,
      session: '',
      clusterId: identity.clusterId,
      promised: log.promised,
      lastInstance: Math.max(log.lastInstance, checkpointInstance),
      isDoubtful: cannotTell.length > 0 || log.cannotTellAbove !== undefined,
    },
    random: 1,
    chosenTo: checkpointInstance,
    records: above.flatMap((found) => {
      if (found.state !== 'accepted') return [];
      const { record, maybeSuperseded } = found;
      return [maybeSuperseded === undefined ? record : { ...record, maybeSuperseded }];
    }),
    cannotTell: cannotTell.map(({ instance, proof }) => ({ instance, proof })),
    memberships: knownMemberships(facts),
  };
  if (log.cannotTellAbove === undefined) return createCore(boot);
  const proof = log.cannotTellAboveProof ?? 'damaged';
  return createCore({ ...boot, cannotTellAbove: { instance: log.cannotTellAbove, proof } });
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

/** Whoever is not in the membership under this very incarnation has no vote (A4). @throws LoggosError */
export function refuseStranger({ clusterId, replicaId, incarnation }: ReplicaIdentity, core: CoreState): void {
  const { membership } = ruling(core.memberships, core.learner.chosenTo + 1);
  if (membership.clusterId !== clusterId) {
    throw new LoggosError('wrong-cluster', "This data directory is of another cluster than the group's log.");
  }
  const isVoter = membership.members.some(
    (member) => member.id === replicaId && member.incarnation === incarnation && member.role === 'voter',
  );
  if (!isVoter) {
    throw new LoggosError('not-a-member', 'This incarnation of the replica is not a voter of its group.', {
      replicaId,
    });
  }
}

/** Why this replica may not vote, and what would be lost; undefined: it may. A client may read it: it names no file. */
export function damageOf(log: LogBoot): string | undefined {
  if (log.promiseLost) return 'Both copies of what this replica promised are unreadable, so it may not vote.';
  const [first] = log.damaged;
  if (first === undefined) return undefined;
  const from = log.chosenTo + 1;
  const lost =
    log.cannotTellAbove === undefined ? `Instances ${from} to ${log.lastInstance}` : `All instances from ${from} on`;
  return `The log is damaged at instance ${first.instance} (${first.what}). ${lost} cannot be proved whole and would be lost.`;
}

/** Entries above the checkpoint are ignored: the log tells them again. The first one is where the group began. */
function knownMemberships({ memberships, initialMembership, checkpointInstance }: BootFacts): ChosenMembership[] {
  const [first] = memberships;
  if (first !== undefined) {
    return memberships.filter((entry) => entry === first || entry.instance <= checkpointInstance);
  }
  if (initialMembership !== undefined) return [{ instance: 1, membership: initialMembership }];
  throw new LoggosError('not-a-member', 'This replica knows no membership of its group.');
}

function instanceOf(found: LogBoot['above'][number]): number {
  return found.state === 'accepted' ? found.record.instance : found.instance;
}
