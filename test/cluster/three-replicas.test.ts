import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { authorityOf } from '../support/certificates.ts';
import { request } from '../support/server-process.ts';
import { type Name, names, others, RealCluster, until } from './real-cluster.ts';

test('three processes with certificates form a group: writes go to the leader, are read at each, and the digests are equal', async (context) => {
  const authority = authorityOf();
  const cluster = await RealCluster.of(context, (name, directory) => {
    const { key, certificate } = authority.issue([name]);
    const files = { certificate, key, authority: authority.certificate };
    return Object.entries(files).flatMap(([what, text]) => {
      writeFileSync(join(directory, `${name}-${what}.pem`), text);
      return [`--peer-${what}`, join(directory, `${name}-${what}.pem`)];
    });
  });
  const early = cluster.server('loggos');
  early.spawn();
  await until(() => early.output.includes('gaios, lakka'), 'it says something');
  assert.match(
    cluster.server('loggos').output,
    /"missing":"gaios, lakka".*waiting-for-peers/,
    'it says for whom it waits',
  );
  await cluster.start();
  const leader = await cluster.leader();
  for (let count = 1; count <= 20; count++) {
    assert.equal((await cluster.put(leader, `city-${count}`, { count })).status, 201);
  }
  const digests = await cluster.digests();
  assert.equal(digests.length, 3);
  assert.equal(new Set(digests).size, 1, digests.join('\n'));
  assert.match(digests[0] ?? '', /^20 /);
  for (const follower of others(leader)) {
    const refused = await cluster.put(follower, 'city-1', {});
    assert.equal(refused.status, 503);
    const { code, leader: named, detail } = JSON.parse(refused.text) as Record<string, string>;
    assert.deepEqual([code, named], ['no-leader', leader]);
    assert.match(detail ?? '', new RegExp(`${leader} leads|Ask ${leader}`));
    assert.notEqual(refused.headers.get('retry-after'), null);
    assert.deepEqual(JSON.parse((await cluster.getLocal(follower, 'city-7')).text), { count: 7 });
    const view = await cluster.view(follower);
    assert.deepEqual([view?.self, view?.leader, view?.members.length], [follower, leader, 3]);
    assert.deepEqual(
      view?.members.map(({ state }) => state),
      ['up', 'up', 'up'],
    );
  }
});

test('kill -9 of the leader: another one leads, nothing acknowledged is missing, and the dead one catches up by its log', async (context) => {
  const cluster = await RealCluster.of(context);
  await cluster.start();
  const acknowledged = new Map<string, number>();
  const write = async (leader: Name, count: number) => {
    const answer = await cluster.put(leader, `city-${count}`, { count });
    if (answer.status === 201) acknowledged.set(`city-${count}`, count);
    return answer.status;
  };
  const first = await cluster.leader();
  for (let count = 1; count <= 50; count++) assert.equal(await write(first, count), 201);
  const inFlight = Promise.allSettled(Array.from({ length: 16 }, (_, index) => write(first, 100 + index)));
  await cluster.server(first).kill();
  const killedAt = performance.now();
  await inFlight;
  const second = await cluster.leader();
  assert.notEqual(second, first);
  assert.equal(await write(second, 200), 201);
  context.diagnostic(`written again after ${Math.round(performance.now() - killedAt)} ms`);
  for (let count = 201; count <= 250; count++) assert.equal(await write(second, count), 201);
  const view = await cluster.view(second);
  for (const end = Date.now() + 10_000; Date.now() < end; await sleep(50)) {
    if ((await cluster.view(second))?.members.find(({ name }) => name === first)?.state === 'down') break;
  }
  assert.equal((await cluster.view(second))?.members.find(({ name }) => name === first)?.state, 'down');
  await cluster.start(first);
  const digests = await cluster.digests();
  assert.equal(digests.length, 3);
  assert.equal(new Set(digests).size, 1, digests.join('\n'));
  for (const name of names) {
    for (const [id, count] of acknowledged) {
      assert.deepEqual(JSON.parse((await cluster.getLocal(name, id)).text), { count }, `${id} at ${name}`);
    }
  }
  assert.equal((await cluster.view(first))?.clusterId, view?.clusterId);
});

test('with a shared secret and without a majority writes are refused in bounded time and local reads answer; all restarted at once, nothing is missing', async (context) => {
  const cluster = await RealCluster.of(context, (name, directory) => {
    writeFileSync(join(directory, `${name}-secret`), 'open sesame, says everyone\n');
    return ['--peer-secret', join(directory, `${name}-secret`)];
  });
  await cluster.start();
  const leader = await cluster.leader();
  assert.equal((await cluster.put(leader, 'gaios', { before: true })).status, 201);
  await cluster.digests();
  const [one, two] = others(leader);
  assert(one !== undefined && two !== undefined);
  await cluster.server(leader).kill();
  await cluster.server(one).kill();
  const asked = performance.now();
  const refused = await cluster.put(two, 'gaios', { alone: true });
  assert.equal(refused.status, 503, refused.text);
  assert(performance.now() - asked < 8_000);
  assert.notEqual(refused.headers.get('retry-after'), null);
  assert.deepEqual(JSON.parse((await cluster.getLocal(two, 'gaios')).text), { before: true });
  await cluster.server(two).kill();
  // Started without a majority it answers all that needs none: what is left is read, looked at and backed up.
  await cluster.start(two);
  assert.deepEqual(JSON.parse((await cluster.getLocal(two, 'gaios')).text), { before: true });
  const view = await cluster.view(two);
  assert.deepEqual([view?.leader, view?.members.length], [null, 3]);
  assert.equal((await request(`${cluster.server(two).url}/v1/snapshots`, { method: 'POST' })).status, 201);
  const still = await cluster.put(two, 'gaios', { alone: true });
  assert.deepEqual([still.status, JSON.parse(still.text).code], [503, 'no-leader']);
  await cluster.start();
  const next = await cluster.leader();
  assert.equal((await cluster.put(next, 'gaios', { after: true })).status, 200);
  const digests = await cluster.digests();
  assert.equal(new Set(digests).size, 1, digests.join('\n'));
});

test('a leader that is told to stop hands its office on before it goes, and the last one stops alone', async (context) => {
  const cluster = await RealCluster.of(context);
  await cluster.start();
  const leader = await cluster.leader();
  assert.equal((await cluster.put(leader, 'gaios', {})).status, 201);
  assert.equal(await cluster.server(leader).end('SIGTERM'), 0);
  assert.match(cluster.server(leader).output, /"handed-over"/);
  const led = await Promise.all(others(leader).map((name) => cluster.view(name)));
  const next = led.find((view) => view?.self === view?.leader)?.leader;
  assert(next !== undefined && next !== null && next !== leader, cluster.outputs);
  assert.equal((await cluster.put(next as Name, 'gaios', {})).status, 200);
  for (const name of others(leader)) assert.equal(await cluster.server(name).end('SIGTERM'), 0, cluster.outputs);
});
