import type { ErrorCode } from '../../base/errors.ts';
import type { Member, Membership } from '../../paxos/chosen-value.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { Machine } from '../world/machine.ts';
import type { Cluster } from './cluster.ts';
import { codeOf, type SimulatedReplica } from './simulated-replica.ts';

const lookEveryMs = 700;
const changeWithinMs = 3_000;

/** A start that failed so fails again. */
const unmendable: ReadonlySet<ErrorCode> = new Set([
  'not-a-member',
  'checkpoint-damaged',
  'directory-unusable',
  'log-damaged',
]);

/**
 * Who runs the cluster: gives replicas that cannot go on an empty disk and takes them into the group again, learner
 * first; and, where the run has it, removes members and moves the leadership for no reason.
 */
export class Operator {
  readonly #cluster: Cluster;
  readonly #random: SeededRandom;
  readonly #restlessness: number;
  /** For what came later: it moves no draw of the rest. */
  readonly #others: SeededRandom;
  isStopped = false;
  /** No more changes for no reason. */
  isQuiet = false;

  /** @param restlessness - the chance at each look that something is changed for no reason */
  constructor(cluster: Cluster, random: SeededRandom, restlessness: number) {
    this.#cluster = cluster;
    this.#random = random;
    this.#others = random.fork('others');
    this.#restlessness = restlessness;
  }

  async run(): Promise<void> {
    while (!this.isStopped) {
      await this.#cluster.pause(lookEveryMs, 'operator');
      this.#wipeWhoCannotGoOn();
      await this.#tendReplayers();
      const { leader } = this.#cluster;
      const membership = leader?.replica.membership;
      if (leader === undefined || membership === undefined) continue;
      this.#tellTheAtlas(membership);
      const next = this.#repair(membership) ?? (this.#isRestless() ? this.#unrest(leader, membership) : undefined);
      if (next !== undefined) await this.#change(leader, next);
      else if (this.#isRestless()) await this.#stir(leader, membership);
    }
  }

  #isRestless(): boolean {
    return this.#random.chance(this.#restlessness) && !this.isQuiet;
  }

  #wipeWhoCannotGoOn(): void {
    for (const machine of this.#cluster.room.machines) {
      if (this.#cannotGoOn(machine) && this.#mayWipe(machine)) this.#cluster.wipe(machine);
    }
  }

  /** Checkpoints stand still for a while: log and tail grow, and what is cleaned must not. */
  async #tendReplayers(): Promise<void> {
    for (const replica of this.#cluster.running) {
      if (replica.manager.replayer.status.state === 'running') continue;
      if (this.isQuiet || this.#others.chance(0.15)) await this.#configureReplayer(replica, 'running');
    }
    const replica = this.#cluster.running[this.#others.integer(this.#cluster.room.machines.length)];
    if (replica === undefined || this.isQuiet || !this.#others.chance(this.#restlessness)) return;
    await this.#configureReplayer(replica, 'paused');
  }

  async #configureReplayer(replica: SimulatedReplica, state: 'running' | 'paused'): Promise<void> {
    const asked = await this.#cluster.ask(replica, `replayer ${state}`, changeWithinMs, () =>
      replica.manager.configure({ replayer: { state } }),
    );
    if (asked.kind === 'answer') this.#cluster.room.coverage.reached(`replayer ${state}`);
  }

  #cannotGoOn(machine: Machine<SimulatedReplica>): boolean {
    const { running } = machine;
    if (running !== undefined) {
      // A disk that came from elsewhere speaks with another's number.
      if (running.identity.replicaId !== running.place) return true;
      return running.replica.state.name === 'excluded' || running.replica.state.name === 'read-only';
    }
    const code = codeOf(this.#cluster.endOf(machine));
    return code !== undefined && unmendable.has(code);
  }

  /** Never is more lost than the group can bear. */
  #mayWipe({ name, running }: Machine<SimulatedReplica>): boolean {
    const isMember = this.#newest()?.members.some(
      (member) => member.name === name && member.incarnation === running?.identity.incarnation,
    );
    return isMember === false || this.#cluster.room.atlas.claim(name);
  }

  #newest(): Membership | undefined {
    return this.#cluster.leader?.replica.membership;
  }

  #tellTheAtlas({ members }: Membership): void {
    const voters = members.filter(({ role }) => role === 'voter');
    this.#cluster.room.atlas.setVoters(voters.map(({ name }) => name));
  }

  /** One step towards a group of all machines as they are: out with who is gone, in with who is new, up with who is level. */
  #repair(membership: Membership): Membership | undefined {
    const { members } = membership;
    for (const replica of this.#cluster.running) {
      const { identity, place } = replica;
      if (identity.replicaId !== place) continue;
      const member = members.find(({ id }) => id === place);
      if (member === undefined) return { ...membership, members: [...members, learnerOf(replica)] };
      if (member.incarnation !== identity.incarnation) return without(membership, place);
      if (member.role === 'learner') return promoted(membership, place);
    }
    return undefined;
  }

  #unrest(leader: SimulatedReplica, membership: Membership): Membership | undefined {
    const others = membership.members.filter(({ id }) => id !== leader.place);
    if (others.length < 2 || !this.#random.chance(0.5)) return undefined;
    return without(membership, this.#random.pick(others).id);
  }

  async #change(leader: SimulatedReplica, next: Membership): Promise<void> {
    const { room } = this.#cluster;
    const deadline = leader.hands.clock.monotonic() + changeWithinMs;
    const asked = await this.#cluster.ask(leader, 'membership', changeWithinMs, () =>
      leader.replica.changeMembership(next, deadline),
    );
    room.coverage.reached(asked.kind === 'answer' ? 'membership changed' : 'membership not changed');
    this.#notice(asked.kind === 'error' ? asked.error : undefined);
  }

  #stir(leader: SimulatedReplica, membership: Membership): Promise<void> {
    return this.#random.chance(0.3) ? this.#changeSettings(leader) : this.#transfer(leader, membership);
  }

  /** To a number that no run comes near: what it changes is in the fingerprint, and nothing that clients see. */
  async #changeSettings(leader: SimulatedReplica): Promise<void> {
    const settings = { dedupeEntriesMax: 900_000 + this.#random.integer(100_000) };
    const asked = await this.#cluster.ask(leader, 'settings', changeWithinMs, () =>
      leader.write({ kind: 'settings', settings }, changeWithinMs),
    );
    this.#cluster.room.coverage.reached(asked.kind === 'answer' ? 'settings changed' : 'settings not changed');
    this.#notice(asked.kind === 'error' ? asked.error : undefined);
  }

  async #transfer(leader: SimulatedReplica, { members }: Membership): Promise<void> {
    const others = members.filter(({ id, role }) => role === 'voter' && id !== leader.place);
    if (others.length === 0) return;
    const to = this.#random.pick(others).id;
    const deadline = leader.hands.clock.monotonic() + changeWithinMs;
    const asked = await this.#cluster.ask(leader, 'transfer', changeWithinMs, () =>
      leader.replica.transferLeadership(to, deadline),
    );
    this.#cluster.room.coverage.reached(asked.kind === 'answer' ? 'leadership moved' : 'leadership not moved');
    this.#notice(asked.kind === 'error' ? asked.error : undefined);
  }

  #notice(error: unknown): void {
    if (error !== undefined && codeOf(error) === undefined) this.#cluster.failure ??= error;
  }
}

function learnerOf({ identity, hands }: SimulatedReplica): Member {
  const { replicaId, name, incarnation } = identity;
  return { id: replicaId, name, incarnation, role: 'learner', address: hands.machine };
}

function promoted(membership: Membership, id: number): Membership {
  const members = membership.members.map((member) =>
    member.id === id ? { ...member, role: 'voter' as const } : member,
  );
  return { ...membership, members };
}

function without(membership: Membership, id: number): Membership {
  return { ...membership, members: membership.members.filter((member) => member.id !== id) };
}
