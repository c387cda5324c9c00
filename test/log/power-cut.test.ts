import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Log, LogBoot } from '../../src/log/log.ts';
import { ballotZero, compareBallots } from '../../src/paxos/ballot.ts';
import { faultRandom } from '../support/fault-random.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { accepted, appendChosen, ballot, LogWorld, settle, text } from './log-world.ts';

/** What a replica was told is on disk, and all that it ever asked for. */
class Ledger {
  readonly acknowledged = new Map<number, string>();
  readonly asked = new Set<string>();
  promised = ballotZero;
  lastAsked = 0;
  round = 1;
}

/** Works until the disk fails: appends, promises, learns what is chosen, drops. */
async function work(log: Log, world: LogWorld, ledger: Ledger, random: ReturnType<typeof faultRandom>): Promise<void> {
  const pending: Promise<unknown>[] = [];
  for (let step = 0; step < 40; step += 1) {
    const choice = random.below(10);
    if (choice < 7) {
      ledger.lastAsked += 1;
      const record = accepted(ledger.lastAsked, random.below(3000), ledger.round);
      ledger.asked.add(text(record));
      const appended = log.append([record]).then(() => ledger.acknowledged.set(record.instance, text(record)));
      pending.push(appended.catch(() => undefined));
      if (random.below(2) === 0) await appended;
    } else if (choice === 7) {
      ledger.round += 1;
      const next = ballot(ledger.round);
      await log.promise(next);
      if (compareBallots(next, ledger.promised) > 0) ledger.promised = next;
    } else if (choice === 8) {
      log.chosenTo(log.lastInstance);
    } else {
      world.clock.pass(11);
      await settle();
    }
  }
  await Promise.all(pending);
}

function checkBoot(boot: LogBoot, log: Log, ledger: Ledger): void {
  assert.deepEqual(boot.damaged, [], 'a power cut is never taken for damage');
  assert.equal(boot.promiseLost, false);
  assert.ok(compareBallots(boot.promised, ledger.promised) >= 0, 'a promise never goes back');
  assert.ok(log.lastInstance <= ledger.lastAsked);
}

async function checkRecords(boot: LogBoot, log: Log, ledger: Ledger): Promise<void> {
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

test('after power cuts at any moment, in boot too, what was acknowledged is there and promises stand', async () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const random = faultRandom(seed);
    const world = new LogWorld(new MemoryDisk());
    const ledger = new Ledger();
    let cuts = 0;
    for (let life = 0; life < 6; life += 1) {
      const dieAt = world.memory.callCount + 1 + random.below(life % 2 === 0 ? 150 : 60);
      const death = random.below(2) === 0 ? 'die-before' : 'die-after';
      world.memory.plan = ({ number }) => (number >= dieAt ? death : undefined);
      try {
        const { log, boot } = await world.open();
        checkBoot(boot, log, ledger);
        await checkRecords(boot, log, ledger);
        // What nobody acknowledged may be gone: a group of one proposes from there.
        await log.settleAmbiguous();
        ledger.lastAsked = Math.max(ledger.lastAsked, log.lastInstance);
        await work(log, world, ledger, random);
      } catch (error) {
        if (error instanceof assert.AssertionError) {
          error.message = `seed ${seed}, life ${life}: ${error.message}`;
          throw error;
        }
        cuts += 1;
      }
      if (random.below(4) === 0) world.memory.kill();
      else world.memory.powerCut(random);
      world.memory.plan = () => undefined;
    }
    assert.ok(cuts > 0, 'the power was cut');
    const { log, boot } = await world.open();
    checkBoot(boot, log, ledger);
    await checkRecords(boot, log, ledger);
  }
});

test('a group of one comes up after the power was cut in any disk call of a boot, twice in a row', async () => {
  const prepared = new LogWorld();
  const { log } = await prepared.open();
  await appendChosen(log, 1, 60, 900);
  await Promise.all([61, 62, 63].map((instance) => log.append([accepted(instance, 700)])));
  prepared.memory.kill();
  const fresh = new LogWorld(prepared.memory.clone());
  const before = fresh.memory.callCount;
  await fresh.open();
  const callsOfBoot = fresh.memory.callCount - before;
  assert.ok(callsOfBoot > 20);
  for (let call = 1; call <= callsOfBoot; call += 1) {
    for (const death of ['die-before', 'die-after'] as const) {
      const world = new LogWorld(prepared.memory.clone());
      for (const times of [1, 2]) {
        const dieAt = world.memory.callCount + call;
        world.memory.plan = ({ number }) => (number >= dieAt ? death : undefined);
        await world.open().catch(() => undefined);
        world.memory.powerCut(faultRandom(call * 10 + times));
      }
      world.memory.plan = () => undefined;
      const { boot, log: booted } = await world.open();
      assert.equal(booted.lastInstance, 63, `call ${call} ${death}`);
      assert.ok(boot.chosenTo >= 59);
      assert.deepEqual([boot.damaged.length, boot.cutBytes, boot.cannotTellAbove], [0, 0, undefined]);
    }
  }
});

test('the power may be cut in any disk call of a roll and of dropping', async () => {
  const prepare = async () => {
    const world = new LogWorld();
    const { log } = await world.open();
    await appendChosen(log, 1, 190, 1000);
    await settle();
    return { world, log };
  };
  const act = async (log: Log) => {
    const appended: number[] = [];
    const roll = (async () => {
      for (let instance = 191; instance <= 240; instance += 1) {
        await log.append([accepted(instance, 1000)]);
        log.chosenTo(instance);
        appended.push(instance);
      }
    })();
    await Promise.allSettled([roll, log.dropBelow(130)]);
    return appended;
  };
  const { world, log } = await prepare();
  const before = world.memory.callCount;
  assert.equal((await act(log)).length, 50);
  const calls = world.memory.callCount - before;
  for (let call = 1; call <= calls; call += 3) {
    const run = await prepare();
    const dieAt = run.world.memory.callCount + call;
    run.world.memory.plan = ({ number }) =>
      number >= dieAt ? (call % 2 === 0 ? 'die-before' : 'die-after') : undefined;
    const appended = await act(run.log);
    run.world.memory.powerCut(faultRandom(call));
    run.world.memory.plan = () => undefined;
    const { boot, log: booted } = await run.world.open({ checkpointInstance: 130 });
    assert.ok(booted.lastInstance >= 190 + appended.length, `call ${call}`);
    assert.ok(booted.firstInstance <= 130, `call ${call}`);
    assert.deepEqual(boot.damaged, [], `call ${call}`);
    assert.ok(boot.chosenTo >= 189 + appended.length - 1, `call ${call}: ${boot.chosenTo}`);
    for (const instance of [131, 190])
      assert.equal(text((await booted.read(instance, 1, 1))[0]), text(accepted(instance, 1000)));
  }
});

test('what is known to be chosen is read after a start that moved it to a new segment, with all that was behind it', async () => {
  const world = new LogWorld();
  const { log } = await world.open();
  await log.append([accepted(1)]);
  log.chosenTo(1);
  // One write, of which only the end is missing: its first records are whole, and no sync of them is proved.
  log.chosenTo(2);
  const records = [accepted(2), accepted(3), accepted(4)];
  world.memory.plan = ({ method, path, bytes }) =>
    method === 'write' && path.includes('.segment') && bytes > 100 ? { takes: bytes - 8 } : undefined;
  await assert.rejects(log.append(records));
  world.memory.kill();
  world.memory.plan = () => undefined;
  const { log: booted, boot } = await world.open();
  assert.equal(boot.chosenTo, 2);
  for (const instance of [1, 2, 3]) {
    assert.equal(text((await booted.read(instance, 1, 1_000))[0]), text(accepted(instance)));
  }
});
