import { isPlanted } from '../base/planted-bugs.ts';
import type { TransientMap } from '../base/transient-map.ts';
import { type Ballot, compareBallots } from './ballot.ts';

export interface ChosenInstance {
  readonly instance: number;
  readonly ballot: Ballot;
  readonly value: Uint8Array;
}

/** What a member knows to be chosen, in order. */
export interface LearnerState {
  /** maxChosenInstance: this one and all before it are known to be chosen, with their values. */
  chosenTo: number;
  /** Chosen values beyond a gap. */
  readonly ahead: TransientMap<number, ChosenInstance>;
  /** Chosen notices whose value is not in hand: the ballot that was chosen. */
  readonly noticed: TransientMap<number, Ballot>;
}

/** Takes a value known to be chosen; gives those that can now be executed, in order. */
export function learn(state: LearnerState, chosen: ChosenInstance): readonly ChosenInstance[] {
  if (chosen.instance <= state.chosenTo) return [];
  state.noticed.delete(chosen.instance);
  if (chosen.instance > state.chosenTo + 1) {
    state.ahead.set(chosen.instance, chosen);
    return [];
  }
  const inOrder = [chosen];
  state.chosenTo++;
  for (let next = takeNext(state); next !== undefined; next = takeNext(state)) inOrder.push(next);
  return inOrder;
}

/** Whether a vote cast at `ballot` is for the value that a notice said was chosen (B5). */
export function isNoticed(state: LearnerState, instance: number, ballot: Ballot): boolean {
  const noticed = state.noticed.get(instance);
  if (noticed !== undefined && isPlanted('chosen-notice-without-ballot')) return true;
  return noticed !== undefined && compareBallots(noticed, ballot) === 0;
}

function takeNext(state: LearnerState): ChosenInstance | undefined {
  const next = state.ahead.get(state.chosenTo + 1);
  if (next === undefined) return undefined;
  state.ahead.delete(next.instance);
  state.chosenTo++;
  state.noticed.delete(next.instance);
  return next;
}
