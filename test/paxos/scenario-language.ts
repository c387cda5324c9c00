/**
 * The language of scenarios/: commands, `----`, what the system did. Commands stand between `;` or line ends:
 *
 *   replicas N · new-group N · forming N N replicas with a membership chosen as instance 1; with one that all know; with
 *                                        nothing but addresses
 *   newcomer                             another replica with an empty disk, which waits to be added
 *   elect R                              R campaigns; prepares and promises are delivered
 *   campaign R · propose R TEXT · read R ROUND · transfer R to S · mark R INSTANCE TEXT [digest]
 *   may-read R · may-propose R           whether R's core would take it
 *   change R add/promote/remove S        the leader R proposes a membership, or says why not
 *   deliver · deliver/drop/duplicate KIND [to R] [from R]
 *   next KIND [to R] [from R]            delivers the first such message alone
 *   keep-late KIND · late                puts such messages aside; delivers them after all
 *   tick R/all [N] · pass N              time passes for one, for all; and all that is said arrives
 *   hold R · sync R                      R's disk answers no sync until told
 *   cut R S · cut R to S · mend          nothing passes between R and S, or from R to S
 *   crash R · tear R · restart R         tear: a crash whose unsynced records may or may not have been answered
 *   damage R INSTANCE · hide R INSTANCE  rot: of one record; of a header, which hides all above the instance
 *   wipe R · keep R · rollback R         the disk is lost; is copied; is the copy again
 *   trim R INSTANCE · install R from S   the log begins later; R starts again with the checkpoint of S
 *   teach R INSTANCE from R              hands over a value that is known to be chosen
 *   quiet · mute · loud · show           the trace tells deeds, nothing, all; where everybody stands
 */
import assert from 'node:assert/strict';
import { canRead } from '../../src/paxos/core.ts';
import { type Envelope, PaxosWorld } from './world.ts';

/** Plays the commands and tells what happened, a line each. */
export function play(story: string): string {
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
    else if (verb === 'new-group') world = new PaxosWorld(Number(first), 'known');
    else if (verb === 'forming') world = new PaxosWorld(Number(first), 'forming');
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
    newcomer: () => void world.addNewcomer(),
    campaign: () => world.campaign(replica),
    elect: () => elect(world, replica),
    propose: () => world.propose(replica, second),
    read: () => world.read(replica, Number(second)),
    transfer: () => world.input(replica, { kind: 'transfer', to: Number(rest[0]) }),
    mark: () => mark(world, replica, Number(second), rest),
    change: () => change(world, replica, second, Number(rest[0])),
    'may-read': () => {
      world.trace.push(`${replica} may ${canRead(world.node(replica).core) ? '' : 'not '}be asked to read`);
    },
    'may-propose': () => {
      world.trace.push(`${replica} may ${world.canPropose(replica) ? '' : 'not '}propose`);
    },
    deliver: () => world.deliver(first === '' ? undefined : filterOf([first, second, ...rest])),
    next: () => world.deliverFirst(filterOf([first, second, ...rest])),
    drop: () => void world.take(filterOf([first, second, ...rest])),
    duplicate: () => {
      for (const envelope of world.messages.filter(filterOf([first, second, ...rest]))) world.receive(envelope);
    },
    'keep-late': () => void world.late.push(...world.take(filterOf([first, second, ...rest]))),
    late: () => {
      for (const envelope of world.late.splice(0)) world.receive(envelope);
    },
    tick: () => tick(world, first, Number(second === '' ? 1 : second)),
    pass: () => world.pass(Number(first)),
    hold: () => {
      world.node(replica).isHeld = true;
    },
    sync: () => {
      world.node(replica).isHeld = false;
      world.sync(replica);
    },
    cut: () => cut(world, replica, second, Number(rest[0])),
    mend: () => world.mend(),
    crash: () => world.crash(replica),
    tear: () => world.crash(replica, true),
    restart: () => world.restart(replica),
    damage: () => world.damage(replica, Number(second)),
    hide: () => {
      world.node(replica).disk.lostAbove = { instance: Number(second), proof: 'damaged' };
    },
    wipe: () => world.wipe(replica),
    keep: () => world.keepCopy(replica),
    rollback: () => world.rollBack(replica),
    trim: () => world.trim(replica, Number(second)),
    install: () => world.install(replica, Number(rest[0])),
    teach: () => world.teach(replica, Number(second), Number(rest[1])),
    quiet: () => {
      world.loudness = 'deeds';
    },
    mute: () => {
      world.loudness = 'nothing';
    },
    loud: () => {
      world.loudness = 'all';
    },
    show: () => world.trace.push(show(world)),
  };
  const action = actions[verb];
  assert(action !== undefined, `a command is known: ${verb}`);
  action();
}

function elect(world: PaxosWorld, replica: number): void {
  world.campaign(replica);
  world.deliver(({ message }) => message.kind === 'prepare');
  world.deliver(({ message }) => message.kind === 'promised');
}

function tick(world: PaxosWorld, who: string, count: number): void {
  for (let ticked = 0; ticked < count; ticked++) {
    const ids = who === 'all' ? world.nodes.map(({ id }) => id) : [Number(who)];
    for (const id of ids) world.input(id, { kind: 'tick' });
  }
}

function change(world: PaxosWorld, leader: number, kind: string, member: number): void {
  assert(kind === 'add' || kind === 'promote' || kind === 'remove', `a change is known: ${kind}`);
  const refusal = world.changeMembership(leader, kind, member);
  if (refusal !== undefined)
    world.trace.push(`${leader} does not ${kind} ${member}, ${refusal.code}: ${refusal.message}`);
}

function mark(world: PaxosWorld, replica: number, instance: number, [text, digest]: readonly string[]): void {
  const fingerprint = new TextEncoder().encode(text);
  world.input(replica, {
    kind: 'mark',
    mark: { machineId: 1, of: digest === undefined ? 'execution' : 'digest', instance, fingerprint },
  });
}

function cut(world: PaxosWorld, from: number, second: string, last: number): void {
  const to = second === 'to' ? last : Number(second);
  world.cut(from, to);
  if (second !== 'to') world.cut(to, from);
}

/** A line on where everybody stands. */
function show(world: PaxosWorld): string {
  const lines = world.nodes.map(({ id, core, isUp }) => {
    const { leader, election, learner, memberships, isExcluded } = core;
    if (!isUp) return `${id} is down`;
    if (isExcluded) return `${id} is out`;
    const role =
      leader.phase !== 'following'
        ? `${leader.phase === 'leading' ? 'leads' : 'asks'} at (${leader.ballot.round}.${id})`
        : `follows ${election.leader ?? 'nobody'}`;
    const members = memberships.reigns.at(-1)?.membership.members ?? [];
    const names = members.map((member) => (member.role === 'voter' ? `${member.id}` : `(${member.id})`));
    return `${id} ${role}, knows to ${learner.chosenTo}, members ${names.join(' ') || 'none'}`;
  });
  return lines.map((line) => `  ${line}`).join('\n');
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
