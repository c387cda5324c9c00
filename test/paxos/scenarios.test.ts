/**
 * Plays every file of scenarios/: commands, `----`, what the system did. With UPDATE_SCENARIOS=1 the second half is
 * written anew; read that diff before committing it. Commands stand between `;` or line ends:
 *
 *   replicas N · new-group N             N replicas with, without, a membership chosen as instance 1
 *   elect R                              R campaigns; prepares and promises are delivered
 *   campaign R · propose R TEXT · read R ROUND
 *   deliver · deliver/drop/duplicate KIND [to R] [from R]
 *   hold R · sync R                      R's disk answers no sync until told
 *   crash R · tear R · restart R         tear: a crash whose unsynced records may or may not have been answered
 *   damage R INSTANCE · hide R INSTANCE  rot: of one record; of a header, which hides all above the instance
 *   teach R INSTANCE from R              hands over a value that is known to be chosen
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Envelope, PaxosWorld } from './world.ts';

const folder = new URL('scenarios/', import.meta.url);

for (const name of readdirSync(folder)) {
  test(name.replace('.txt', '').replaceAll('-', ' '), () => {
    const file = new URL(name, folder);
    const [story = '', expected = ''] = readFileSync(file, 'utf8').split('----\n');
    const actual = play(story);
    if (process.env.UPDATE_SCENARIOS === '1') writeFileSync(file, `${story}----\n${actual}`);
    else assert.equal(actual, expected);
  });
}

function play(story: string): string {
  const commands = story
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .flatMap((line) => line.split(';'))
    .map((command) => command.trim())
    .filter((command) => command !== '');
  let world: PaxosWorld | undefined;
  for (const command of commands) {
    const [verb = '', first = ''] = command.split(' ');
    if (verb === 'replicas') world = new PaxosWorld(Number(first));
    else if (verb === 'new-group') world = new PaxosWorld(Number(first), false);
    else {
      assert(world !== undefined, 'a scenario begins with its replicas');
      run(world, command.split(' '));
    }
  }
  return world?.trace.map((line) => `${line}\n`).join('') ?? '';
}

function run(world: PaxosWorld, [verb = '', first = '', second = '', ...rest]: string[]): void {
  const replica = Number(first);
  const actions: Record<string, () => void> = {
    campaign: () => world.campaign(replica),
    elect: () => {
      world.campaign(replica);
      world.deliver(({ message }) => message.kind === 'prepare');
      world.deliver(({ message }) => message.kind === 'promised');
    },
    propose: () => world.propose(replica, second),
    read: () => world.input(replica, { kind: 'read', round: Number(second) }),
    deliver: () => world.deliver(first === '' ? undefined : filterOf([first, second, ...rest])),
    drop: () => void world.take(filterOf([first, second, ...rest])),
    duplicate: () => {
      for (const envelope of world.messages.filter(filterOf([first, second, ...rest]))) world.receive(envelope);
    },
    hold: () => {
      world.node(replica).isHeld = true;
    },
    sync: () => {
      world.node(replica).isHeld = false;
      world.sync(replica);
    },
    crash: () => world.crash(replica),
    tear: () => world.crash(replica, true),
    restart: () => world.restart(replica),
    damage: () => world.damage(replica, Number(second)),
    hide: () => {
      world.node(replica).lostAbove = { instance: Number(second), proof: 'damaged' };
    },
    teach: () => world.teach(replica, Number(second), Number(rest[1])),
  };
  const action = actions[verb];
  assert(action !== undefined, `a command is known: ${verb}`);
  action();
}

function filterOf(words: readonly string[]): (envelope: Envelope) => boolean {
  const [kind, ...rest] = words;
  const to = rest.indexOf('to') < 0 ? undefined : Number(rest[rest.indexOf('to') + 1]);
  const from = rest.indexOf('from') < 0 ? undefined : Number(rest[rest.indexOf('from') + 1]);
  return (envelope) =>
    (kind === 'all' || envelope.message.kind === kind) &&
    (to === undefined || envelope.to === to) &&
    (from === undefined || envelope.from === from);
}
