import type { Hashes } from '../../base/hashes.ts';
import { ByteWriter } from './byte-writer.ts';
import type { ProposalOutcome } from './types.ts';

const writer = new ByteWriter();

/** f_0 of a new database. */
export const zeroFingerprint: Uint8Array = new Uint8Array(32);

/**
 * f_i = SHA-256(f_(i−1), i, time, outcome codes, c after i): a link for every instance, no-ops too. Replicas compare it;
 * it is never recomputed from history.
 *
 * The outcome codes are one ASCII text behind its length, the proposals' codes in order with commas between: `+` applied,
 * `=` applied earlier and replayed, `-` and the error's code for a rejection, `~` and the code for a replayed one.
 */
export function nextFingerprint(
  previous: Uint8Array,
  instance: number,
  time: number,
  outcomes: readonly ProposalOutcome[],
  chain: Uint8Array,
  hashes: Hashes,
): Uint8Array {
  let codes = '';
  for (let index = 0; index < outcomes.length; index++) {
    const outcome = outcomes[index];
    if (outcome !== undefined) codes += index === 0 ? codeOf(outcome) : `,${codeOf(outcome)}`;
  }
  writer.begin().raw(previous).integer(instance).integer(time).text(codes).raw(chain);
  return hashes.sha256(writer.view());
}

/** What a history that begins with a restore starts from: SHA-256(its id, the chain hash at the fork). */
export function forkFingerprint(historyId: string, chain: Uint8Array, hashes: Hashes): Uint8Array {
  return hashes.sha256(writer.begin().text(historyId).raw(chain).view());
}

function codeOf(outcome: ProposalOutcome): string {
  if (outcome.kind === 'applied') return outcome.replayed ? '=' : '+';
  return `${outcome.replayed ? '~' : '-'}${outcome.code}`;
}
