/**
 * Learning from peers what was chosen while this replica did not hear of it: in order, one question at a time, from
 * whoever says that it knows more. What the others' logs no longer have takes a snapshot.
 */
import type { ReplicaId } from './ballot.ts';
import type { CoreState } from './core-state.ts';
import { reignsWithin } from './membership.ts';
import type { Fetch, Learned, Trimmed } from './messages.ts';
import type { CoreOutput } from './outputs.ts';
import { electionTicks, resendTicks } from './timing.ts';

export interface CatchUpState {
  /** How far those who know more than this replica said that they know what is chosen. */
  readonly knownBy: Map<ReplicaId, number>;
  /** Those whose log begins after what this replica lacks, and where. */
  readonly trimmedBy: Map<ReplicaId, number>;
  /** Since that was heard last. */
  trimmedTicks: number;
  asked: { readonly of: ReplicaId; readonly firstInstance: number; ticks: number } | undefined;
  /** Whom the last question went to: the next one, where that one does not answer, goes to another. */
  lastAsked: ReplicaId;
}

/**
 * How long it is believed that only a snapshot helps, in ticks; then it is asked again. Whoever said so may be gone, and
 * what it had trimmed may stand in votes that an election finds.
 */
const trimmedTicksMax = 8 * electionTicks;

/** How long an answer may take, in ticks, before another replica is asked. */
const answerTicks = 2 * resendTicks;

/** Somebody says how far it knows what is chosen. */
export function onKnownBy(state: CoreState, from: ReplicaId, chosenTo: number, outputs: CoreOutput[]): void {
  const { catchUp, learner, self } = state;
  if (from === self.replica || chosenTo <= learner.chosenTo) return;
  catchUp.knownBy.set(from, chosenTo);
  if (catchUp.asked === undefined && !catchUp.trimmedBy.has(from)) ask(state, from, outputs);
}

/** A peer lacks values: the driver reads them from the log. */
export function onFetch(
  { learner }: CoreState,
  from: ReplicaId,
  { firstInstance }: Fetch,
  outputs: CoreOutput[],
): void {
  if (firstInstance <= learner.chosenTo) outputs.push({ kind: 'supply', to: from, firstInstance });
}

/** After the values of an answer were taken: goes on asking as long as that helps. */
export function onAnswer(
  state: CoreState,
  from: ReplicaId,
  { chosenTo, entries }: Learned,
  outputs: CoreOutput[],
): void {
  const { catchUp, learner } = state;
  catchUp.knownBy.set(from, chosenTo);
  const { asked } = catchUp;
  // A late answer to an earlier question must not start a second row of questions beside the present one.
  const isAnswer = asked?.of === from && (entries[0]?.instance ?? asked.firstInstance) === asked.firstInstance;
  if (!isAnswer) return;
  catchUp.asked = undefined;
  forgetLevel(state);
  const helped = entries.length > 0 && (entries.at(-1)?.instance ?? 0) <= learner.chosenTo;
  if (helped && catchUp.knownBy.has(from)) ask(state, from, outputs);
}

export function onTrimmed(
  state: CoreState,
  from: ReplicaId,
  { minChosenInstance }: Trimmed,
  outputs: CoreOutput[],
): void {
  const { catchUp, learner } = state;
  if (catchUp.asked?.of === from) catchUp.asked = undefined;
  if (minChosenInstance <= learner.chosenTo + 1) return;
  if (!catchUp.trimmedBy.has(from)) turnToOthers(state, from);
  catchUp.trimmedBy.set(from, minChosenInstance);
  catchUp.trimmedTicks = 0;
  callForSnapshot(state, outputs);
}

export function tickCatchUp(state: CoreState, outputs: CoreOutput[]): void {
  const { catchUp } = state;
  if (catchUp.trimmedTicks++ >= trimmedTicksMax) catchUp.trimmedBy.clear();
  if (catchUp.asked !== undefined) {
    catchUp.asked.ticks++;
    if (catchUp.asked.ticks < answerTicks) return;
    // Silent: asked again when it next says how far it is, so that one that is gone hides no need of a snapshot.
    catchUp.knownBy.delete(catchUp.asked.of);
    catchUp.asked = undefined;
    forgetLevel(state);
    callForSnapshot(state, outputs);
  }
  forgetLevel(state);
  const next = nextToAsk(state);
  if (next !== undefined) ask(state, next, outputs);
}

/** Whether only a snapshot helps: nobody who knows more still has what this replica lacks. */
export function isBehind(state: CoreState): boolean {
  return state.catchUp.trimmedBy.size > 0 && nextToAsk(state) === undefined;
}

/**
 * Only a leader says unasked how far it knows. Where it cannot help, the other members are taken to know as much: their
 * logs may begin earlier, or be whole. Whoever knows less does not answer.
 */
function turnToOthers({ catchUp, memberships, learner, self }: CoreState, from: ReplicaId): void {
  const chosenTo = catchUp.knownBy.get(from);
  if (chosenTo === undefined) return;
  for (const { members } of reignsWithin(memberships, learner.chosenTo)) {
    for (const member of members) {
      const isAsked = member === self.replica || catchUp.knownBy.has(member) || catchUp.trimmedBy.has(member);
      if (!isAsked) catchUp.knownBy.set(member, chosenTo);
    }
  }
}

function callForSnapshot(state: CoreState, outputs: CoreOutput[]): void {
  if (!isBehind(state)) return;
  outputs.push({ kind: 'behind', minChosenInstance: Math.min(...state.catchUp.trimmedBy.values()) });
}

function ask(state: CoreState, of: ReplicaId, outputs: CoreOutput[]): void {
  const { catchUp, learner } = state;
  const firstInstance = learner.chosenTo + 1;
  catchUp.asked = { of, firstInstance, ticks: 0 };
  catchUp.lastAsked = of;
  const message = { kind: 'fetch', firstInstance } as const;
  outputs.push({ kind: 'send', to: of, message, afterSync: false });
}

/** Those who know more take turns, in the order of their numbers. */
function nextToAsk({ catchUp }: CoreState): ReplicaId | undefined {
  const candidates = [...catchUp.knownBy.keys()]
    .filter((replica) => !catchUp.trimmedBy.has(replica))
    .sort((left, right) => left - right);
  return candidates.find((replica) => replica > catchUp.lastAsked) ?? candidates[0];
}

/** Whoever does not know more than this replica is of no help now. */
function forgetLevel({ catchUp, learner }: CoreState): void {
  for (const [replica, chosenTo] of catchUp.knownBy) {
    if (chosenTo <= learner.chosenTo) catchUp.knownBy.delete(replica);
  }
  for (const [replica, minChosenInstance] of catchUp.trimmedBy) {
    if (minChosenInstance <= learner.chosenTo + 1) catchUp.trimmedBy.delete(replica);
  }
}
