import assert from 'node:assert/strict';
import { delay } from '../../../src/base/clock.ts';
import { silentObserver } from '../../../src/base/observer.ts';
import type { Log, LogBoot } from '../../../src/log/log.ts';
import { openLog } from '../../../src/log/open-log.ts';
import { ballotZero, compareBallots } from '../../../src/paxos/ballot.ts';
import type { Hands } from '../../../src/simulation/world/simulated-process.ts';
import { systemHashes } from '../../../src/system/hashes.ts';
import { accepted, ballot, text } from '../../log/log-world.ts';

/** What a log said over all its lives, and all that it was ever asked for. */
export class LogLedger {
  readonly acknowledged = new Map<number, string>();
  readonly asked = new Set<string>();
  readonly refusals: unknown[] = [];
  promised = ballotZero;
  lastAsked = 0;
  round = 1;
  boots = 0;
}

/** The real log on a simulated disk: boots, is checked against the ledger, and works until its process ends. */
export function logProgram(ledger: LogLedger): (hands: Hands) => Promise<Log> {
  return async (hands) => {
    const { log, boot } = await openLog({
      disk: hands.disk,
      directory: '/log',
      identity: 'test-cluster/main',
      checkpointInstance: 0,
      hashes: systemHashes,
      clock: hands.clock,
      observer: silentObserver,
      segmentBytes: 64 * 1024,
      onFailure: hands.exit,
    });
    checkBoot(boot, log, ledger);
    await checkRecords(boot, log, ledger);
    await log.settleAmbiguous();
    ledger.boots += 1;
    ledger.lastAsked = Math.max(ledger.lastAsked, log.lastInstance);
    void work(log, hands, ledger).catch(hands.exit);
    return log;
  };
}

async function work(log: Log, { clock, random }: Hands, ledger: LogLedger): Promise<void> {
  for (;;) {
    const choice = random.integer(10);
    if (choice < 7) {
      const bytes = random.integer(3_000);
      if (bytes + 1_000 < log.roomBytes) {
        ledger.lastAsked += 1;
        const record = accepted(ledger.lastAsked, bytes, ledger.round);
        ledger.asked.add(text(record));
        const appended = log.append([record]).then(() => {
          ledger.acknowledged.set(record.instance, text(record));
        });
        if (random.chance(0.5)) await appended;
        // The log says itself that it failed.
        else appended.catch(() => undefined);
      }
    } else if (choice === 7) {
      ledger.round += 1;
      const next = ballot(ledger.round);
      await log.promise(next);
      if (compareBallots(next, ledger.promised) > 0) ledger.promised = next;
    } else if (choice === 8) {
      log.chosenTo(log.lastInstance);
    }
    await delay(clock, random.integer(60));
  }
}

function checkBoot(boot: LogBoot, log: Log, ledger: LogLedger): void {
  assert.deepEqual(boot.damaged, [], 'a crash is never taken for damage');
  assert.equal(boot.promiseLost, false);
  assert.ok(compareBallots(boot.promised, ledger.promised) >= 0, 'a promise never goes back');
  assert.ok(log.lastInstance <= ledger.lastAsked);
}

async function checkRecords(boot: LogBoot, log: Log, ledger: LogLedger): Promise<void> {
  const found = new Map<number, string>();
  for (let instance = boot.firstInstance; instance <= boot.chosenTo; instance += 1) {
    found.set(instance, text((await log.read(instance, 1, 1))[0]));
  }
  for (const it of boot.above) if (it.state === 'accepted') found.set(it.record.instance, text(it.record));
  for (const [instance, record] of ledger.acknowledged) {
    if (instance >= boot.firstInstance) assert.equal(found.get(instance), record, `instance ${instance} is there`);
  }
  for (const record of found.values()) assert.ok(ledger.asked.has(record), 'only what was asked for is there');
}
