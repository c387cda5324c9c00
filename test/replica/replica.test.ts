import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LoggosError } from '../../src/base/errors.ts';
import { encodeChosenValue, type Membership } from '../../src/paxos/chosen-value.ts';
import { bytesOf, ListMachine } from './list-machine.ts';
import { MemoryLog } from './memory-log.ts';
import { bootReplica, identity, membership } from './replica-world.ts';

const isCode = (code: string) => (error: unknown) => error instanceof LoggosError && error.code === code;
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

async function start(log = new MemoryLog(), machine = new ListMachine(), limits = {}) {
  const world = await bootReplica({ log, boot: log.boot(machine.checkpoint), machines: [machine], limits });
  return { ...world, world, log, machine };
}

test('a group of one elects itself, chooses its membership as instance 1 and takes writes', async () => {
  const { replica, memberships, log, machine } = await start();
  assert.equal(replica.state.name, 'running');
  assert.deepEqual(log.writes, ['promise 1.1', 'accepted 1']);
  assert.deepEqual(memberships, [{ instance: 1, membership }]);
  assert.deepEqual(await replica.propose(1, bytesOf('a')), { instance: 2, outcome: 1 });
  assert.deepEqual(machine.executed, [1, 2]);
  await replica.linearizable();
  assert.deepEqual([replica.appliedInstance, replica.maxChosenInstance, replica.minChosenInstance], [2, 2, 1]);
  await replica.stop();
});

test('a restart executes what the log proves, proposes its tail again and keeps every value once', async () => {
  const first = await start();
  for (const text of ['a', 'b', 'c']) await first.replica.propose(1, bytesOf(text));
  await first.replica.stop();

  const log = new MemoryLog(first.log);
  const boot = log.boot();
  assert.deepEqual([boot.chosenTo, boot.above.length], [3, 1], '"c" is accepted, and no later record proves it chosen');
  const { replica, machine, memberships } = await start(log);
  assert.deepEqual(machine.texts, ['a', 'b', 'c']);
  assert.deepEqual(machine.executed, [1, 2, 3, 4, 5], 'and the first instance of the new ballot');
  assert.deepEqual(log.writes, ['promise 2.1', 'accepted 4', 'accepted 5']);
  assert.equal(memberships.length, 1);
  assert.deepEqual(await replica.propose(1, bytesOf('d')), { instance: 6, outcome: 4 });
  assert.equal(replica.ballot.round, 2);
  await replica.stop();
});

test('machines that are ahead of the others are not executed twice; each has every instance once', async () => {
  const before = await start();
  for (const text of ['a', 'b', 'c', 'd']) await before.replica.propose(1, bytesOf(text));
  await before.replica.stop();

  const log = new MemoryLog(before.log);
  const behind = new ListMachine(1, 2, ['a']);
  const ahead = new ListMachine(2, 4);
  const { replica } = await bootReplica({
    log,
    boot: log.boot(2),
    machines: [behind, ahead],
    memberships: [{ instance: 1, membership }],
  });
  assert.deepEqual(behind.executed, [3, 4, 5, 6]);
  assert.deepEqual(behind.texts, ['a', 'b', 'c', 'd']);
  assert.deepEqual(ahead.executed, [5, 6]);
  assert.equal(decode(replica.liveFingerprint(2, 4) ?? bytesOf('')), '2:4:');
  assert.equal(replica.liveFingerprint(2, 3), undefined);
  await replica.stop();
});

test('what waits while the disk syncs becomes one value, with one time that never goes back', async () => {
  const { replica, log, machine, clock } = await start();
  log.hold();
  const first = replica.propose(1, bytesOf('a'));
  await sleep(1);
  const results = [first, ...['b', 'c', 'd'].map((text) => replica.propose(1, bytesOf(text)))];
  log.release();
  const instances = (await Promise.all(results)).map((result) => result.instance);
  assert.deepEqual(instances, [2, 3, 3, 3]);
  clock.offset = -3_600_000;
  await replica.propose(1, bytesOf('e'));
  assert.equal(machine.times.length, 3);
  assert((machine.times[2] ?? 0) >= (machine.times[1] ?? 0));
  await replica.stop();
});

test('a batch is bounded in bytes and count, and a proposal larger than the bound goes alone', async () => {
  const limits = { batchBytesMax: 3_000, batchCountMax: 3 };
  const { replica, log } = await start(new MemoryLog(), new ListMachine(), limits);
  log.hold();
  const sizes = [1, 10, 10, 10, 10, 2_000, 2_000, 5_000, 10];
  const results = sizes.map((size) => replica.propose(1, new Uint8Array(size)));
  log.release();
  const instances = (await Promise.all(results)).map((result) => result.instance);
  assert.deepEqual(instances, [2, 2, 2, 3, 3, 3, 4, 5, 6]);
  await replica.stop();
});

test('two machines share a group: each value is one machine’s, and both see every instance', async () => {
  const log = new MemoryLog();
  const [one, two] = [new ListMachine(1), new ListMachine(2)];
  const { replica } = await bootReplica({ log, boot: log.boot(), machines: [one, two] });
  log.hold();
  const results = [1, 2, 1, 2].map((id, index) => replica.propose(id, bytesOf(`${index}`)));
  log.release();
  await Promise.all(results);
  assert.deepEqual(one.texts, ['0', '2']);
  assert.deepEqual(two.texts, ['1', '3']);
  assert.deepEqual(one.executed, two.executed);
  await assert.rejects(replica.propose(3, bytesOf('x')), isCode('usage'));
  await replica.stop();
});

test('a context is handed to execute on the replica that proposed, and to nobody after a restart', async () => {
  const { replica, machine, log } = await start();
  await replica.propose(1, bytesOf('a'), { context: 'asked by ada' });
  assert.deepEqual(machine.contexts, [['asked by ada']]);
  await replica.stop();
  const again = await start(new MemoryLog(log));
  assert.deepEqual(again.machine.contexts, []);
  await again.replica.stop();
});

test('a value for an unknown machine stops the group, and registering that machine lets it go on', async () => {
  const log = new MemoryLog();
  const both = await bootReplica({ log, boot: log.boot(), machines: [new ListMachine(1), new ListMachine(2)] });
  await both.replica.propose(1, bytesOf('a'));
  await both.replica.propose(2, bytesOf('b'));
  await both.replica.propose(1, bytesOf('c'));
  await both.replica.propose(1, bytesOf('d'));
  await both.replica.stop();

  const again = new MemoryLog(log);
  const one = new ListMachine(1);
  const { replica } = await bootReplica({ log: again, boot: again.boot(), machines: [one] });
  assert.equal(replica.state.name, 'machine-missing');
  assert.match(replica.state.reason, /Instance 3 is for state machine 2/);
  assert.deepEqual(one.texts, ['a']);
  await assert.rejects(replica.propose(1, bytesOf('x')), isCode('stopped'));

  const two = new ListMachine(2);
  await replica.register(two);
  await replica.waitApplied(6);
  await sleep(1);
  assert.equal(replica.state.name, 'running');
  assert.deepEqual([one.texts, two.texts], [['a', 'c', 'd'], ['b']]);
  assert.deepEqual(two.executed, one.executed);
  assert.deepEqual(await replica.propose(2, bytesOf('e')), { instance: 7, outcome: 2 });
  await replica.stop();
});

test('a machine that lacks what the log dropped is refused', async () => {
  const { replica, machine, log } = await start();
  await replica.propose(1, bytesOf('a'));
  machine.checkpoint = 2;
  await replica.dropBelow(2);
  await assert.rejects(replica.register(new ListMachine(2)), isCode('history-trimmed'));
  assert.equal(log.firstInstance, 2);
  await replica.stop();
});

test('a membership is in group.json before its instance counts as applied', async () => {
  const gate = Promise.withResolvers<void>();
  const log = new MemoryLog();
  const booting = bootReplica({
    log,
    boot: log.boot(),
    machines: [new ListMachine()],
    onMembership: () => gate.promise,
  });
  let isBooted = false;
  void booting.then(() => {
    isBooted = true;
  });
  await sleep(5);
  assert.equal(isBooted, false);
  gate.resolve();
  const { replica } = await booting;
  assert.equal(replica.appliedInstance, 1);
  await replica.stop();
});

test('whoever is not in the membership under its own incarnation has no vote', async () => {
  const log = new MemoryLog();
  const boot = (stranger: typeof identity, initialMembership?: Membership) =>
    bootReplica({ log, boot: log.boot(), machines: [new ListMachine()], identity: stranger, initialMembership });
  await assert.rejects(boot({ ...identity, incarnation: '00000000000000bb' }), isCode('not-a-member'));
  await assert.rejects(boot({ ...identity, clusterId: 'other' }), isCode('wrong-cluster'));
  assert.deepEqual(log.writes, []);
});

test('damage above the checkpoint: what was good is served, writes are refused, and it is said what would be lost', async () => {
  const { replica: before, log: old } = await start();
  for (const text of ['a', 'b', 'c']) await before.propose(1, bytesOf(text));
  await before.stop();
  const log = new MemoryLog(old);
  const machine = new ListMachine();
  const boot = {
    ...log.boot(),
    above: [{ state: 'cannot-tell', instance: 4, proof: 'damaged' }] as const,
    damaged: [{ instance: 4, segment: '0000000000000001.segment', offset: 512, what: 'payload checksum' }],
  };
  const { replica } = await bootReplica({ log, boot, machines: [machine] });
  assert.equal(replica.state.name, 'read-only');
  assert.match(replica.state.reason, /damaged at instance 4 \(payload checksum\)\. Instances 4 to \d+ .*would be lost/);
  assert.deepEqual(machine.texts, ['a', 'b']);
  await assert.rejects(replica.propose(1, bytesOf('x')), isCode('log-damaged'));
  await assert.rejects(replica.linearizable(), isCode('log-damaged'));
  assert.deepEqual(log.writes, []);
  await replica.stop();
});

test('a log that rots under a group of one: no more is written than a start would find, what is applied is served', async () => {
  const { replica, log, machine, world } = await start();
  await replica.propose(1, bytesOf('a'));
  log.hold();
  const inFlight = replica.propose(1, bytesOf('b'));
  await sleep(1);
  replica.logRotted(new LoggosError('log-damaged', 'instance 2 cannot be read'));
  assert.equal(replica.state.name, 'read-only');
  assert.match(replica.state.reason, /damaged: instance 2 cannot be read\. .*can be read until this process ends/);
  await assert.rejects(replica.propose(1, bytesOf('c')), isCode('log-damaged'));
  await assert.rejects(replica.linearizable(), isCode('log-damaged'));
  log.release();
  assert.deepEqual(await inFlight, { instance: 3, outcome: 2 });
  assert.deepEqual(machine.texts, ['a', 'b']);
  assert.deepEqual(world.fatal, []);
  await replica.stop();
});

test('a replica that lost its promises does not vote', async () => {
  const log = new MemoryLog();
  const { replica } = await bootReplica({
    log,
    boot: { ...log.boot(), promiseLost: true },
    machines: [new ListMachine()],
  });
  assert.equal(replica.state.name, 'read-only');
  assert.deepEqual(log.writes, []);
  await replica.stop();
});

test('an ambiguous tail is settled once the one voter has answered, and its instance is filled', async () => {
  const { replica: before, log: old } = await start();
  await before.propose(1, bytesOf('a'));
  await before.stop();
  const log = new MemoryLog(old);
  const above = [...log.boot().above, { state: 'cannot-tell', instance: 3, proof: 'ambiguous' }] as const;
  const { replica } = await bootReplica({
    log,
    boot: { ...log.boot(), above, cutBytes: 60 },
    machines: [new ListMachine()],
  });
  assert.equal(replica.state.name, 'running');
  assert.equal(log.settledCount, 1);
  assert.deepEqual(log.writes.slice(1), ['accepted 2', 'accepted 3', 'accepted 4']);
  await replica.stop();
});

test('a vote that may have been superseded is kept where the doubt is only a torn tail', async () => {
  const { replica: before, log: old } = await start();
  await before.propose(1, bytesOf('a'));
  await before.stop();
  const log = new MemoryLog(old);
  const above = log.boot().above.map((found) => ({ ...found, maybeSuperseded: 'ambiguous' as const }));
  const { replica, machine } = await (async () => {
    const machine = new ListMachine();
    return { ...(await bootReplica({ log, boot: { ...log.boot(), above }, machines: [machine] })), machine };
  })();
  assert.deepEqual(machine.texts, ['a']);
  await replica.stop();
});

test('a log that begins after the end of the checkpoint is refused', async () => {
  const { replica: before, log: old } = await start();
  for (const text of ['a', 'b', 'c']) await before.propose(1, bytesOf(text));
  await before.stop();
  const log = new MemoryLog(old);
  log.firstInstance = 3;
  const machines = [new ListMachine(1, 1)];
  await assert.rejects(bootReplica({ log, boot: log.boot(1), machines }), isCode('checkpoint-damaged'));
});

test('a value of a newer release stops the replica before it is applied', async () => {
  const { replica: before, log: old } = await start();
  await before.propose(1, bytesOf('a'));
  await before.stop();
  const log = new MemoryLog(old);
  const ballot = { round: 9, replica: 1, incarnation: identity.incarnation };
  await log.append([{ kind: 'accepted', instance: 3, ballot, value: Uint8Array.of(7, 7) }]);
  await log.promise(ballot);
  const machine = new ListMachine();
  await assert.rejects(bootReplica({ log, boot: log.boot(), machines: [machine] }), /cannot read/);
  assert.deepEqual(machine.texts, ['a']);
});

test('a replica that stops finishes what is under way and refuses the rest', async () => {
  const { replica, log } = await start();
  log.hold();
  const first = replica.propose(1, bytesOf('a'));
  await sleep(1);
  const results = [first, replica.propose(1, bytesOf('b'))];
  const stopping = replica.stop();
  await assert.rejects(replica.propose(1, bytesOf('c')), isCode('stopped'));
  log.release();
  await stopping;
  assert.deepEqual(
    (await Promise.all(results)).map((result) => result.outcome),
    [1, 2],
  );
  await assert.rejects(replica.linearizable(), isCode('stopped'));
});

test('what the disk does not finish in the grace is unknown, and what was never proposed is surely not done', async () => {
  const limits = { stopGraceMs: 10 };
  const { replica, log, machine } = await start(new MemoryLog(), new ListMachine(), limits);
  log.hold();
  const proposed = replica.propose(1, bytesOf('a'));
  await sleep(1);
  const waiting = replica.propose(1, bytesOf('b'));
  const answers = [assert.rejects(proposed, isCode('outcome-unknown')), assert.rejects(waiting, isCode('stopped'))];
  await replica.stop();
  await Promise.all(answers);
  log.release();
  await sleep(2);
  assert.deepEqual(machine.texts, [], 'late promises of a stopped replica do nothing');
});

test('a deadline in flight is answered as unknown, one that waited its turn as busy', async () => {
  const limits = { deadlineSweepMs: 2 };
  const { replica, log, machine } = await start(new MemoryLog(), new ListMachine(), limits);
  log.hold();
  const deadline = performance.now() + 5;
  const proposed = assert.rejects(replica.propose(1, bytesOf('a'), { deadline }), isCode('outcome-unknown'));
  await sleep(1);
  const waiting = assert.rejects(replica.propose(1, bytesOf('b'), { deadline }), isCode('busy'));
  const patient = replica.propose(1, bytesOf('c'));
  await Promise.all([proposed, waiting]);
  log.release();
  assert.deepEqual(await patient, { instance: 3, outcome: 2 });
  assert.deepEqual(machine.texts, ['a', 'c'], 'unknown may be done, busy is not');
  await assert.rejects(replica.waitApplied(99, performance.now() + 3), isCode('position-not-reached'));
  await replica.stop();
});

test('at its limit the queue answers busy', async () => {
  const limits = { waitingBytesMax: 1_000 };
  const { replica, log } = await start(new MemoryLog(), new ListMachine(), limits);
  log.hold();
  const results = ['a', 'b', 'c'].map((text) => replica.propose(1, bytesOf(text)));
  await assert.rejects(replica.propose(1, new Uint8Array(600)), isCode('busy'));
  log.release();
  await Promise.all(results);
  await replica.stop();
});

test('without room in the log a write is refused before anything is proposed, and taken again when there is room', async () => {
  const { replica, log } = await start();
  log.valueBytesMax = 300;
  await assert.rejects(replica.propose(1, new Uint8Array(100)), isCode('body-too-large'));
  log.valueBytesMax = 1e6;
  log.roomBytes = 300;
  await assert.rejects(replica.propose(1, new Uint8Array(100)), isCode('no-room'));
  assert.equal(replica.maxChosenInstance, 1);
  log.roomBytes = 1e6;
  assert.equal((await replica.propose(1, bytesOf('a'))).instance, 2);
  await replica.stop();
});

test('an append that finds no room is tried again until there is', async () => {
  const { replica, log } = await start();
  log.isFull = true;
  const result = replica.propose(1, bytesOf('a'));
  await sleep(20);
  log.isFull = false;
  assert.deepEqual(await result, { instance: 2, outcome: 1 });
  await replica.stop();
});

test('a dead log stops the replica at once: what is in flight is unknown', async () => {
  const { replica, log, fatal } = await start();
  log.failure = new LoggosError('stopped', 'sync failed');
  const result = replica.propose(1, bytesOf('a'));
  await assert.rejects(result, isCode('outcome-unknown'));
  assert.deepEqual(fatal, [log.failure]);
  assert.equal(replica.state.name, 'stopped');
  await assert.rejects(replica.propose(1, bytesOf('b')), isCode('stopped'));
});

test('a machine that fails stops the replica; its failure is nobody’s outcome', async () => {
  const { replica, machine, fatal } = await start();
  machine.failure = new Error('SQLITE_FULL');
  await assert.rejects(replica.propose(1, bytesOf('a')), isCode('outcome-unknown'));
  assert.deepEqual(fatal, [machine.failure]);
  assert.equal(replica.appliedInstance, 1);
});

test('back-pressure: at the tail’s limit writes are refused, from half of it on they are let in more slowly', async () => {
  const { replica, world } = await start();
  const rate = async (pressure: number) => {
    world.pressure = pressure;
    const startedAt = performance.now();
    for (let count = 0; count < 3; count++) await replica.propose(1, new Uint8Array(4_000));
    return performance.now() - startedAt;
  };
  const free = await rate(0.4);
  const slow = await rate(0.99);
  assert(slow > free + 100, `${slow} ms under pressure, ${free} ms without`);
  world.pressure = 1;
  await assert.rejects(replica.propose(1, bytesOf('x')), isCode('busy'));
  world.pressure = 0.1;
  await replica.propose(1, bytesOf('y'));
  await replica.stop();
});

test('checkpoints see what is applied: values, fingerprints and news of progress, never beyond', async () => {
  const { replica, log, machine } = await start();
  const seen: number[] = [];
  const unsubscribe = replica.onApplied((instance) => seen.push(instance));
  for (const text of ['a', 'b']) await replica.propose(1, bytesOf(text));
  unsubscribe();
  await replica.propose(1, bytesOf('c'));
  assert.deepEqual(seen, [2, 3]);
  const ballot = replica.ballot;
  await log.append([{ kind: 'accepted', instance: 5, ballot, value: encodeChosenValue({ kind: 'no-op' }) }]);
  const records = await replica.readChosen(2, 10, 1e6);
  assert.deepEqual(
    records.map((record) => record.instance),
    [2, 3, 4],
  );
  assert.deepEqual(await replica.readChosen(5, 10, 1e6), []);
  assert.equal(decode(replica.liveFingerprint(1, 3) ?? bytesOf('')), '1:3:a,b');
  machine.checkpoint = 3;
  replica.checkpointed(3);
  assert.equal(replica.liveFingerprint(1, 2), undefined);
  assert.notEqual(replica.liveFingerprint(1, 3), undefined);
  await replica.stop();
});

test('reads that come while a round runs wait for the next; each sees what was applied before it came', async () => {
  const { replica, machine } = await start();
  const reads = Promise.all([replica.linearizable(), replica.linearizable()]);
  await replica.propose(1, bytesOf('a'));
  await reads;
  await replica.linearizable(performance.now() + 1000);
  assert.deepEqual(machine.texts, ['a']);
  await replica.stop();
});
