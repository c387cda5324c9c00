import type { Clock } from '../base/clock.ts';
import type { Observer } from '../base/observer.ts';
import type { ReplicaId } from '../paxos/ballot.ts';
import type { PaxosMessage } from '../paxos/messages.ts';

/** A leader whose clock is further ahead of the voters' median does not stamp its own time. */
const aheadMsMax = 2_000;
/** Once it was, it does again from here on: a clock that is set slowly is told of once. */
const rightAgainMs = 1_000;
/** Of so many answers of a voter the one that was under way for the least time counts. */
const answersKept = 8;

export interface VoterClocksParts {
  readonly self: ReplicaId;
  readonly clock: Clock;
  readonly observer: Observer;
  /** Those who vote now, this replica too, where it does. */
  readonly voters: () => readonly ReplicaId[];
}

/**
 * What the voters' clocks say, as they tell it with their promises and their answers to heartbeats. A time that was
 * stamped once never goes back, so that one leader whose clock is hours ahead would make all later times wrong; what is
 * stamped too early is made up for by itself.
 */
export class VoterClocks {
  readonly #parts: VoterClocksParts;
  /** By voter: how far its wall clock is ahead of the monotonic clock here, as its last answers had it. */
  readonly #offsets = new Map<ReplicaId, number[]>();
  #isAhead = false;

  constructor(parts: VoterClocksParts) {
    this.#parts = parts;
  }

  /** The message as it leaves for another replica: an answer to a leader says what time it is here. */
  withTime(message: PaxosMessage): PaxosMessage {
    if (message.kind !== 'promised' && message.kind !== 'heartbeat-answer') return message;
    return { ...message, time: this.#parts.clock.now() };
  }

  /** A voter's message came. */
  heard(from: ReplicaId, message: PaxosMessage): void {
    if (message.kind !== 'promised' && message.kind !== 'heartbeat-answer') return;
    if (message.time === undefined) return;
    const offsets = this.#offsets.get(from) ?? [];
    offsets.push(message.time - this.#parts.clock.monotonic());
    if (offsets.length > answersKept) offsets.shift();
    this.#offsets.set(from, offsets);
  }

  /** The time to stamp, in milliseconds since 1970: this clock's, or the voters' median where it is far ahead of that. */
  now(): number {
    const own = this.#parts.clock.now();
    const median = this.#median(own);
    const aheadMs = own - median;
    const isAhead = aheadMs > (this.#isAhead ? rightAgainMs : aheadMsMax);
    if (isAhead !== this.#isAhead) this.#tell(isAhead, aheadMs);
    return isAhead ? median : own;
  }

  /** Of this clock and those that were heard of; the earlier of two in the middle. */
  #median(own: number): number {
    const { self, clock, voters } = this.#parts;
    const monotonic = clock.monotonic();
    const times = [own];
    for (const voter of voters()) {
      const offsets = this.#offsets.get(voter);
      if (voter !== self && offsets !== undefined) times.push(Math.floor(Math.max(...offsets) + monotonic));
    }
    times.sort((left, right) => left - right);
    return times[(times.length - 1) >> 1] ?? own;
  }

  #tell(isAhead: boolean, aheadMs: number): void {
    const { observer } = this.#parts;
    this.#isAhead = isAhead;
    if (isAhead) observer.report('warn', 'clock-ahead', { aheadMs });
    else observer.report('info', 'clock-right-again');
  }
}
