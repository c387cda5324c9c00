import { assert } from '../../base/assert.ts';
import type { Hashes } from '../../base/hashes.ts';
import { forkFingerprint } from './fingerprint.ts';
import type { MachineState } from './types.ts';

/**
 * The state with which a restored database begins: a new history that forks off at the present position. Instances,
 * positions and the chain carry on; replicas of the old history can never agree with one of the new.
 */
export function forkState(state: MachineState, historyId: string, hashes: Hashes): MachineState {
  assert(
    state.histories.every(({ id }) => id !== historyId),
    'a new history has an id of its own',
    { historyId },
  );
  return {
    ...state,
    fingerprint: forkFingerprint(historyId, state.chain, hashes),
    histories: [...state.histories, { id: historyId, fork: state.position }],
  };
}
