import { assert } from '../base/assert.ts';
import { LoggosError } from '../base/errors.ts';
import type { Observer } from '../base/observer.ts';
import type { CurrentCheckpoint } from '../checkpoint/current.ts';
import type { Identity } from '../checkpoint/identity-file.ts';
import type { DocumentStateMachine } from '../documents/document-state-machine.ts';
import type { Log, LogBoot } from '../log/log.ts';
import type { Member } from '../paxos/chosen-value.ts';
import { Replica } from '../replica/replica.ts';
import type { Machines } from '../statemachine/machines.ts';
import { systemClock } from '../system/clock.ts';
import { systemRandom } from '../system/random.ts';
import type { BootProgress } from './boot-progress.ts';
import type { Configuration } from './configuration.ts';
import { type Damage, isDamage } from './damage.ts';
import type { PeerLinks } from './peer-links.ts';
import type { Peering } from './peering.ts';
import { pressureOf } from './pressure.ts';

/** How long a start waits for a leader before it serves what needs none, in milliseconds: an election takes less. */
const joinWithinMs = 2_000;

/** What a replica stands on, and whom it tells. */
export interface BootReplicaOptions {
  readonly configuration: Pick<Configuration, 'tailBytesMax'>;
  readonly identity: Identity;
  readonly peering?: Peering | undefined;
  readonly links: PeerLinks | undefined;
  readonly current: CurrentCheckpoint;
  readonly machine: DocumentStateMachine;
  readonly machines: Machines;
  readonly log: Log;
  readonly boot: LogBoot;
  readonly damage: Damage;
  readonly observer: Observer;
  readonly progress?: BootProgress | undefined;
  readonly onFatal: (error: unknown) => void;
}

/**
 * Starts the replica: resolves when it leads or follows, or, where it is one of several and nobody leads, when it can serve
 * what needs no quorum.
 * @throws LoggosError `not-a-member` and others where it cannot start
 */
export async function bootReplica(options: BootReplicaOptions): Promise<Replica> {
  const { configuration, identity, peering, links, current, machine, machines, log, boot } = options;
  const { damage, observer, progress, onFatal } = options;
  const { clusterId, replicaId, name, incarnation } = identity;
  const { group } = current.group;
  const historyId = machine.state.histories[0]?.id;
  assert(historyId !== undefined, 'a document machine has a history');
  progress?.at(() => {
    const done = machine.state.instance;
    if (done < boot.chosenTo) return { phase: 'replaying', done, total: boot.chosenTo };
    return { phase: 'joining', missing: links?.missing.join(', ') ?? '' };
  });
  // A write that meets a rotten row: the checkpoint is what is broken, not the process.
  const onBroken = (error: unknown) => (isDamage(error) ? damage.found(error.message) : onFatal(error));
  const replica = Replica.start({
    identity,
    log,
    boot,
    machines,
    memberships: (group?.memberships ?? []).map(({ instance, members }) => ({
      instance,
      membership: { clusterId: group?.clusterId ?? clusterId, historyId, members },
    })),
    ...(peering === undefined
      ? {
          initialMembership: {
            clusterId,
            historyId,
            members: [{ id: replicaId, name, incarnation, role: 'voter', address: '' }],
          },
        }
      : { forming: { peers: peering.founders, clusterId, historyId } }),
    ...(links === undefined ? {} : { connect: (self, onMessage) => links.connect(self, onMessage) }),
    onMembership: async (instance, membership) => {
      refuseReplaced(identity, membership.members, current.group.group === undefined);
      current.group.add(instance, membership);
      await current.group.save();
    },
    clock: systemClock,
    random: systemRandom,
    observer,
    pressure: () => pressureOf(machine, log, configuration.tailBytesMax),
    onFatal: onBroken,
  });
  links?.sayWhoIsMissing(replica.ready);
  const hasOthers = (group?.memberships.at(-1)?.members.length ?? 0) > 1;
  if (!hasOthers) {
    await replica.ready;
    return replica;
  }
  await readyOrAlone(replica, boot.chosenTo);
  // Nobody else waits for it who would be told.
  replica.ready.catch(onBroken);
  return replica;
}

/**
 * Resolves when a replica is ready, or has replayed its log and finds nobody who leads: what needs no quorum does not
 * wait for one, so that whoever is the only one left is read, and backed up.
 */
async function readyOrAlone(replica: Replica, chosenTo: number): Promise<void> {
  const patience = Promise.withResolvers<void>();
  let cancel = (): void => undefined;
  const look = (): void => {
    if (replica.appliedInstance < chosenTo) return;
    forget();
    cancel = systemClock.after(joinWithinMs, patience.resolve);
  };
  const forget = replica.onApplied(look);
  look();
  try {
    await Promise.race([replica.ready, patience.promise]);
  } finally {
    forget();
    cancel();
  }
}

/**
 * A new directory in the place of one that a group knows has no vote in it (A4).
 * @throws LoggosError `not-a-member`
 */
function refuseReplaced({ replicaId, name, incarnation }: Identity, members: readonly Member[], isNew: boolean): void {
  if (!isNew || members.some((member) => member.id === replicaId && member.incarnation === incarnation)) return;
  const what = `This data directory is new, and the group knows ${name} with another one`;
  const advice = 'start it with that. Where it is lost, a new member joins, which this release cannot do yet';
  throw new LoggosError('not-a-member', `${what}: ${advice}.`);
}
