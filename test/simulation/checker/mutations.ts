import type { ChosenEvent } from '../../../src/simulation/checker/chosen-history.ts';
import { isWrite, type Operation, positionSeen, type WriteOperation } from '../../../src/simulation/checker/history.ts';
import type { SeededRandom } from '../../../src/simulation/seeded-random.ts';

export interface Story {
  readonly operations: readonly Operation[];
  readonly events: readonly ChosenEvent[];
}

export interface Mutation {
  /** Completes "a right history is refused when …". */
  readonly name: string;
  /** @returns undefined where the story has nothing to alter in this way */
  readonly mutate: (story: Story, random: SeededRandom) => Story | undefined;
}

/** Each makes one answer, or one event, certainly wrong. */
export const mutations: readonly Mutation[] = [
  {
    name: 'a read answers with another revision',
    mutate: (story, random) => {
      return alter(story, random, ({ outcome }) => {
        if (outcome.kind !== 'read') return undefined;
        return { outcome: { ...outcome, state: { ...outcome.state, revision: outcome.state.revision + 1 } } };
      });
    },
  },
  {
    name: 'a read answers with another content',
    mutate: (story, random) => {
      return alter(story, random, ({ outcome }) => {
        if (outcome.kind !== 'read') return undefined;
        return { outcome: { ...outcome, state: { ...outcome.state, value: 'nobody wrote this' } } };
      });
    },
  },
  {
    name: 'a linearizable read says an older position than was seen before it',
    mutate: (story, random) => {
      return alter(story, random, ({ outcome, request, called }) => {
        if (outcome.kind !== 'read' || request.kind !== 'read' || request.consistency === 'local') return undefined;
        const newest = newestBefore(story, called);
        return newest === 0 ? undefined : { outcome: { ...outcome, position: newest - 1 } };
      });
    },
  },
  {
    name: 'a write says the position after its own',
    mutate: (story, random) => {
      return alter(story, random, ({ outcome }) => {
        if (outcome.kind !== 'written') return undefined;
        const { firstPosition, lastPosition } = outcome;
        return { outcome: { ...outcome, firstPosition: firstPosition + 1, lastPosition: lastPosition + 1 } };
      });
    },
  },
  {
    name: 'a write says another revision',
    mutate: (story, random) => {
      return alter(story, random, ({ outcome }) => {
        if (outcome.kind !== 'written') return undefined;
        return { outcome: { ...outcome, revisions: outcome.revisions.map((revision) => (revision ?? 0) + 1) } };
      });
    },
  },
  {
    name: 'a write that was done says that it was refused',
    mutate: (story, random) => {
      return alter(story, random, (operation) => {
        return hasOwnEffect(operation, story) ? { outcome: { kind: 'refused', code: 'busy' } } : undefined;
      });
    },
  },
  {
    name: 'a write that was done says that it was rejected',
    mutate: (story, random) => {
      return alter(story, random, (operation) => {
        const outcome = { kind: 'rejected', code: 'already-exists', position: 0 } as const;
        return hasOwnEffect(operation, story) ? { outcome } : undefined;
      });
    },
  },
  {
    name: 'a rejected write says that it was done where another was',
    mutate: (story, random) => {
      return alter(story, random, ({ outcome }) => {
        if (outcome.kind !== 'rejected' || story.events.length === 0) return undefined;
        return { outcome: { kind: 'written', instance: 1, firstPosition: 1, lastPosition: 1, revisions: [1] } };
      });
    },
  },
  {
    name: 'a write was called after somebody had seen it',
    mutate: (story, random) => {
      return alter(story, random, (operation) => {
        const { outcome } = operation;
        if (outcome.kind !== 'written' || !hasOwnEffect(operation, story)) return undefined;
        const seen = story.operations.find((other) => {
          return other !== operation && (positionSeen(other) ?? 0) >= outcome.lastPosition;
        });
        return seen && { called: seen.returned + 0.5, returned: Number.POSITIVE_INFINITY };
      });
    },
  },
  {
    name: 'the last event that was acknowledged is lost',
    mutate: ({ operations, events }) => {
      const acknowledged = operations.map(({ outcome }) => (outcome.kind === 'written' ? outcome.lastPosition : 0));
      const last = Math.max(0, ...acknowledged);
      return last === 0 ? undefined : { operations, events: events.slice(0, last - 1) };
    },
  },
  {
    name: 'an event in the middle is lost, and the others moved up',
    mutate: (story, random) => {
      const { operations, events } = story;
      const lost = random.pick(operations.filter((operation) => hasOwnEffect(operation, story)));
      if (!isWrite(lost) || lost.outcome.kind !== 'written') return undefined;
      const { firstPosition } = lost.outcome;
      return { operations, events: renumber(events.toSpliced(firstPosition - 1, 1)) };
    },
  },
  {
    name: 'two events change places',
    mutate: ({ operations, events }, random) => {
      const place = random.integer(events.length - 1);
      const [first, second] = events.slice(place, place + 2);
      if (first === undefined || second === undefined || first.proposalId === second.proposalId) return undefined;
      const isAcknowledged = operations.some(({ outcome }) => {
        return outcome.kind === 'written' && outcome.firstPosition <= place + 2 && outcome.lastPosition > place;
      });
      return isAcknowledged ? { operations, events: renumber(events.toSpliced(place, 2, second, first)) } : undefined;
    },
  },
  {
    name: 'an event happens again at the end',
    mutate: ({ operations, events }, random) => {
      const again = random.pick(events);
      const last = events.findLast(({ key }) => key === again.key);
      const { instance = 0, time = 0 } = events.at(-1) ?? {};
      const position = events.length + 1;
      const revision = (last?.revision ?? 0) + 1;
      return { operations, events: [...events, { ...again, position, revision, instance: instance + 1, time }] };
    },
  },
];

/** Alters one operation that can be altered so. */
function alter(
  { operations, events }: Story,
  random: SeededRandom,
  change: (operation: Operation) => Partial<Operation> | undefined,
): Story | undefined {
  for (const operation of random.shuffled(operations)) {
    const changed = change(operation);
    if (changed === undefined) continue;
    const altered = { ...operation, ...changed } as Operation;
    return { operations: operations.map((other) => (other === operation ? altered : other)), events };
  }
  return undefined;
}

function newestBefore({ operations }: Story, called: number): number {
  return Math.max(0, ...operations.filter(({ returned }) => returned < called).map((one) => positionSeen(one) ?? 0));
}

/** Acknowledged, and by its own proposal. */
function hasOwnEffect(operation: Operation, { events }: Story): operation is WriteOperation {
  if (!isWrite(operation) || operation.outcome.kind !== 'written') return false;
  return events[operation.outcome.firstPosition - 1]?.proposalId === operation.request.proposalId;
}

/** Positions and revisions without a gap, as a store would give them. */
function renumber(events: readonly ChosenEvent[]): readonly ChosenEvent[] {
  const revisions = new Map<string, number>();
  let instance = 0;
  return events.map((event, index) => {
    const revision = (revisions.get(event.key) ?? 0) + 1;
    revisions.set(event.key, revision);
    instance = Math.max(instance, event.instance);
    return { ...event, position: index + 1, revision, instance, time: instance };
  });
}
