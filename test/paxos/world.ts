import assert from 'node:assert/strict';
import { LoggosError } from '../../src/base/errors.ts';
import { ballotZero } from '../../src/paxos/ballot.ts';
import { checkInvariants } from '../../src/paxos/check-invariants.ts';
import { encodeChosenValue, type Membership, membershipIn } from '../../src/paxos/chosen-value.ts';
import { type CoreInput, type CoreState, canPropose, createCore, step } from '../../src/paxos/core.ts';
import type { ChosenInstance } from '../../src/paxos/learner.ts';
import { membershipRefusal } from '../../src/paxos/membership-change.ts';
import type { CannotTellProof, PaxosMessage } from '../../src/paxos/messages.ts';
import type { CoreOutput } from '../../src/paxos/outputs.ts';
import type { Peer } from '../../src/paxos/peer.ts';
import { copyDisk, type Disk, emptyDisk } from './disk.ts';
import { ballotText, batchOf, messageText, textOf } from './texts.ts';
import { Witness } from './witness.ts';

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
  disk: Disk;
  /** A copy of its disk from an earlier day. */
  kept: Disk | undefined;
}

/** How a group begins: instance 1 chosen on every disk; known to all, but still to be chosen; or only addresses known. */
export type Beginning = 'chosen' | 'known' | 'forming';

const firstChosen = 1;
/** Values in one answer to a question for values. */
const suppliedMax = 8;

/** A group of replicas in one process, their disks and the messages between them; every step is checked. */
export class PaxosWorld {
  readonly nodes: Node[];
  messages: Envelope[] = [];
  /** All that was ever sent. */
  readonly sent: Envelope[] = [];
  /** Messages that a test put aside. */
  late: Envelope[] = [];
  /** Of whom it is told that only a snapshot helps. */
  readonly behind = new Set<number>();
  readonly trace: string[] = [];
  readonly witness = new Witness();
  /** Of what is said and done, the trace tells all, only what is done, or nothing. */
  loudness: 'all' | 'deeds' | 'nothing' = 'all';
  readonly #beginning: Beginning;
  readonly #founders: number;
  readonly #membership: Membership;
  readonly #cuts = new Set<string>();
  #sessions = 0;

  constructor(count: number, beginning: Beginning = 'chosen') {
    this.#beginning = beginning;
    this.#founders = count;
    const ids = Array.from({ length: count }, (_, index) => index + 1);
    this.#membership = {
      clusterId: 'c',
      historyId: 'h',
      members: ids.map((id) => ({ ...this.peerOf(id), incarnation: incarnationOf(id, 0), role: 'voter' })),
    };
    if (beginning !== 'forming') this.witness.begin(this.#membership, beginning === 'chosen');
    this.nodes = ids.map((id) => this.#createNode(id, emptyDisk(incarnationOf(id, 0))));
    if (beginning !== 'chosen') return;
    const value = encodeChosenValue({ kind: 'membership', membership: this.#membership });
    for (const node of this.nodes) {
      node.disk.chosenTo = firstChosen;
      node.disk.executed.set(firstChosen, { ballot: ballotZero, value });
      node.core = this.#boot(node);
    }
  }

  /** By instance: the value that anyone executed or a quorum voted for. */
  get chosen(): ReadonlyMap<number, string> {
    return this.witness.chosen;
  }

  node(id: number): Node {
    const node = this.nodes[id - 1];
    assert(node !== undefined, `there is a replica ${id}`);
    return node;
  }

  /** A replica with an empty disk that knows no membership: it waits to be added. */
  addNewcomer(): number {
    const id = this.nodes.length + 1;
    this.nodes.push(this.#createNode(id, emptyDisk(incarnationOf(id, 0))));
    return id;
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

  read(id: number, round: number): void {
    this.witness.onRead(round);
    this.input(id, { kind: 'read', round });
  }

  /** @returns why the leader does not propose it, where it does not */
  changeMembership(id: number, change: 'add' | 'promote' | 'remove', of: number): LoggosError | undefined {
    const { core, isUp } = this.node(id);
    const newest = core.memberships.reigns.at(-1)?.membership;
    if (!isUp || newest === undefined) return new LoggosError('no-leader', 'This replica does not lead.');
    const member = { ...this.peerOf(of), incarnation: this.node(of).disk.incarnation };
    const others = newest.members.filter((one) => one.id !== of);
    const members =
      change === 'remove'
        ? others
        : [...newest.members.filter((one) => change === 'add' || one.id !== of), { ...member, role: roleOf(change) }];
    const next = { ...newest, members };
    const refusal = membershipRefusal(core, next);
    if (refusal === undefined) this.input(id, { kind: 'change-membership', membership: next });
    return refusal;
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
      const { disk } = node;
      if (output.kind === 'persist-promise') disk.promised = output.ballot;
      else if (output.kind === 'persist') {
        disk.records.set(output.record.instance, output.record);
        disk.lost.delete(output.record.instance);
        disk.chosenTo = node.core.learner.chosenTo;
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

  deliverFirst(filter: (envelope: Envelope) => boolean): void {
    const found = this.messages.find(filter);
    assert(found !== undefined, 'there is such a message');
    this.messages = this.messages.filter((envelope) => envelope !== found);
    this.receive(found);
  }

  take(filter: (envelope: Envelope) => boolean): Envelope[] {
    const taken = this.messages.filter(filter);
    this.messages = this.messages.filter((envelope) => !filter(envelope));
    return taken;
  }

  receive({ from, peer, to, message }: Envelope): void {
    if (this.#cuts.has(`${from} ${to}`)) return;
    this.input(to, { kind: 'message', from: peer, message });
  }

  /** From now on nothing that `from` says arrives at `to`. */
  cut(from: number, to: number): void {
    this.#cuts.add(`${from} ${to}`);
  }

  mend(): void {
    this.#cuts.clear();
  }

  /** Time passes everywhere, and all that is said arrives. */
  pass(ticks: number): void {
    for (let tick = 0; tick < ticks; tick++) {
      for (const { id } of this.nodes) this.input(id, { kind: 'tick' });
      this.deliver();
    }
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
    node.core = this.#boot(node);
    node.isUp = true;
  }

  /** The record of an instance rots on the disk of a replica that is down. */
  damage(id: number, instance: number): void {
    this.#lose(this.node(id), instance, 'damaged');
  }

  /** Its disk is lost: it comes back as a stranger under its old number. */
  wipe(id: number): void {
    this.crash(id);
    const node = this.node(id);
    const { incarnation } = node.disk;
    this.witness.onWiped(id, incarnation);
    node.disk = emptyDisk(incarnationOf(id, Number.parseInt(incarnation.slice(0, 8), 16) + 1));
    this.restart(id);
  }

  keepCopy(id: number): void {
    this.node(id).kept = copyDisk(this.node(id).disk);
  }

  /** Its disk is yesterday's. */
  rollBack(id: number): void {
    const node = this.node(id);
    assert(node.kept !== undefined, 'a copy was kept');
    this.crash(id);
    node.disk = copyDisk(node.kept);
    this.restart(id);
  }

  /** Its log begins after `instance`: the checkpoint covers the rest. */
  trim(id: number, instance: number): void {
    const { disk, core } = this.node(id);
    assert(instance <= core.learner.chosenTo, 'only what is known to be chosen is trimmed');
    disk.trimmedTo = Math.max(disk.trimmedTo, instance);
    disk.chosenTo = Math.max(disk.chosenTo, instance);
  }

  /** It starts again with the checkpoint of `from`; its votes and promises stay (F1). */
  install(id: number, from: number): void {
    this.crash(id);
    this.behind.delete(id);
    const { disk } = this.node(id);
    const source = this.node(from);
    const { chosenTo } = source.core.learner;
    for (const [instance, known] of source.disk.executed) disk.executed.set(instance, known);
    disk.chosenTo = Math.max(disk.chosenTo, chosenTo);
    disk.trimmedTo = disk.chosenTo;
    this.restart(id);
  }

  /** `from` hands `to` a value that it knows to be chosen. */
  teach(to: number, instance: number, from: number): void {
    const { core, disk } = this.node(from);
    const known = disk.executed.get(instance);
    if (known === undefined || instance > core.learner.chosenTo) return;
    const entries = [{ instance, ballot: known.ballot, value: known.value }];
    const { chosenTo } = core.learner;
    this.messages.push({ from, peer: core.self, to, message: { kind: 'learned', entries, chosenTo } });
  }

  tell(loudness: 'all' | 'deeds', line: string): void {
    if (this.loudness === 'all' || this.loudness === loudness) this.trace.push(line);
  }

  peerOf(id: number): { readonly id: number; readonly name: string; readonly address: string } {
    return { id, name: `r${id}`, address: '' };
  }

  #createNode(id: number, disk: Disk): Node {
    const node = { id, disk, isUp: true, unsynced: [], isHeld: false, kept: undefined };
    return { ...node, core: this.#boot(node) };
  }

  /** A torn record leaves an older one of its instance as it was; rot takes both. */
  #lose({ disk }: Node, instance: number, proof: CannotTellProof): void {
    if (instance <= disk.chosenTo) return;
    if (proof === 'damaged') disk.records.delete(instance);
    if (disk.lost.get(instance) !== 'damaged') disk.lost.set(instance, proof);
  }

  #boot({ id, disk }: Pick<Node, 'id' | 'disk'>): CoreState {
    const above = ([instance]: readonly [number, unknown]) => instance > disk.chosenTo;
    const isDoubtful = disk.lost.size > 0 || disk.lostAbove !== undefined;
    const { promised, incarnation } = disk;
    const lastInstance = Math.max(disk.chosenTo, ...disk.records.keys());
    const memberships = this.#knownMemberships(id, disk);
    this.#sessions++;
    const session = String(this.#sessions);
    const isFounder = id <= this.#founders && this.#beginning === 'forming';
    return createCore({
      self: {
        ...{ replica: id, incarnation, session, promised, lastInstance, isDoubtful },
        ...(memberships.length > 0 ? { clusterId: 'c' } : {}),
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
      memberships,
      ...(isFounder && memberships.length === 0
        ? {
            forming: {
              peers: this.#membership.members.map((member) => this.peerOf(member.id)),
              clusterId: 'c',
              historyId: 'h',
            },
          }
        : {}),
    });
  }

  #knownMemberships(id: number, disk: Disk): { readonly instance: number; readonly membership: Membership }[] {
    const isFounder = id <= this.#founders && disk.incarnation === incarnationOf(id, 0);
    const knowsFirst = isFounder && this.#beginning !== 'forming';
    const first = knowsFirst ? [{ instance: firstChosen, membership: this.#membership }] : [];
    const later = [...disk.executed]
      .filter(([instance]) => instance <= disk.chosenTo && !(knowsFirst && instance === firstChosen))
      .flatMap(([instance, { value }]) => {
        const membership = membershipIn(value);
        return membership === undefined ? [] : [{ instance, membership }];
      })
      .sort((left, right) => left.instance - right.instance);
    return [...first, ...later];
  }

  #perform(node: Node, output: CoreOutput): void {
    if (output.kind === 'execute') {
      const text = textOf(output.value);
      const { instance, value } = output;
      const onItsWay = node.unsynced.flatMap((waiting) => (waiting.kind === 'persist' ? [waiting.record] : []));
      const records = [node.disk.records.get(instance), ...onItsWay.filter((record) => record.instance === instance)];
      const isKept = records.some((record) => record !== undefined && Buffer.compare(record.value, value) === 0);
      assert(isKept, `what ${node.id} executes at ${instance} is on its disk, or on its way there`);
      node.disk.executed.set(instance, output);
      this.tell('deeds', `${node.id} executes ${output.instance} ${text} ${ballotText(output.ballot)}`);
      this.witness.onExecuted(output.instance, output.value, node.core.leader.phase === 'leading');
    } else if (output.kind === 'read-confirmed') {
      this.tell('deeds', `${node.id} may read at ${output.instance} (round ${output.round})`);
      this.witness.onReadConfirmed(output.round, output.instance);
    } else if (output.kind === 'send' && !output.afterSync) this.#send(node, output.to, output.message);
    else if (output.kind === 'supply') this.#supply(node, output.to, output.firstInstance);
    else if (output.kind === 'behind') {
      this.tell('deeds', `${node.id} needs a snapshot`);
      this.behind.add(node.id);
    } else if (output.kind === 'excluded') {
      this.tell('deeds', `${node.id} is excluded: ${output.exclusion.kind}`);
      this.witness.onExcluded(node.id, node.disk.incarnation, output.exclusion);
    } else node.unsynced.push(output);
  }

  #send(node: Node, to: number, message: PaxosMessage): void {
    this.witness.onSent(node, message);
    const envelope = { from: node.id, peer: node.core.self, to, message };
    if (to === node.id) {
      this.input(to, { kind: 'message', from: node.core.self, message });
      return;
    }
    this.tell('all', `${node.id} -> ${to} ${messageText(message)}`);
    if (to > this.nodes.length) return;
    this.messages.push(envelope);
    this.sent.push(envelope);
  }

  /** What this replica executed is what its log would give, less what it has trimmed. */
  #supply(node: Node, to: number, firstInstance: number): void {
    const { disk } = node;
    const { chosenTo } = node.core.learner;
    if (firstInstance <= disk.trimmedTo) {
      this.#send(node, to, { kind: 'trimmed', minChosenInstance: disk.trimmedTo + 1 });
      return;
    }
    const entries: ChosenInstance[] = [];
    const last = Math.min(chosenTo, firstInstance + suppliedMax - 1);
    for (let instance = firstInstance; instance <= last; instance++) {
      const known = disk.executed.get(instance);
      if (known === undefined) break;
      entries.push({ instance, ballot: known.ballot, value: known.value });
    }
    this.#send(node, to, { kind: 'learned', entries, chosenTo });
  }
}

function roleOf(change: 'add' | 'promote'): 'learner' | 'voter' {
  return change === 'add' ? 'learner' : 'voter';
}

/** 8 hexadecimal digits that count the disks of a replica, and 8 of the replica's number. */
function incarnationOf(id: number, disk: number): string {
  return disk.toString(16).padStart(8, '0') + id.toString(16).padStart(8, '0');
}
