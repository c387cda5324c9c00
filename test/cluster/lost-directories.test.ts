import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Name, names, others, RealCluster, until } from './real-cluster.ts';

test('a member that comes back with an empty directory is given no vote, and is told what to do', async (context) => {
  const cluster = await RealCluster.of(context);
  await cluster.start();
  const leader = await cluster.leader();
  const wiped = others(leader)[0];
  assert(wiped !== undefined);
  assert.equal((await cluster.put(leader, 'gaios', {})).status, 201);
  await cluster.server(wiped).kill();
  await rm(cluster.server(wiped).data, { recursive: true });
  cluster.server(wiped).spawn();
  const code = await cluster.server(wiped).exited();
  const { output } = cluster.server(wiped);
  assert.equal(code, 1, output);
  assert.match(output, /not-a-member/);
  assert.match(output, new RegExp(`the group knows ${wiped} with another one`));
  assert.equal((await cluster.put(leader, 'gaios', {})).status, 200);
});

test('two of three come back with empty directories while the third is down: nothing is elected, then or later', async (context) => {
  const cluster = await RealCluster.of(context);
  await cluster.start();
  assert.equal((await cluster.put(await cluster.leader(), 'gaios', {})).status, 201);
  // Each has heard what was chosen, and a moment later its log says so: it can tell those who come back with nothing.
  await cluster.digests();
  await sleep(500);
  for (const name of names) await cluster.server(name).kill();
  for (const name of ['gaios', 'lakka'] as const) {
    await rm(cluster.server(name).data, { recursive: true });
    cluster.server(name).spawn();
  }
  const saysOf = (name: Name, word: string) => until(() => cluster.server(name).output.includes(word), word);
  await saysOf('gaios', '"missing":"loggos"');
  await saysOf('lakka', '"missing":"loggos"');
  cluster.server('loggos').spawn();
  await saysOf('gaios', 'has already begun a group with other data directories');
  await saysOf('lakka', 'not-a-member');
  await sleep(3_000);
  for (const name of names) {
    assert(!cluster.server(name).output.includes('leader-won'), cluster.outputs);
    if (name === 'lakka') continue;
    const refused = await cluster.put(name, 'gaios', { again: true });
    assert.equal(refused.status, 503, `${name}: ${refused.text}`);
  }
});
