import assert from 'node:assert/strict';
import type { Log, LogBoot, LogRecord } from '../../../src/log/log.ts';
import { ballotZero, compareBallots } from '../../../src/paxos/ballot.ts';
import { ballot } from '../../log/log-world.ts';

interface Asked {
  readonly round: number;
  readonly value: string;
}

/**
 * What a log said over all its lives, all that it was ever asked for, and what is chosen: as Paxos would have it, one
 * value a ballot and instance, and from the choice on one value for good.
 */
export class LogLedger {
  /** By instance, in the order in which they were asked for. */
  readonly #asked = new Map<number, Asked[]>();
  /** By instance: the newest of those that are on disk, as the log said. */
  readonly #acknowledged = new Map<number, number>();
  readonly #chosen = new Map<number, string>();
  /** By instance: what the log of this life decides for. */
  #held = new Map<number, string>();
  promised = ballotZero;
  lastAsked = 0;
  /** Everything up to here is known to be chosen. */
  toldTo = 0;
  checkpoint = 0;
  boots = 0;

  get acknowledgedCount(): number {
    return this.#acknowledged.size;
  }

  /** A vote: a ballot has one value for an instance, and a chosen one is the only one. */
  vote(instance: number, round: number): LogRecord {
    return this.#ask('accepted', instance, round, this.#chosen.get(instance) ?? textOfVote(instance, round));
  }

  /** Others chose: what this one voted for at the ballot, or something that it never heard of. */
  learn(instance: number, round: number): LogRecord {
    const own = this.#asked.get(instance)?.find((asked) => asked.round === round);
    const value = this.#chosen.get(instance) ?? own?.value ?? `learned ${instance}`;
    this.#chosen.set(instance, value);
    return this.#ask('chosen', instance, round, value);
  }

  /**
   * What was asked for last is chosen.
   * @returns whether the log holds just that
   */
  choose(instance: number): boolean {
    const last = this.#asked.get(instance)?.at(-1);
    assert.ok(last !== undefined, 'what is chosen was asked for');
    if (!this.#chosen.has(instance)) this.#chosen.set(instance, last.value);
    return this.#held.get(instance) === this.#chosen.get(instance);
  }

  /** The record that was asked for last is on disk. */
  acknowledge(instance: number, count: number): void {
    this.#acknowledged.set(instance, Math.max(count, this.#acknowledged.get(instance) ?? 0));
  }

  countAsked(instance: number): number {
    return this.#asked.get(instance)?.length ?? 0;
  }

  check(boot: LogBoot): void {
    assert.deepEqual(boot.damaged, [], 'a crash is never taken for damage');
    assert.equal(boot.promiseLost, false);
    assert.ok(compareBallots(boot.promised, this.promised) >= 0, 'a promise never goes back');
    assert.ok(boot.lastInstance <= this.lastAsked);
    assert.ok(boot.chosenTo >= this.checkpoint && boot.firstInstance <= this.checkpoint + 1);
    for (let instance = 1; instance <= boot.chosenTo; instance += 1)
      assert.ok(this.#chosen.has(instance), `${instance}`);
  }

  /** @returns instances of which the log holds nothing */
  async checkRecords(boot: LogBoot, log: Log): Promise<number[]> {
    const found = new Map<number, LogRecord>();
    for (let instance = boot.firstInstance; instance <= boot.chosenTo; instance += 1) {
      const [record] = await log.read(instance, 1, 1);
      assert.equal(record && textOf(record), this.#chosen.get(instance), `instance ${instance} is what was chosen`);
    }
    for (const it of boot.above) {
      if (it.state === 'accepted') found.set(it.record.instance, it.record);
      else assert.ok(!this.#acknowledged.has(it.instance), `instance ${it.instance} can be told`);
    }
    this.#held = new Map([...found].map(([instance, record]) => [instance, textOf(record)]));
    const holes: number[] = [];
    for (let instance = boot.chosenTo + 1; instance <= this.lastAsked; instance += 1) {
      const record = found.get(instance);
      if (record === undefined) holes.push(instance);
      this.#checkRecord(instance, record);
    }
    return holes;
  }

  #checkRecord(instance: number, record: LogRecord | undefined): void {
    const acknowledged = this.#acknowledged.get(instance) ?? 0;
    if (record === undefined) {
      assert.equal(acknowledged, 0, `instance ${instance} is there`);
      return;
    }
    const value = textOf(record);
    const asked = this.#asked.get(instance) ?? [];
    const index = asked.findLastIndex((one) => one.round === record.ballot.round && one.value === value);
    assert.ok(index >= 0, 'only what was asked for is there');
    // What is learned as chosen decides over every vote.
    if (record.kind === 'chosen') assert.equal(value, this.#chosen.get(instance));
    else assert.ok(index + 1 >= acknowledged, `instance ${instance} is as new as it was said to be`);
  }

  #ask(kind: LogRecord['kind'], instance: number, round: number, value: string): LogRecord {
    const asked = this.#asked.get(instance) ?? [];
    this.#asked.set(instance, asked);
    asked.push({ round, value });
    this.#held.set(instance, value);
    this.lastAsked = Math.max(this.lastAsked, instance);
    return { kind, instance, ballot: ballot(round), value: Buffer.from(value) };
  }
}

/** Of all lengths, also such as fill several sectors. */
function textOfVote(instance: number, round: number): string {
  return `vote ${instance} at ${round} `.padEnd((instance * 7_919 + round * 104_729) % 3_000, 'x');
}

function textOf({ value }: LogRecord): string {
  return Buffer.from(value).toString();
}
