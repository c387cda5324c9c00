/**
 * Defects that the simulator must find (RELIABILITY 3.4): each is one line behind `isPlanted`. Nothing but the
 * simulator calls `plantBug`, and the command that serves never loads the simulator.
 */
export const plantedBugs = [
  'answer-before-sync',
  'leader-counts-itself-early',
  'forget-promise-on-restart',
  'cut-at-first-bad-record',
  'damaged-is-never-accepted',
  'retry-failed-sync',
  'ignore-short-write',
  'no-directory-sync',
  'reuse-ballot-after-restart',
  'newest-seen-instead-of-highest-ballot',
  'no-op-below-truncation',
  'chosen-notice-without-ballot',
  'apply-out-of-order',
  'read-on-old-confirmation',
  'read-before-own-instance',
  'dedupe-by-own-progress',
  'dedupe-missing-in-checkpoint',
  'checkpoint-instance-outside-transaction',
  'clean-beyond-checkpoint',
  'membership-at-once',
  'quorum-of-newest-membership',
  'map-order-in-digest',
  'skip-hash-check',
  'drop-event-at-leader-change',
  'vote-with-lost-memory',
] as const;

export type PlantedBug = (typeof plantedBugs)[number];

let planted: PlantedBug | undefined;

/** Always false in the product. */
export function isPlanted(bug: PlantedBug): boolean {
  return planted === bug;
}

/** For the simulator alone. */
export function plantBug(bug: PlantedBug | undefined): void {
  planted = bug;
}
