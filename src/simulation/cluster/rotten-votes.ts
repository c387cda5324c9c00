import { Buffer } from 'node:buffer';
import { recordHeaderBytes } from '../../log/format.ts';
import type { AcceptedInstance } from '../../paxos/messages.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { Machine } from '../world/machine.ts';
import type { MachineRoom } from '../world/machine-room.ts';
import { betweenGroups } from '../world/partitions.ts';
import { world } from '../world/scheduler.ts';
import type { SimulatedReplica } from './simulated-replica.ts';

/** How long a leader has been in office when a minority is cut off, on average. */
const officeMs = 400;
/** How often is looked for a vote that matters, and how long. */
const lookMs = 2;
const looksMax = 1_000;
/** How long those who know better are away afterwards; and a leader is without them, on average. */
const awayMsMax = 5_000;
const rashMs = 300;
/** How often one copy of what the struck one promised rots with the vote; and how much of it says something. */
const promiseChance = 0.4;
const promiseBytes = 36;
/** A shorter value may stand in the log by chance. */
const valueBytesMin = 16;

interface Split {
  readonly leader: Machine<SimulatedReplica>;
  /** Whose vote the leader needs. */
  readonly witness: Machine<SimulatedReplica>;
  /** The other voters of the leader's quorum; together with the witness the rest is one too. */
  readonly others: readonly string[];
  readonly rest: readonly string[];
}

/**
 * In some runs a value is chosen by the least quorum, and one of it ends before it hears so; its vote rots, later ones
 * stay whole, and it comes back to those who never heard of the value, while the others are away. Whoever took the rotten
 * vote for one that was never given would choose another value (A6).
 */
export class RottenVotes {
  readonly #room: MachineRoom<SimulatedReplica>;
  readonly #random: SeededRandom;
  readonly #chance: number;
  #end: (() => void) | undefined;
  #isOver = false;

  constructor(room: MachineRoom<SimulatedReplica>, random: SeededRandom) {
    this.#room = room;
    this.#random = random;
    this.#chance = room.fate.dials.faults['rest-rot'] > 0 && random.chance(0.7) ? 0.3 + random.float() * 0.6 : 0;
  }

  onOffice(place: number): void {
    if (this.#end !== undefined) this.#after(rashMs, 'together again', this.#end);
    else if (this.#random.chance(this.#chance))
      this.#after(officeMs, 'a minority is cut off', () => this.#split(place));
  }

  /** Nothing strikes any more, and nothing lasts. */
  end(): void {
    this.#isOver = true;
    this.#end?.();
  }

  #split(place: number): void {
    const leader = this.#room.machines[place - 1];
    const split = leader === undefined ? undefined : this.#draw(leader);
    if (this.#isOver || this.#end !== undefined || split === undefined) return;
    const { others, rest, witness } = split;
    this.#cut([[split.leader.name, witness.name, ...others], rest]);
    this.#look(split, looksMax);
  }

  /** The witness is a machine that is damaged already, if there is one. */
  #draw(leader: Machine<SimulatedReplica>): Split | undefined {
    const { machines, atlas } = this.#room;
    if (leader.running?.replica.isLeader !== true) return undefined;
    const followers = this.#random.shuffled(machines.filter((machine) => machine !== leader));
    const damaged = atlas.damaged();
    const witness = followers.find(({ name }) => damaged.includes(name)) ?? followers[0];
    if (witness === undefined) return undefined;
    const names = followers.filter((machine) => machine !== witness).map(({ name }) => name);
    const othersCount = Math.floor(machines.length / 2) - 1;
    return { leader, witness, others: names.slice(0, othersCount), rest: names.slice(othersCount) };
  }

  /** Until the witness has a vote for what it does not know to be chosen, while its leader does, and a later one. */
  #look(split: Split, looks: number): void {
    const end = this.#end;
    const vote = voteThatMatters(split);
    if (vote !== undefined) {
      this.#strike(split, vote);
      return;
    }
    this.#room.scheduler.after(world, lookMs, 'rotten vote', 'not yet', () => {
      if (end === undefined || this.#end !== end) return;
      if (looks === 0) end();
      else this.#look(split, looks - 1);
    });
  }

  #strike({ leader, witness, others, rest }: Split, { value }: AcceptedInstance): void {
    const { fate, coverage } = this.#room;
    const rejoin = this.#end;
    const place = placeOf(witness, value);
    if (place === undefined || !fate.allows('rest-rot', witness.name)) {
      rejoin?.();
      return;
    }
    coverage.reached('a vote rots that the next leader needs');
    witness.kill();
    this.#rot(witness, place, value.byteLength);
    // Before the first cut is lifted: what the leader said across it stays unheard.
    const end = this.#cut([
      [leader.name, ...others],
      [witness.name, ...rest],
    ]);
    rejoin?.();
    this.#room.scheduler.after(world, awayMsMax, 'rotten vote', 'together again', end);
  }

  /** Half of the time in the record's header, so that it cannot be told any more of what it was; a promise may rot too. */
  #rot({ disk }: Machine<SimulatedReplica>, { path, offset }: { path: string; offset: number }, bytes: number): void {
    const random = this.#random;
    const from = random.chance(0.5) ? random.integer(bytes) : -1 - random.integer(recordHeaderBytes);
    disk.flipBit(path, (offset + from) * 8);
    const promises = disk.files().filter((file) => /[/]promise[.][ab]$/.test(file));
    if (promises.length > 0 && random.chance(promiseChance)) {
      disk.flipBit(random.pick(promises), random.integer(promiseBytes * 8));
    }
  }

  #cut(groups: readonly (readonly string[])[]): () => void {
    const { fate, network } = this.#room;
    const lift = network.cut(betweenGroups(groups).filter(([from, to]) => !fate.isSheltered(from, to)));
    const end = () => {
      if (this.#end === end) this.#end = undefined;
      lift();
    };
    this.#end = end;
    return end;
  }

  #after(meanMs: number, what: string, action: () => void): void {
    this.#room.scheduler.after(world, this.#random.exponential(meanMs), 'rotten vote', what, action);
  }
}

function voteThatMatters({ leader, witness }: Split): AcceptedInstance | undefined {
  const knowing = leader.running?.watch.core;
  const voter = witness.running?.watch.core;
  if (knowing === undefined || voter === undefined) return undefined;
  const { accepted } = voter.acceptor;
  const votes = [...accepted.values()].filter(
    ({ instance, value }) =>
      instance > voter.learner.chosenTo &&
      instance <= knowing.learner.chosenTo &&
      accepted.has(instance + 1) &&
      value.byteLength >= valueBytesMin,
  );
  return votes.at(-1);
}

/** Where a value stands last in the newest segment of a machine's log that has it. */
function placeOf({ disk }: Machine<SimulatedReplica>, value: Uint8Array): { path: string; offset: number } | undefined {
  for (const path of disk.files().reverse()) {
    const offset = path.endsWith('.segment') ? Buffer.from(disk.bytesOf(path)).lastIndexOf(value) : -1;
    if (offset >= 0) return { path, offset };
  }
  return undefined;
}
