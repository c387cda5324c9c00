import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loggos } from '../support/server-process.ts';

const simulate = (line: string) => loggos('simulate', ...line.split(' '));

test('quiet seeds run on two processes, and what they did is told for people and for programs', async () => {
  const quiet = '--seeds 4 --from 1 --jobs 2 --only none --operations 20';
  const forPeople = await simulate(quiet);
  assert.equal(forPeople.code, 0, forPeople.stdout);
  assert.match(forPeople.stderr, /^seeds from 1 on, in 2 processes$/m);
  assert.match(forPeople.stdout, /^took .* 1 seed was run twice and compared$/m);
  assert.match(forPeople.stdout, /^4 seeds \(.*, 0 failed$/m);
  const { stdout } = await simulate(`${quiet} --json`);
  const report = JSON.parse(stdout);
  assert.deepEqual([report.from, report.seeds, report.repeated, report.failures], [1, 4, 1, []]);
  assert.ok(report.operations > 0 && report.events > report.operations);
});

test('one seed says its trace, the same in this process and in two of its own', async () => {
  const seed = '--seed 7 --replicas 3 --only frame-drop --operations 10 --trace 5';
  const there = await simulate(seed);
  const here = await simulate(`${seed} --here`);
  assert.equal(there.code, 0, there.stdout);
  assert.equal(there.stdout, here.stdout);
  assert.match(there.stdout, /^(?: +\d+\.\d{3} {2}.*\n){5}seed 7: 3 replicas, .*, trace [0-9a-f]+, nothing failed\n$/);
});

test('a mistake in usage is said before anything runs', async () => {
  for (const line of [
    '--seed 1 --seeds 2',
    '--seeds 0',
    '--hours never',
    '--replicas 4',
    '--plant nonsense',
    '--without nonsense',
    '--only kill --without pause',
    '--planted --seed 1',
    '--here',
  ]) {
    const { code, stderr } = await simulate(line);
    assert.equal(code, 2, line);
    assert.match(stderr, /^loggos: [^\n]+\n$/, line);
  }
});
