import { assert } from '../../base/assert.ts';
import { LoggosError } from '../../base/errors.ts';
import type { Hashes } from '../../base/hashes.ts';
import type { MachineValue } from '../../statemachine/state-machine.ts';
import { nextFingerprint, zeroFingerprint } from './fingerprint.ts';
import { InstanceRun } from './instance-run.ts';
import { type DecodedWrite, decodeProposal, proposalVersion } from './proposal.ts';
import { defaultSettings } from './settings.ts';
import type { InstanceEffects, MachineState, SettingsProposal, StateView } from './types.ts';
import { timeMax } from './utc-time.ts';

/** Before instance 1. @param historyId - of the database's first history */
export function initialState(historyId: string): MachineState {
  return {
    instance: 0,
    time: 0,
    position: 0,
    chain: new Uint8Array(32),
    fingerprint: zeroFingerprint,
    dedupeOrdinal: 0,
    histories: [{ id: historyId, fork: 0 }],
    settings: defaultSettings,
  };
}

/**
 * The one execution, of the live state and of the checkpoint: pure, total and deterministic. It changes nothing; what
 * must become of it is in the effects.
 * @param instance - the one after `state.instance`
 * @param value - undefined: a no-op, a membership or another machine's; it moves the fingerprint on and nothing else
 * @param decoded - what `decodeProposal` makes of the value's proposals, where that is known already
 * @throws LoggosError `stopped`, before any effect: a newer release wrote one of the proposals. `checkpoint-damaged`, or
 * what else the view throws: this replica's own storage failed. No bytes of a proposal make it throw anything else
 */
export function executeInstance(
  state: MachineState,
  view: StateView,
  instance: number,
  value: MachineValue | undefined,
  hashes: Hashes,
  decoded: readonly (DecodedWrite | undefined)[] = [],
): InstanceEffects {
  assert(instance === state.instance + 1, 'instances are executed in order, without gaps');
  const proposals = value === undefined ? [] : decodeAll(value.proposals, instance, decoded);
  const time = value === undefined ? state.time : instanceTime(state.time, value.time);
  const run = new InstanceRun(state, view, instance, time, hashes);
  const outcomes = proposals.map((proposal) => run.propose(proposal));
  const { position, chain, dedupeOrdinal, settings, events, rows, dedupe } = run;
  const fingerprint = nextFingerprint(state.fingerprint, instance, time, outcomes, chain, hashes);
  const { histories } = state;
  const after = { instance, time, position, chain, fingerprint, dedupeOrdinal, histories, settings };
  return { instance, state: after, outcomes, events, rows, dedupe };
}

/** One time an instance, which never goes back. A stamp that no line could show is not followed. */
function instanceTime(last: number, stamp: number): number {
  return Number.isSafeInteger(stamp) && stamp <= timeMax && stamp > last ? stamp : last;
}

/** All of them first, so that a replica stops before an instance that it understands in part only. */
function decodeAll(
  proposals: readonly Uint8Array[],
  instance: number,
  decoded: readonly (DecodedWrite | undefined)[],
): readonly (DecodedWrite | SettingsProposal | undefined)[] {
  return proposals.map((bytes, index) => {
    const proposal = decoded[index] ?? decodeProposal(bytes);
    if (proposal?.kind !== 'unknown') return proposal;
    const { version } = proposal;
    const message = `Instance ${instance} holds a proposal of version ${version}; this release reads version ${proposalVersion}. Install the newer release; nothing is lost.`;
    throw new LoggosError('stopped', message, { instance, version });
  });
}
