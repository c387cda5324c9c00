import { assert } from '../../base/assert.ts';
import { Violation } from './violation.ts';

/** One event as a replica that applied its instance has it. */
export interface ChosenEvent {
  readonly instance: number;
  readonly position: number;
  /** Of the proposal; the events of a transaction share it. */
  readonly proposalId: string;
  /** With its actor; undefined where the proposal had none. */
  readonly idempotencyKey: string | undefined;
  /** collection/documentId */
  readonly key: string;
  readonly revision: number;
  readonly deleted: boolean;
  /** The document after it, as in `DocumentState`; undefined where it is deleted, or where the event does not tell. */
  readonly value: string | undefined;
  /** Replicated time, milliseconds. */
  readonly time: number;
}

/** Where a proposal's events are; both inclusive. */
export interface Effect {
  readonly instance: number;
  readonly firstPosition: number;
  lastPosition: number;
}

/**
 * The one history, taken event by event from whichever replica applies an instance first, and checked as it grows:
 * positions without gap, revisions counted by one, at most one effect a proposal, and one a key within the window.
 * Entries are taken to leave the window by time alone: a run makes far fewer keyed proposals than are remembered.
 */
export class ChosenHistory {
  readonly #dedupeWindowMs: number;
  readonly #eventsMax: number;
  readonly #events: ChosenEvent[] = [];
  readonly #effects = new Map<string, Effect>();
  readonly #revisions = new Map<string, number>();
  readonly #keyed = new Map<string, ChosenEvent>();

  /** @param eventsMax - far above what a run makes: more is a broken invariant */
  constructor({ dedupeWindowMs, eventsMax }: { readonly dedupeWindowMs: number; readonly eventsMax: number }) {
    this.#dedupeWindowMs = dedupeWindowMs;
    this.#eventsMax = eventsMax;
  }

  /** By position, from 1. */
  get events(): readonly ChosenEvent[] {
    return this.#events;
  }

  get lastPosition(): number {
    return this.#events.length;
  }

  /** Whether no entry of the dedupe window can have left it in all of this history. */
  get isInsideWindow(): boolean {
    const first = this.#events[0]?.time ?? 0;
    return (this.#events.at(-1)?.time ?? 0) - first < this.#dedupeWindowMs;
  }

  effectOf(proposalId: string): Effect | undefined {
    return this.#effects.get(proposalId);
  }

  eventAt(position: number): ChosenEvent | undefined {
    return this.#events[position - 1];
  }

  /** Whether a state may be seen at `position`: not inside a transaction. */
  isProposalEnd(position: number): boolean {
    const before = this.eventAt(position);
    return before === undefined || before.proposalId !== this.eventAt(position + 1)?.proposalId;
  }

  /** @throws Violation */
  append(event: ChosenEvent): void {
    assert(this.#events.length < this.#eventsMax, 'a run makes fewer events than the limit');
    const last = this.#events.at(-1);
    if (event.position !== this.#events.length + 1) {
      throw new Violation('position-gap', `position ${event.position} comes after ${this.#events.length}`);
    }
    if (last !== undefined) checkAfter(event, last);
    const revision = this.#revisions.get(event.key) ?? 0;
    if (event.revision !== revision + 1) {
      const detail = `${event.key} gets revision ${event.revision} after ${revision}, at position ${event.position}`;
      throw new Violation('revision-gap', detail);
    }
    this.#takeEffect(event, last);
    this.#revisions.set(event.key, event.revision);
    this.#events.push(event);
  }

  #takeEffect(event: ChosenEvent, last: ChosenEvent | undefined): void {
    const { instance, position, proposalId } = event;
    const earlier = this.#effects.get(proposalId);
    if (earlier === undefined) {
      this.#takeKey(event);
      this.#effects.set(proposalId, { instance, firstPosition: position, lastPosition: position });
      return;
    }
    // A transaction goes on where it stopped, in its own instance, with another document.
    const goesOn = last?.proposalId === proposalId && earlier.instance === instance;
    if (!goesOn || this.#writes(earlier, event.key)) {
      const detail = `proposal ${proposalId} has an effect at ${earlier.firstPosition} and again at ${position}`;
      throw new Violation('effect-twice', detail);
    }
    earlier.lastPosition = position;
  }

  #writes({ firstPosition, lastPosition }: Effect, key: string): boolean {
    for (let position = firstPosition; position <= lastPosition; position++) {
      if (this.eventAt(position)?.key === key) return true;
    }
    return false;
  }

  #takeKey(event: ChosenEvent): void {
    if (event.idempotencyKey === undefined) return;
    const earlier = this.#keyed.get(event.idempotencyKey);
    if (earlier !== undefined && event.time - earlier.time < this.#dedupeWindowMs) {
      const detail = `key ${event.idempotencyKey} has an effect at ${earlier.position} and again at ${event.position}`;
      throw new Violation('key-effect-twice', detail);
    }
    this.#keyed.set(event.idempotencyKey, event);
  }
}

function checkAfter(event: ChosenEvent, last: ChosenEvent): void {
  if (event.instance < last.instance) {
    throw new Violation(
      'instance-order',
      `position ${event.position} is of instance ${event.instance}, the one before it of ${last.instance}`,
    );
  }
  const isOtherTime = event.instance === last.instance && event.time !== last.time;
  if (event.time < last.time || isOtherTime) {
    throw new Violation(
      'time-goes-back',
      `position ${event.position} has time ${event.time}, the one before it ${last.time}`,
    );
  }
}
