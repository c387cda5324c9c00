/** What the checker can find wrong, one word a rule: tests show that each of them can be broken and is then found. */
export const rules = [
  // The chosen history by itself.
  'position-gap',
  'instance-order',
  'time-goes-back',
  'revision-gap',
  'effect-twice',
  'key-effect-twice',
  // The chosen history against what was asked.
  'invented-event',
  'effect-not-as-asked',
  // Each answer against the chosen history.
  'acknowledged-missing',
  'position-of-another',
  'answer-not-as-chosen',
  'refused-but-done',
  'rejected-but-done',
  'rejection-not-as-replayed',
  'read-not-as-replayed',
  'read-beyond-history',
  'read-inside-instance',
  // Answers against each other.
  'against-real-time',
  'minimum-not-honoured',
  'local-read-goes-back',
  'retry-with-another-outcome',
  'reused-key-not-refused',
  'not-linearizable',
  'undecided',
  // Event streams (C5).
  'stream-out-of-order',
  'stream-repeat',
  'stream-gap',
  'stream-unchosen',
  'stream-filter',
  'stream-splits-transaction',
  'stream-gone-needlessly',
  'stream-stalled',
  // What replicas said, at every step.
  'two-values',
  'two-values-at-a-ballot',
  'accepted-unproposed',
  'chosen-then-lost',
  'chosen-without-quorum',
  'promise-goes-back',
  'accept-below-promise',
  'promise-lost',
  'accept-lost',
  'intact-called-damaged',
  'applied-out-of-order',
  'state-diverges',
  'digest-diverges',
  'acknowledged-before-applied',
  'acknowledged-lost',
] as const;

export type Rule = (typeof rules)[number];

/** Something that must never be was seen. The run that meets one has failed. */
export class Violation extends Error {
  readonly rule: Rule;
  constructor(rule: Rule, detail: string) {
    super(`${rule}: ${detail}`);
    this.name = 'Violation';
    this.rule = rule;
  }
}
