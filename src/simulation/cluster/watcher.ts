import { crc32 } from 'node:zlib';
import type { DocumentStateMachine } from '../../documents/document-state-machine.ts';
import { parseEventLine } from '../../documents/machine/event-line.ts';
import { parseTime } from '../../documents/machine/utc-time.ts';
import type { HistoryLine } from '../../documents/store/checkpoint-reader.ts';
import { base64url } from '../../documents/store/schema.ts';
import type { LogBoot, LogRecord } from '../../log/log.ts';
import type { Ballot } from '../../paxos/ballot.ts';
import { checkInvariants } from '../../paxos/check-invariants.ts';
import { membershipIn } from '../../paxos/chosen-value.ts';
import type { CoreState } from '../../paxos/core.ts';
import { type ChosenMembership, pipelineWindow } from '../../paxos/membership.ts';
import type { PaxosMessage } from '../../paxos/messages.ts';
import type { CoreOutput } from '../../paxos/outputs.ts';
import type { ExecuteResult } from '../../statemachine/state-machine.ts';
import type { FoundAccept } from '../checker/acceptor-words.ts';
import { ChosenHistory } from '../checker/chosen-history.ts';
import type { Member } from '../checker/chosen-values.ts';
import { printBallot } from '../checker/noticed-ballot.ts';
import { StepChecks } from '../checker/step-checks.ts';
import { countBranches } from '../rare-branches.ts';
import { Coverage } from '../world/coverage.ts';

const instancesMax = 1_000_000;

/**
 * Tells the checker what every replica says and does, while it does it. Knows who votes from the memberships that were
 * executed, and keeps every chosen value for the end. What the checker throws is kept: it must not pass for a failure of
 * the replica in whose turn it was found.
 */
export class Watcher {
  readonly steps: StepChecks;
  readonly history: ChosenHistory;
  /** Told of the place of a replica in the moment in which it takes office. */
  onOffice: ((place: number) => void) | undefined;
  /** Of what replicas do and tell. */
  readonly coverage = new Coverage();
  /** By instance, as first executed. */
  readonly values = new Map<number, Uint8Array>();
  readonly #memberships: ChosenMembership[] = [];
  /** The first thing that must not be. */
  violation: unknown;

  /** Writes a line of the run's trace. */
  readonly note: (who: string, what: string, detail: string) => void;

  constructor(options: {
    readonly dedupeWindowMs: number;
    readonly note: (who: string, what: string, detail: string) => void;
  }) {
    this.note = options.note;
    this.steps = new StepChecks({ votersAt: (instance) => this.#votersAt(instance), firstInstance: 1, instancesMax });
    this.history = new ChosenHistory({ dedupeWindowMs: options.dedupeWindowMs, eventsMax: instancesMax });
  }

  /** Runs a check. */
  check(action: (steps: StepChecks) => void): void {
    if (this.violation !== undefined) return;
    try {
      action(this.steps);
    } catch (error) {
      this.violation = error;
    }
  }

  get lastInstance(): number {
    return this.values.size;
  }

  onExecuted(instance: number, value: Uint8Array): void {
    if (this.values.has(instance)) return;
    this.values.set(instance, value);
    const membership = membershipIn(value);
    if (membership === undefined) return;
    this.#memberships.push({ instance, membership });
    this.#memberships.sort((left, right) => left.instance - right.instance);
  }

  /** Of the newest membership; empty where none is chosen yet. */
  get voters(): readonly Member[] {
    const members = this.#memberships.at(-1)?.membership.members ?? [];
    return members.filter(({ role }) => role === 'voter').map(({ id, incarnation }) => ({ replica: id, incarnation }));
  }

  #votersAt(instance: number): readonly Member[] | undefined {
    // Who rules it is known once all that is a window below is.
    if (!this.values.has(Math.max(1, instance - pipelineWindow))) return undefined;
    const ruling =
      this.#memberships.findLast((known) => known.instance + pipelineWindow <= instance) ?? this.#memberships[0];
    return ruling?.membership.members
      .filter(({ role }) => role === 'voter')
      .map(({ id, incarnation }) => ({ replica: id, incarnation }));
  }
}

/** One life of one replica, as the watcher sees it. */
export class ReplicaWatch {
  readonly #watcher: Watcher;
  /** Of the machine it runs on: a copied disk has the replica's number, and is somebody else. */
  readonly #place: number;
  readonly #replica: number;
  readonly #incarnation: string;
  readonly #name: string;
  readonly #machine: DocumentStateMachine;
  /** Of instances that are chosen here and not executed yet. */
  readonly #hashes = new Map<number, string>();
  /** By replica: what the trace calls it. The same text each time, so that it is hashed once. */
  readonly #saysTo: string[] = [];
  #lastProposed: PaxosMessage | undefined;
  #wasLeading = false;
  #core: CoreState | undefined;

  constructor(options: {
    readonly watcher: Watcher;
    readonly place: number;
    readonly replica: number;
    readonly incarnation: string;
    /** For the trace. */
    readonly name: string;
    readonly machine: DocumentStateMachine;
  }) {
    this.#name = options.name;
    this.#watcher = options.watcher;
    this.#place = options.place;
    this.#replica = options.replica;
    this.#incarnation = options.incarnation;
    this.#machine = options.machine;
  }

  onBoot(boot: LogBoot, appliedInstance: number, isDamaged: boolean): void {
    const accepted = new Map<number, FoundAccept | 'cannot-tell'>();
    if (boot.cannotTellAbove !== undefined) {
      for (let hidden = boot.cannotTellAbove + 1; hidden <= this.#watcher.lastInstance + 64; hidden++) {
        accepted.set(hidden, 'cannot-tell');
      }
    }
    for (const found of boot.above) {
      if (found.state === 'cannot-tell') {
        accepted.set(found.instance, 'cannot-tell');
        continue;
      }
      const { instance, ballot, value } = found.record;
      const isHidden = found.maybeSuperseded !== undefined && isDamaged;
      accepted.set(instance, isHidden ? 'cannot-tell' : { ballot, valueHash: hashOf(value) });
    }
    this.#check((steps) => {
      const promised = boot.promiseLost ? undefined : boot.promised;
      steps.onBoot(this.#replica, this.#incarnation, { promised, accepted, truncatedTo: boot.chosenTo, isDamaged });
      steps.onStarted(this.#place, appliedInstance);
    });
  }

  /** As it was after the last step; undefined: it took none. */
  get core(): CoreState | undefined {
    return this.#core;
  }

  /**
   * Whether it cannot tell what it had accepted where a leader would ask next: a part of its log may have been torn, or is
   * damaged (A5, A6).
   */
  get isDoubtful(): boolean {
    if (this.#core === undefined) return true;
    const { acceptor, learner } = this.#core;
    const lastAsked = learner.chosenTo + pipelineWindow;
    if ((acceptor.cannotTellAbove?.instance ?? lastAsked) < lastAsked) return true;
    const isAsked = (instance: number) => instance > learner.chosenTo && instance <= lastAsked;
    const votes = [...acceptor.accepted.values()];
    return (
      [...acceptor.cannotTell.keys()].some(isAsked) ||
      votes.some(({ instance, maybeSuperseded }) => maybeSuperseded !== undefined && isAsked(instance))
    );
  }

  readonly onStep = (core: CoreState, outputs: readonly CoreOutput[]): void => {
    this.#core = core;
    this.#check(() => checkInvariants(core));
    countBranches(this.#watcher.coverage, core, outputs);
    const isLeading = core.leader.phase === 'leading';
    if (isLeading && !this.#wasLeading) this.#watcher.onOffice?.(this.#place);
    this.#wasLeading = isLeading;
    for (const output of outputs) {
      if (output.kind === 'send') this.#onSend(output.message);
      else if (output.kind === 'execute') this.#onExecute(output.instance, output.value);
    }
  };

  /** Something leaves for another replica. */
  onSent(to: number, message: PaxosMessage): void {
    this.#saysTo[to] ??= `says to ${to}`;
    this.#watcher.note(this.#name, this.#saysTo[to], wordsOf(message));
    this.#check((steps) => {
      if (message.kind === 'accepted') {
        steps.onAccepted(this.#replica, this.#incarnation, message.instance, message.ballot);
      } else if (message.kind === 'promised') {
        steps.onPromised(this.#replica, this.#incarnation, message.ballot);
      } else if (message.kind === 'refused') {
        steps.onPromised(this.#replica, this.#incarnation, message.promised);
      }
    });
  }

  /** A leader's own votes leave no further than this. */
  onDurable(records: readonly LogRecord[]): void {
    for (const { kind, instance, ballot } of records) {
      if (kind !== 'accepted' || ballot.replica !== this.#replica) continue;
      this.#check((steps) => steps.onAccepted(this.#replica, this.#incarnation, instance, ballot));
    }
  }

  onPromised(ballot: Ballot): void {
    if (ballot.replica !== this.#replica) return;
    this.#check((steps) => steps.onPromised(this.#replica, this.#incarnation, ballot));
  }

  onApplied(instance: number, { fingerprint }: ExecuteResult, lines: readonly HistoryLine[]): void {
    const valueHash = this.#hashes.get(instance);
    this.#hashes.delete(instance);
    const { chain, position } = this.#machine.state;
    this.#check((steps) => {
      const state = {
        valueHash: valueHash ?? '',
        fingerprint: base64url(fingerprint),
        chain: base64url(chain),
        position,
      };
      if (!steps.onApplied(this.#place, instance, state)) return;
      for (const line of lines) this.#watcher.history.append(this.#eventOf(instance, line));
    });
  }

  onDigest(instance: number, digest: Uint8Array): void {
    this.#check((steps) => steps.onDigest(this.#place, instance, base64url(digest)));
  }

  onAcknowledged(instance: number, position: number): void {
    this.#check((steps) => steps.onAcknowledged(this.#place, instance, position));
  }

  #check(action: (steps: StepChecks) => void): void {
    this.#watcher.check(action);
  }

  #onSend(message: PaxosMessage): void {
    if (message.kind !== 'accept' || message === this.#lastProposed) return;
    this.#lastProposed = message;
    this.#check((steps) => steps.onProposed(message.instance, message.ballot, hashOf(message.value)));
  }

  #onExecute(instance: number, value: Uint8Array): void {
    const hash = hashOf(value);
    this.#hashes.set(instance, hash);
    this.#watcher.onExecuted(instance, value);
    this.#check((steps) => steps.onChosen(this.#replica, instance, hash));
  }

  #eventOf(instance: number, { position, line }: HistoryLine): Parameters<ChosenHistory['append']>[0] {
    const event = parseEventLine(line);
    const { id = '', actor = '', collection = '', documentId = '', idempotencyKey, operation, revision } = event;
    const row = this.#machine.row(collection, documentId);
    // Another event of the same instance may have written the document again: then this one does not tell.
    const tells = row?.position === position && operation !== 'deleted';
    return {
      instance,
      position,
      proposalId: proposalIdOf(id),
      idempotencyKey: idempotencyKey === undefined ? undefined : `${actor} ${idempotencyKey}`,
      key: `${collection}/${documentId}`,
      revision,
      deleted: operation === 'deleted',
      value: tells ? row.body : undefined,
      time: parseTime(event.time) ?? 0,
    };
  }
}

/** Of an event's id: those of a transaction are numbered. */
export function proposalIdOf(eventId: string): string {
  const dot = eventId.indexOf('.');
  return dot < 0 ? eventId : eventId.slice(0, dot);
}

function hashOf(value: Uint8Array): string {
  return `${crc32(value).toString(16)}.${value.length}`;
}

/** A message as the trace shows it. */
function wordsOf(message: PaxosMessage): string {
  switch (message.kind) {
    case 'accept':
    case 'accepted':
    case 'chosen':
      return `${message.kind} ${message.instance} at ${printBallot(message.ballot)}`;
    case 'prepare':
      return `prepare from ${message.firstInstance} at ${printBallot(message.ballot)}`;
    case 'promised':
    case 'heartbeat':
    case 'heartbeat-answer':
    case 'take-over':
      return `${message.kind} ${printBallot(message.ballot)}`;
    case 'refused':
      return `refused ${printBallot(message.ballot)}, promised ${printBallot(message.promised)}`;
    case 'fetch':
      return `fetch from ${message.firstInstance}`;
    case 'learned':
      return `learned ${message.entries.length} from ${message.entries[0]?.instance ?? 0}`;
    default:
      return message.kind;
  }
}
