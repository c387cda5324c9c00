import type { Membership } from '../paxos/chosen-value.ts';
import type { CoreInput, CoreState } from '../paxos/core.ts';
import { ruling } from '../paxos/membership.ts';
import type { PaxosMessage } from '../paxos/messages.ts';
import type { Exclusion } from '../paxos/outputs.ts';
import type { Peer } from '../paxos/peer.ts';
import { tickMs } from '../paxos/timing.ts';
import { Admission } from './admission.ts';
import { Applier } from './applier.ts';
import { bootCore } from './boot.ts';
import { Supplier } from './catch-up.ts';
import { CoreLoop } from './core-loop.ts';
import { DeadlineSweep } from './deadline-sweep.ts';
import { DoubtSettler } from './doubt-settler.ts';
import { Impasse } from './impasse.ts';
import { InstanceGate } from './instance-gate.ts';
import { LeadershipTransfer } from './leadership-transfer.ts';
import { defaultReplicaLimits, type ReplicaLimits } from './limits.ts';
import { Marks } from './marks.ts';
import { MembershipChange } from './membership-change.ts';
import type { ReplicaOptions } from './options.ts';
import { PeerBook } from './peer-book.ts';
import { noPeers } from './peers.ts';
import { Proposals } from './proposals.ts';
import { ReadableLog } from './readable-log.ts';
import { ReadRounds } from './reads.ts';
import { Standing, type StandingHost } from './standing.ts';
import { Storage } from './storage.ts';
import { Ticking } from './ticking.ts';
import { UnsureVotes } from './unsure-votes.ts';
import { VoterClocks } from './voter-clocks.ts';

/** What a replica is put together from. */
export interface Parts {
  readonly limits: ReplicaLimits;
  readonly core: CoreState;
  readonly loop: CoreLoop;
  readonly storage: Storage;
  readonly readable: ReadableLog;
  readonly applier: Applier;
  readonly proposals: Proposals;
  readonly admission: Admission;
  readonly reads: ReadRounds;
  readonly gate: InstanceGate;
  readonly change: MembershipChange;
  readonly transfer: LeadershipTransfer;
  readonly standing: Standing;
  readonly clocks: VoterClocks;
  readonly doubts: DoubtSettler;
  readonly impasse: Impasse;
  readonly marks: Marks;
  readonly sweep: DeadlineSweep;
  readonly ticking: Ticking;
  readonly book: PeerBook;
}

/** What the parts tell the replica around them. */
export interface PartsHost extends Omit<StandingHost, 'appliedInstance'> {
  receive(input: CoreInput): void;
  /** Another replica spoke. */
  onMessage(from: Peer, message: PaxosMessage): void;
  onTick(): void;
  /** Proposals may be let in now, and chosen values applied. */
  drain(): void;
  /** All that was received is performed. */
  onPerformed(): void;
  onReadLost(): void;
  onBehind(minChosenInstance: number): void;
  onExcluded(exclusion: Exclusion): void;
  mayApply(): boolean;
  isHalted(): boolean;
  onApplied(instance: number, value: Uint8Array, outcomes: readonly unknown[]): void;
  onMembership(instance: number, membership: Membership): Promise<void>;
  onMachineMissing(instance: number, machineId: number): void;
  onReleased(): void;
  onFailure(error: unknown): void;
}

/** What is read of the log at once, where more is chosen than memory keeps. */
const readCountMax = 256;
const readBytesMax = 8 * 1024 * 1024;

/** @throws LoggosError `not-a-member`, `checkpoint-damaged` */
export function assemble(options: ReplicaOptions, host: PartsHost): Parts {
  const { identity, machines, log, clock, random, memberships, observer, pressure, connect } = options;
  const { initialMembership, forming, isJoining = false } = options;
  const { checkpointInstance } = machines;
  const limits = { ...defaultReplicaLimits, ...options.limits };
  const group = { memberships, initialMembership, forming, isJoining };
  const core = bootCore({ identity, log: options.boot, random, checkpointInstance, ...group });
  const receive = (input: CoreInput) => host.receive(input);
  const onFailure = (error: unknown) => host.onFailure(error);

  const peers = connect?.(core.self, (from, message) => host.onMessage(from, message)) ?? noPeers;
  const storage = new Storage(log, clock, onFailure);
  const readable = new ReadableLog(log, checkpointInstance);
  const proposals = new Proposals(limits);
  const reads = new ReadRounds(limits.waitingReadsMax, (round) => receive({ kind: 'read', round }));
  const gate = new InstanceGate(checkpointInstance, limits.waitingReadsMax);
  const change = new MembershipChange(core, receive);
  const transfer = new LeadershipTransfer(core, receive);
  const applier = new Applier(machines, memberships.at(-1)?.instance ?? 0, {
    mayApply: () => host.mayApply(),
    isHalted: () => host.isHalted(),
    read: (firstInstance) => readable.read(firstInstance, core.learner.chosenTo, readCountMax, readBytesMax),
    contextOf: (instance, value) => proposals.contextOf(instance, value),
    onApplied: (instance, value, outcomes) => host.onApplied(instance, value, outcomes),
    onMembership: async (instance, membership) => {
      // Others may choose it before this log has it, and nothing else on the disk may be ahead of the log.
      await storage.durable();
      await host.onMembership(instance, membership);
    },
    onMachineMissing: (instance, machineId) => host.onMachineMissing(instance, machineId),
    onReleased: () => host.onReleased(),
    onFailure,
  });
  const clocks = new VoterClocks({
    ...{ self: identity.replicaId, clock, observer },
    voters: () => ruling(core.memberships, core.learner.chosenTo + 1).voters,
  });
  const admission = new Admission({
    ...{ core, log, machines, storage, proposals, limits, clock, clocks, pressure, receive, observer },
    appliedTime: () => applier.lastTime,
    onOpen: () => host.drain(),
  });
  const standing = new Standing(core, observer, {
    get appliedInstance() {
      return applier.appliedInstance;
    },
    onOfficeLost: () => host.onOfficeLost(),
    onLevel: () => host.onLevel(),
  });
  const loop = new CoreLoop(core, {
    hands: {
      self: identity.replicaId,
      unsureVotes: new UnsureVotes(options.boot),
      ...{ storage, readable, applier, reads, peers, clocks },
      supplier: new Supplier(log, readable, (to, message) => peers.send(to, message), onFailure),
      deliver: (message) => receive({ kind: 'message', from: core.self, message }),
      onBehind: (minChosenInstance) => host.onBehind(minChosenInstance),
      onExcluded: (exclusion) => host.onExcluded(exclusion),
    },
    onStep: options.onStep,
    onReadLost: () => host.onReadLost(),
    onPerformed: () => host.onPerformed(),
    onIdle: () => host.drain(),
    onFailure,
  });
  const doubts = new DoubtSettler(core, log, storage);
  const sweep = new DeadlineSweep(clock, limits.deadlineSweepMs, [proposals, reads, gate, change, transfer]);
  const ticking = new Ticking(clock, tickMs, () => host.onTick());
  return {
    ...{ limits, core, loop, storage, readable, applier, proposals, admission, reads, gate },
    ...{ change, transfer, standing, clocks, doubts, sweep, ticking },
    impasse: new Impasse(core, observer),
    marks: new Marks(machines, applier, observer, receive),
    book: new PeerBook(core, forming, peers),
  };
}
