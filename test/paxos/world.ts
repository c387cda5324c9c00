import assert from 'node:assert/strict';
import { type Ballot, ballotZero, compareBallots } from '../../src/paxos/ballot.ts';
import { checkInvariants } from '../../src/paxos/check-invariants.ts';
import { decodeChosenValue, encodeChosenValue, type Membership } from '../../src/paxos/chosen-value.ts';
import { type CoreInput, type CoreState, canPropose, createCore, step } from '../../src/paxos/core.ts';
import type { ChosenInstance } from '../../src/paxos/learner.ts';
import type { CannotTellProof, PaxosMessage } from '../../src/paxos/messages.ts';
import type { CoreOutput, InstanceRecord } from '../../src/paxos/outputs.ts';
import type { Peer } from '../../src/paxos/peer.ts';

export interface Envelope {
  readonly from: number;
  readonly peer: Peer;
  readonly to: number;
  readonly message: PaxosMessage;
}

/** What one replica has in mind, on its way to the disk, and on it. */
interface Node {
  readonly id: number;
  core: CoreState;
  isUp: boolean;
  /** Outputs since the last sync: what must be written, and what waits for it. */
  unsynced: CoreOutput[];
  isHeld: boolean;
  promised: Ballot;
  readonly records: Map<number, InstanceRecord>;
  /** What the records on disk say was chosen when the last of them was written. */
  chosenTo: number;
  /** What it executed. Not what is on its disk: a newer vote may still be on its way there. */
  readonly executed: Map<number, { readonly ballot: Ballot; readonly value: Uint8Array }>;
  /** What a test did to the disk: a restart finds these unreadable. */
  readonly lost: Map<number, CannotTellProof>;
  lostAbove: { readonly instance: number; readonly proof: CannotTellProof } | undefined;
}

const firstChosen = 1;

/** A group of replicas in one process, their disks and the messages between them; every step is checked. */
export class PaxosWorld {
  readonly nodes: Node[];
  messages: Envelope[] = [];
  readonly trace: string[] = [];
  /** By instance: the value that anyone executed or a quorum voted for. */
  readonly chosen = new Map<number, string>();
  readonly #votes = new Map<string, Set<number>>();
  readonly #membership: Membership;
  #sessions = 0;

  /** @param inherits - false: instance 1 is still to be chosen */
  constructor(count: number, inherits = true) {
    this.#membership = {
      clusterId: 'c',
      historyId: 'h',
      members: Array.from({ length: count }, (_, index) => ({
        id: index + 1,
        name: `r${index + 1}`,
        incarnation: incarnationOf(index + 1),
        role: 'voter',
        address: '',
      })),
    };
    const chosenTo = inherits ? firstChosen : 0;
    this.nodes = this.#membership.members.map(({ id }) => {
      const disk = { promised: ballotZero, records: new Map(), chosenTo, lost: new Map(), lostAbove: undefined };
      return { id, core: this.#boot(id, disk), isUp: true, unsynced: [], isHeld: false, executed: new Map(), ...disk };
    });
  }

  node(id: number): Node {
    const node = this.nodes[id - 1];
    assert(node !== undefined);
    return node;
  }

  campaign(id: number): void {
    this.input(id, { kind: 'campaign' });
  }

  propose(id: number, text: string): void {
    this.input(id, { kind: 'propose', value: batchOf(text) });
  }

  canPropose(id: number): boolean {
    return this.node(id).isUp && canPropose(this.node(id).core);
  }

  input(id: number, input: CoreInput): void {
    const node = this.node(id);
    if (!node.isUp) return;
    const outputs = step(node.core, input);
    checkInvariants(node.core);
    for (const output of outputs) this.#perform(node, output);
    if (!node.isHeld) this.sync(id);
  }

  /** What was written is on disk, and what waited for it is sent. */
  sync(id: number): void {
    const node = this.node(id);
    for (let output = node.unsynced.shift(); output !== undefined; output = node.unsynced.shift()) {
      if (output.kind === 'persist-promise') node.promised = output.ballot;
      else if (output.kind === 'persist') {
        node.records.set(output.record.instance, output.record);
        node.lost.delete(output.record.instance);
        node.chosenTo = node.core.learner.chosenTo;
      } else if (output.kind === 'send') this.#send(node, output.to, output.message);
    }
  }

  /** Delivers the messages that are there now and match; with no filter, until all is quiet. */
  deliver(filter?: (envelope: Envelope) => boolean): void {
    if (filter === undefined) {
      for (let next = this.messages.shift(); next !== undefined; next = this.messages.shift()) this.receive(next);
      return;
    }
    for (const envelope of this.take(filter)) this.receive(envelope);
  }

  take(filter: (envelope: Envelope) => boolean): Envelope[] {
    const taken = this.messages.filter(filter);
    this.messages = this.messages.filter((envelope) => !filter(envelope));
    return taken;
  }

  receive({ peer, to, message }: Envelope): void {
    this.input(to, { kind: 'message', from: peer, message });
  }

  /** What was not synced is gone; `tears`: the next start cannot tell whether it was answered. */
  crash(id: number, tears = false): void {
    const node = this.node(id);
    node.isUp = false;
    for (const output of node.unsynced) {
      if (tears && output.kind === 'persist') this.#lose(node, output.record.instance, 'ambiguous');
    }
    node.unsynced = [];
  }

  restart(id: number): void {
    const node = this.node(id);
    node.core = this.#boot(id, node);
    node.isUp = true;
    checkInvariants(node.core);
  }

  /** The record of an instance rots on the disk of a replica that is down. */
  damage(id: number, instance: number): void {
    this.#lose(this.node(id), instance, 'damaged');
  }

  /** `from` hands `to` a value that it knows to be chosen. */
  teach(to: number, instance: number, from: number): void {
    const known = this.node(from).executed.get(instance);
    if (known === undefined || instance > this.node(from).core.learner.chosenTo) return;
    const { ballot, value } = known;
    const { self, learner } = this.node(from).core;
    const entries = [{ instance, ballot, value }];
    this.messages.push({ from, peer: self, to, message: { kind: 'learned', entries, chosenTo: learner.chosenTo } });
  }

  /** A torn record leaves an older one of its instance as it was; rot takes both. */
  #lose(node: Node, instance: number, proof: CannotTellProof): void {
    if (instance <= node.chosenTo) return;
    if (proof === 'damaged') node.records.delete(instance);
    if (node.lost.get(instance) !== 'damaged') node.lost.set(instance, proof);
  }

  #boot(id: number, disk: Pick<Node, 'promised' | 'records' | 'chosenTo' | 'lost' | 'lostAbove'>): CoreState {
    const above = ([instance]: readonly [number, unknown]) => instance > disk.chosenTo;
    this.#sessions++;
    return createCore({
      self: {
        replica: id,
        incarnation: incarnationOf(id),
        session: String(this.#sessions),
        clusterId: 'c',
        promised: disk.promised,
        lastInstance: Math.max(disk.chosenTo, ...disk.records.keys()),
        isDoubtful: disk.lost.size > 0 || disk.lostAbove !== undefined,
      },
      random: id,
      chosenTo: disk.chosenTo,
      records: [...disk.records].filter(above).map(([instance, record]) => {
        const maybeSuperseded = disk.lost.get(instance);
        return maybeSuperseded === undefined ? record : { ...record, maybeSuperseded };
      }),
      cannotTell: [...disk.lost]
        .filter(([instance]) => instance > disk.chosenTo && !disk.records.has(instance))
        .map(([instance, proof]) => ({ instance, proof })),
      ...(disk.lostAbove === undefined ? {} : { cannotTellAbove: disk.lostAbove }),
      memberships: [{ instance: firstChosen, membership: this.#membership }],
    });
  }

  #perform(node: Node, output: CoreOutput): void {
    if (output.kind === 'execute') {
      node.executed.set(output.instance, output);
      this.#onExecute(node, output.instance, textOf(output.value), output.ballot);
    } else if (output.kind === 'read-confirmed') {
      this.trace.push(`${node.id} may read at ${output.instance} (round ${output.round})`);
    } else if (output.kind === 'send' && !output.afterSync) this.#send(node, output.to, output.message);
    else if (output.kind === 'supply') this.#supply(node, output.to, output.firstInstance);
    else if (output.kind === 'behind') this.trace.push(`${node.id} needs a snapshot`);
    else if (output.kind === 'excluded') this.trace.push(`${node.id} is excluded: ${output.exclusion.kind}`);
    else node.unsynced.push(output);
  }

  #onExecute(node: Node, instance: number, text: string, ballot: Ballot): void {
    this.trace.push(`${node.id} executes ${instance} ${text} ${ballotText(ballot)}`);
    this.#choose(instance, text);
  }

  #choose(instance: number, text: string): void {
    assert.equal(text, this.chosen.get(instance) ?? text, `instance ${instance} has one value`);
    this.chosen.set(instance, text);
  }

  #send(node: Node, to: number, message: PaxosMessage): void {
    this.#checkIsDurable(node, message);
    const envelope = { from: node.id, peer: node.core.self, to, message };
    if (to === node.id) {
      this.receive(envelope);
      return;
    }
    this.trace.push(`${node.id} -> ${to} ${messageText(message)}`);
    this.messages.push(envelope);
  }

  /** Values that this replica executed since it began are what its log would give. */
  #supply(node: Node, to: number, firstInstance: number): void {
    const entries: ChosenInstance[] = [];
    for (let instance = firstInstance; instance <= node.core.learner.chosenTo; instance++) {
      const known = node.executed.get(instance);
      if (known === undefined) break;
      entries.push({ instance, ballot: known.ballot, value: known.value });
    }
    this.#send(node, to, { kind: 'learned', entries, chosenTo: node.core.learner.chosenTo });
  }

  /** A1: what is said is on disk. And whatever a quorum votes for is the one value of its instance. */
  #checkIsDurable(node: Node, message: PaxosMessage): void {
    if (message.kind === 'promised') {
      assert(compareBallots(node.promised, message.ballot) >= 0, 'a promise is on disk before it is given');
    }
    if (message.kind !== 'accepted' || message.instance <= node.core.learner.chosenTo) return;
    const record = node.records.get(message.instance);
    assert(
      record !== undefined && compareBallots(record.ballot, message.ballot) >= 0,
      'a vote is on disk before it is cast',
    );
    if (compareBallots(record.ballot, message.ballot) !== 0) return;
    const key = `${message.instance} ${ballotText(message.ballot)}`;
    const votes = this.#votes.get(key) ?? new Set();
    this.#votes.set(key, votes.add(node.id));
    if (votes.size * 2 > this.nodes.length) this.#choose(message.instance, textOf(record.value));
  }
}

export function batchOf(text: string): Uint8Array {
  return encodeChosenValue({ kind: 'batch', machineId: 1, time: 0, proposals: [new TextEncoder().encode(text)] });
}

export function textOf(bytes: Uint8Array): string {
  const value = decodeChosenValue(bytes);
  assert(value !== undefined);
  return value.kind === 'batch'
    ? JSON.stringify(value.proposals.map((p) => new TextDecoder().decode(p)).join())
    : value.kind;
}

function incarnationOf(id: number): string {
  return id.toString(16).padStart(16, '0');
}

function ballotText({ round, replica }: Ballot): string {
  return `(${round}.${replica})`;
}

function messageText(message: PaxosMessage): string {
  switch (message.kind) {
    case 'prepare':
      return `prepare ${ballotText(message.ballot)} from ${message.firstInstance}`;
    case 'promised': {
      const accepted = message.accepted.map(({ instance, ballot, value, maybeSuperseded }) => {
        const doubt = maybeSuperseded === undefined ? '' : ` or newer (${maybeSuperseded})`;
        return `${instance} accepted at ${ballotText(ballot)} ${textOf(value)}${doubt}`;
      });
      const cannotTell = message.cannotTell.map(({ instance, proof }) => `${instance} cannot tell (${proof})`);
      const above = message.cannotTellAbove;
      const rest = above === undefined ? [] : [`above ${above.instance} cannot tell (${above.proof})`];
      const says = [`to ${message.truncatedTo} truncated`, ...accepted, ...cannotTell, ...rest].join(', ');
      return `promised ${ballotText(message.ballot)}: ${says}`;
    }
    case 'accept':
      return `accept ${ballotText(message.ballot)} ${message.instance} ${textOf(message.value)}`;
    case 'learned': {
      const entries = message.entries.map(
        ({ instance, ballot, value }) => `${instance} ${ballotText(ballot)} ${textOf(value)}`,
      );
      return `learned ${entries.join(', ')} (knows to ${message.chosenTo})`;
    }
    case 'accepted':
    case 'chosen':
      return `${message.kind} ${ballotText(message.ballot)} ${message.instance}`;
    case 'refused':
      return `refused ${ballotText(message.ballot)}, promised ${ballotText(message.promised)}`;
    case 'heartbeat':
    case 'heartbeat-answer': {
      const round = message.round === 0 ? '' : ` round ${message.round}`;
      return `${message.kind} ${ballotText(message.ballot)}${round} (knows to ${message.chosenTo})`;
    }
    case 'pre-vote':
      return `pre-vote for round ${message.round} (knows to ${message.chosenTo})`;
    case 'pre-vote-answer':
      return `pre-vote-answer ${message.isGranted ? 'yes' : 'no'} to round ${message.round}, promised ${ballotText(message.promised)} (knows to ${message.chosenTo})`;
    case 'fetch':
      return `fetch from ${message.firstInstance}`;
    case 'trimmed':
      return `trimmed, has from ${message.minChosenInstance}`;
    case 'take-over':
      return `take-over from ${ballotText(message.ballot)}`;
    case 'fingerprints':
      return `fingerprints ${message.marks.map(({ machineId, instance }) => `${machineId} at ${instance}`).join(', ')}`;
    case 'form':
      return 'form';
    case 'form-answer':
      return `form-answer ${message.membership === undefined ? 'nobody' : membershipText(message.membership)}`;
    case 'outdated':
      return `outdated: ${membershipText(message.membership)} since ${message.epoch}`;
    case 'challenge':
    case 'challenge-answer':
      return `${message.kind} by session ${message.session}`;
    case 'distrusted':
      return `distrusted: promised ${ballotText(message.promised)}, voted to ${message.lastInstance}`;
  }
}

function membershipText({ members }: Membership): string {
  return members.map(({ id, role }) => `${id} ${role}`).join(', ');
}
