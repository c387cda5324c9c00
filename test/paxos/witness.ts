import assert from 'node:assert/strict';
import { type Ballot, compareBallots, type ReplicaId } from '../../src/paxos/ballot.ts';
import { type Membership, membershipIn } from '../../src/paxos/chosen-value.ts';
import type { CoreState } from '../../src/paxos/core.ts';
import type { PaxosMessage } from '../../src/paxos/messages.ts';
import type { Exclusion } from '../../src/paxos/outputs.ts';
import type { Disk } from './disk.ts';
import { ballotText, textOf } from './texts.ts';

/** How long a chosen membership waits before it rules: said here once more, so that a change of it is noticed. */
const window = 16;

/**
 * Sees everything that anybody says and does, and knows what must never happen: two values of one instance, two proposals
 * of one ballot, a word that is not on disk, a read from before it was asked.
 */
export class Witness {
  /** By instance: the value that anyone executed or a quorum voted for. */
  readonly chosen = new Map<number, string>();
  /** Every exclusion, in order. */
  readonly exclusions: Exclusion['kind'][] = [];
  /** Incarnations whose disks are lost. */
  readonly #wiped = new Set<string>();
  readonly #memberships: { readonly instance: number; readonly membership: Membership }[] = [];
  readonly #votes = new Map<string, Set<string>>();
  readonly #proposed = new Map<string, string>();
  /** The newest instance executed by a leader: a client may have been told of it. */
  #acknowledged = 0;
  /** By round: what had been acknowledged when the read was asked. */
  readonly #reads = new Map<number, number>();

  begin(membership: Membership, isChosen: boolean): void {
    this.#memberships.push({ instance: 1, membership });
    if (isChosen) this.chosen.set(1, 'membership');
  }

  onExcluded(id: ReplicaId, incarnation: string, exclusion: Exclusion): void {
    this.exclusions.push(exclusion.kind);
    if (exclusion.kind !== 'removed') return;
    assert(!this.isMember(id, incarnation), 'nobody is told that it was removed who was not');
  }

  /** Says what was chosen before this world began. */
  expect(instance: number, text: string): void {
    this.chosen.set(instance, text);
  }

  /** The voters whose quorum decides an instance: number and incarnation of each. Empty where nobody can know yet. */
  votersOf(instance: number): readonly string[] {
    const ruling = this.#memberships.findLast((one) => one.instance === 1 || one.instance + window <= instance);
    return (ruling?.membership.members ?? [])
      .filter(({ role }) => role === 'voter')
      .map(({ id, incarnation }) => nameOf(id, incarnation));
  }

  /** Whether the group could bear the loss of one more disk, whichever of its memberships rules. */
  mayLose(id: ReplicaId, incarnation: string): boolean {
    const lost = new Set(this.#wiped).add(nameOf(id, incarnation));
    return this.#memberships.slice(-2).every(({ membership }) => {
      const voters = membership.members.filter(({ role }) => role === 'voter');
      const left = voters.filter((member) => !lost.has(nameOf(member.id, member.incarnation)));
      return left.length * 2 > voters.length;
    });
  }

  isMember(id: ReplicaId, incarnation: string): boolean {
    const newest = this.#memberships.at(-1)?.membership.members ?? [];
    return newest.some((member) => member.id === id && member.incarnation === incarnation);
  }

  onWiped(id: ReplicaId, incarnation: string): void {
    this.#wiped.add(nameOf(id, incarnation));
  }

  onRead(round: number): void {
    this.#reads.set(round, this.#acknowledged);
  }

  onReadConfirmed(round: number, instance: number): void {
    assert(instance >= (this.#reads.get(round) ?? Number.NaN), 'a read sees all that was acknowledged before it');
  }

  onExecuted(instance: number, value: Uint8Array, byLeader: boolean): void {
    assert(this.chosen.has(instance), 'nothing is executed before a quorum of its membership has voted for it');
    this.#choose(instance, value);
    if (byLeader) this.#acknowledged = Math.max(this.#acknowledged, instance);
  }

  onSent({ id, core, disk }: { id: number; core: CoreState; disk: Disk }, message: PaxosMessage): void {
    if (message.kind === 'accept') this.#onProposed(message.instance, message.ballot, message.value);
    if (message.kind === 'promised') {
      assert(compareBallots(disk.promised, message.ballot) >= 0, 'a promise is on disk before it is given');
    }
    if (message.kind !== 'accepted' || message.instance <= core.learner.chosenTo) return;
    const record = disk.records.get(message.instance);
    assert(
      record !== undefined && compareBallots(record.ballot, message.ballot) >= 0,
      'a vote is on disk before it is cast',
    );
    if (compareBallots(record.ballot, message.ballot) !== 0) return;
    this.#onVote(nameOf(id, disk.incarnation), message.instance, message.ballot, record.value);
  }

  #onProposed(instance: number, ballot: Ballot, value: Uint8Array): void {
    const key = keyOf(instance, ballot);
    const text = textOf(value);
    assert.equal(text, this.#proposed.get(key) ?? text, 'a ballot proposes one value for an instance');
    this.#proposed.set(key, text);
  }

  /** Whatever a quorum votes for is the one value of its instance. */
  #onVote(voter: string, instance: number, ballot: Ballot, value: Uint8Array): void {
    const key = keyOf(instance, ballot);
    const votes = this.#votes.get(key) ?? new Set();
    this.#votes.set(key, votes.add(voter));
    const membership = instance === 1 ? membershipIn(value) : undefined;
    const voters =
      membership === undefined
        ? this.votersOf(instance)
        : membership.members.map((member) => nameOf(member.id, member.incarnation));
    if (voters.filter((one) => votes.has(one)).length * 2 > voters.length) this.#choose(instance, value);
  }

  #choose(instance: number, value: Uint8Array): void {
    const text = textOf(value);
    assert.equal(text, this.chosen.get(instance) ?? text, `instance ${instance} has one value`);
    if (this.chosen.has(instance)) return;
    this.chosen.set(instance, text);
    const membership = membershipIn(value);
    if (membership === undefined) return;
    this.#memberships.push({ instance, membership });
    this.#memberships.sort((left, right) => left.instance - right.instance);
  }
}

function nameOf(id: ReplicaId, incarnation: string): string {
  return `${id} ${incarnation}`;
}

function keyOf(instance: number, ballot: Ballot): string {
  return `${instance} ${ballotText(ballot)} ${ballot.incarnation}`;
}
