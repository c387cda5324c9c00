import { delay } from '../../../src/base/clock.ts';
import { silentObserver } from '../../../src/base/observer.ts';
import type { Log, LogBoot, LogRecord } from '../../../src/log/log.ts';
import { openLog } from '../../../src/log/open-log.ts';
import { compareBallots } from '../../../src/paxos/ballot.ts';
import type { SeededRandom } from '../../../src/simulation/seeded-random.ts';
import type { Hands } from '../../../src/simulation/world/simulated-process.ts';
import { systemHashes } from '../../../src/system/hashes.ts';
import { ballot } from '../../log/log-world.ts';
import type { LogLedger } from './log-ledger.ts';

/** The real log on a simulated disk: boots, is checked against the ledger, and works until its process ends. */
export function logProgram(ledger: LogLedger): (hands: Hands) => Promise<Log> {
  return async (hands) => {
    const { log, boot } = await openLog({
      disk: hands.disk,
      directory: '/log',
      identity: 'test-cluster/main',
      checkpointInstance: ledger.checkpoint,
      hashes: systemHashes,
      clock: hands.clock,
      observer: silentObserver,
      segmentBytes: 64 * 1024,
      onFailure: hands.exit,
    });
    ledger.check(boot);
    const holes = await ledger.checkRecords(boot, log);
    ledger.boots += 1;
    const worker = new LogWorker(log, hands, ledger, boot);
    void worker.run(holes).catch(hands.exit);
    return log;
  };
}

/** One voter's life with its log: votes, learns, promises, knows what is chosen, cleans behind its checkpoint. */
class LogWorker {
  readonly #log: Log;
  readonly #clock: Hands['clock'];
  readonly #random: SeededRandom;
  readonly #ledger: LogLedger;
  #round: number;
  #toldTo: number;
  /** Of all appends so far. */
  #durable: Promise<unknown> = Promise.resolve();

  constructor(log: Log, { clock, random }: Hands, ledger: LogLedger, boot: LogBoot) {
    this.#log = log;
    this.#clock = clock;
    this.#random = random;
    this.#ledger = ledger;
    this.#round = boot.promised.round;
    this.#toldTo = boot.chosenTo;
  }

  async run(holes: readonly number[]): Promise<void> {
    const random = this.#random;
    // A hole is filled by the next leader; until then nothing above it is known to be chosen.
    for (const instance of holes) await this.#append([this.#ledger.vote(instance, this.#round)]);
    if (random.chance(0.5)) await this.#choose(this.#ledger.toldTo);
    if (random.chance(0.5)) await this.#log.settleAmbiguous();
    for (;;) {
      await this.#act(random.integer(12));
      await delay(this.#clock, random.integer(60));
    }
  }

  async #act(choice: number): Promise<void> {
    const { toldTo, lastAsked } = this.#ledger;
    const open = lastAsked > toldTo ? toldTo + 1 + this.#random.integer(lastAsked - toldTo) : undefined;
    if (choice < 6) await this.#append(this.#newVotes());
    else if (choice === 6) await this.#promise();
    else if (choice === 7 && open !== undefined) await this.#append([this.#ledger.vote(open, this.#round)]);
    else if (choice === 8 && open !== undefined) await this.#append([this.#ledger.learn(open, this.#round)]);
    else if (choice === 9 && open !== undefined) await this.#choose(open);
    else if (choice === 10) await this.#clean();
  }

  #newVotes(): LogRecord[] {
    const count = 1 + this.#random.integer(3);
    return Array.from({ length: count }, () => this.#ledger.vote(this.#ledger.lastAsked + 1, this.#round));
  }

  async #append(records: readonly LogRecord[]): Promise<void> {
    const counts = records.map(({ instance }) => this.#ledger.countAsked(instance));
    const appended = this.#log.append(records).then(() => {
      for (const [index, { instance }] of records.entries()) this.#ledger.acknowledge(instance, counts[index] ?? 0);
    });
    this.#durable = Promise.all([this.#durable, appended]);
    if (this.#random.chance(0.5)) await this.#durable;
    // The log says itself that it failed.
    else this.#durable.catch(() => undefined);
  }

  async #promise(): Promise<void> {
    const next = ballot(this.#round + 1);
    await this.#log.promise(next);
    this.#round += 1;
    if (compareBallots(next, this.#ledger.promised) > 0) this.#ledger.promised = next;
  }

  /** What this log lost of it, or never heard of, is learned. */
  async #choose(to: number): Promise<void> {
    const lacking: LogRecord[] = [];
    for (let instance = this.#toldTo + 1; instance <= to; instance += 1)
      if (!this.#ledger.choose(instance)) lacking.push(this.#ledger.learn(instance, this.#round));
    this.#toldTo = Math.max(this.#toldTo, to);
    this.#ledger.toldTo = Math.max(this.#ledger.toldTo, to);
    const appended = lacking.length > 0 ? this.#append(lacking) : undefined;
    this.#log.chosenTo(to);
    await appended;
  }

  /** A checkpoint is made of what can be read from the log: it has nothing that a crash could still take. */
  async #clean(): Promise<void> {
    const { checkpoint } = this.#ledger;
    await this.#durable;
    this.#ledger.checkpoint += this.#random.integer(Math.max(0, this.#toldTo - checkpoint) + 1);
    await this.#log.dropBelow(this.#random.integer(this.#ledger.checkpoint + 1) + 1);
  }
}
