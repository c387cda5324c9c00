import { LoggosError } from '../../base/errors.ts';
import type { DedupeEntry, DocumentProposal, ProposalOutcome, Settings } from './types.ts';

/** What identifies a keyed proposal, as one text: two never give the same. */
export function dedupeKey(actor: string, key: string, line: number): string {
  return `${line}:${key.length}:${key}${actor}`;
}

/**
 * Whether an entry still counts at a time of replicated time, when `lastOrdinal` is the newest entry's: never because
 * it is still there.
 */
export function isRemembered(entry: DedupeEntry, time: number, lastOrdinal: number, settings: Settings): boolean {
  return entry.time > time - settings.dedupeWindowMs && entry.ordinal > lastOrdinal - settings.dedupeEntriesMax;
}

/** The entry that remembers a keyed proposal's outcome. @param lastPosition - before the proposal */
export function dedupeEntry(
  actor: string,
  idempotency: NonNullable<DocumentProposal['idempotency']>,
  outcome: ProposalOutcome,
  at: { readonly ordinal: number; readonly time: number; readonly instance: number; readonly lastPosition: number },
): DedupeEntry {
  const { key, line, requestHash } = idempotency;
  const { ordinal, time, instance, lastPosition } = at;
  // Its events begin behind the last position then; a rejection, and checks alone, leave it as it was.
  const position = outcome.position > lastPosition ? lastPosition + 1 : lastPosition;
  const result =
    outcome.kind === 'applied'
      ? JSON.stringify({ position: outcome.position, results: outcome.results })
      : JSON.stringify({ code: outcome.code, message: outcome.message, facts: outcome.facts });
  return { actor, key, line, ordinal, time, instance, position, outcome: outcome.kind, requestHash, result };
}

/**
 * The first outcome again.
 * @throws LoggosError `checkpoint-damaged`: the entry is not what was written
 */
export function replayOf({ outcome, result, instance, time, position }: DedupeEntry): ProposalOutcome {
  try {
    const remembered = JSON.parse(result);
    if (outcome === 'applied') {
      return {
        kind: outcome,
        instance,
        time,
        position: remembered.position,
        results: remembered.results,
        replayed: true,
      };
    }
    const { code, message, facts } = remembered;
    return { kind: outcome, instance, code, message, facts, position, replayed: true };
  } catch (error) {
    throw new LoggosError('checkpoint-damaged', 'A remembered outcome cannot be read.', { position }, error);
  }
}

export function isSameRequest(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false;
  return true;
}
