/** What the Cleaner's decision hangs on. All instances are of one moment. */
export interface CleanFacts {
  readonly minChosenInstance: number;
  /** Of the *durable* checkpoint, the minimum over machines; 0: none. */
  readonly checkpointInstance: number;
  readonly appliedInstance: number;
  readonly holdCount: number;
  readonly holdBytes: number;
  readonly holdSeconds: number;
  /** Wall-clock milliseconds. */
  readonly now: number;
  /** Bytes of log from an instance on; falls as the instance grows. */
  bytesFrom(instance: number): number;
  /** Wall-clock milliseconds of the log around an instance. */
  timeOf(instance: number): number | undefined;
  /** The oldest instance that somebody is reading from; absent: nobody. */
  readonly heldFrom?: number;
  /** A group of one keeps log from here on to rebuild a rotten checkpoint from its newest verified snapshot … */
  readonly rebuildFrom?: number;
  /** … but not more than so many bytes of it. */
  readonly rebuildBytes?: number;
}

/**
 * The Cleaner's whole decision: the first instance that stays in the log; everything below it may go.
 *
 * An instance i may go only if i + holdCount < checkpointInstance + 1 and i + holdCount < appliedInstance + 1 (PhxPaxos),
 * or if the log held for replicas that lag is more than `holdBytes` or older than `holdSeconds`. Never may one above
 * the durable checkpoint go, nor one that somebody reads, nor, within its bytes, one that a rebuild needs.
 */
export function cleanTo(facts: CleanFacts): number {
  const covered = Math.min(facts.checkpointInstance, facts.appliedInstance);
  const end = covered + 1;
  if (covered <= 0 || end <= facts.minChosenInstance) return facts.minChosenInstance;
  const heldBytes = (instance: number) => facts.bytesFrom(instance) - facts.bytesFrom(end);
  const oldest = facts.now - facts.holdSeconds * 1000;

  let keep = Math.max(facts.minChosenInstance, end - facts.holdCount);
  keep = firstWhere(keep, end, (instance) => heldBytes(instance) <= facts.holdBytes);
  keep = firstWhere(keep, end, (instance) => (facts.timeOf(instance) ?? facts.now) >= oldest);

  if (facts.rebuildFrom !== undefined) {
    const rebuildBytes = facts.rebuildBytes ?? 0;
    const from = Math.max(facts.minChosenInstance, Math.min(facts.rebuildFrom, end));
    // Log with a hole rebuilds nothing: all from there on, or none.
    if (heldBytes(from) <= rebuildBytes) keep = Math.min(keep, from);
  }
  if (facts.heldFrom !== undefined) keep = Math.min(keep, facts.heldFrom);
  return Math.max(facts.minChosenInstance, Math.min(keep, end));
}

/** The first instance of `first` to `end` that a property holds for which then holds up to `end`. */
export function firstWhere(first: number, end: number, holds: (instance: number) => boolean): number {
  let low = first;
  let high = end;
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
