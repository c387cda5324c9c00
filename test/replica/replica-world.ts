import type { Clock } from '../../src/base/clock.ts';
import { silentObserver } from '../../src/base/observer.ts';
import type { Log, LogBoot } from '../../src/log/log.ts';
import type { Membership } from '../../src/paxos/chosen-value.ts';
import type { ReplicaLimits } from '../../src/replica/limits.ts';
import { Replica } from '../../src/replica/replica.ts';
import { Machines } from '../../src/statemachine/machines.ts';
import type { StateMachine } from '../../src/statemachine/state-machine.ts';
import { systemRandom } from '../../src/system/random.ts';

export const identity = { clusterId: 'c', replicaId: 1, name: 'loggos', incarnation: '00000000000000aa' };
export const membership: Membership = {
  clusterId: 'c',
  historyId: 'h',
  members: [{ id: 1, name: 'loggos', incarnation: identity.incarnation, role: 'voter', address: '' }],
};

/** Wall clock and timers of the process; `jump` moves the wall clock. */
export class TestClock implements Clock {
  offset = 0;
  now(): number {
    return Date.now() + this.offset;
  }
  monotonic(): number {
    return performance.now();
  }
  after(delayMs: number, action: () => void): () => void {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  }
}

export interface ReplicaWorld {
  readonly replica: Replica;
  readonly clock: TestClock;
  readonly fatal: unknown[];
  readonly memberships: { instance: number; membership: Membership }[];
  pressure: number;
}

export interface WorldOptions {
  readonly log: Log;
  readonly boot: LogBoot;
  readonly machines: readonly StateMachine[];
  /** What group.json had; a new one is added to it. */
  readonly memberships?: { instance: number; membership: Membership }[];
  readonly initialMembership?: Membership | undefined;
  readonly limits?: Partial<ReplicaLimits>;
  readonly identity?: typeof identity;
  readonly onMembership?: () => Promise<void>;
}

/** A group of one over a log and machines of the test. */
export async function bootReplica(options: WorldOptions): Promise<ReplicaWorld> {
  const clock = new TestClock();
  const fatal: unknown[] = [];
  const memberships = options.memberships ?? [];
  const world = { clock, fatal, memberships, pressure: 0 };
  const replica = await Replica.boot({
    identity: options.identity ?? identity,
    log: options.log,
    boot: options.boot,
    machines: new Machines(options.machines),
    memberships: [...memberships],
    initialMembership: options.initialMembership ?? membership,
    onMembership: async (instance, chosen) => {
      await options.onMembership?.();
      memberships.push({ instance, membership: chosen });
    },
    clock,
    random: systemRandom,
    observer: silentObserver,
    pressure: () => world.pressure,
    onFatal: (error) => fatal.push(error),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  });
  return Object.assign(world, { replica });
}
