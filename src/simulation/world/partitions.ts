/** A direction in which nothing goes: from the first machine to the second. */
export type Cut = readonly [from: string, to: string];

/** Nobody of one group reaches anybody of another. Who is in no group is not touched. */
export function betweenGroups(groups: readonly (readonly string[])[]): Cut[] {
  return groups.flatMap((group) =>
    groups.flatMap((other) => (other === group ? [] : group.flatMap((from) => other.map((to): Cut => [from, to])))),
  );
}

/** One machine is alone. */
export function alone(name: string, all: readonly string[]): Cut[] {
  return betweenGroups([[name], all.filter((other) => other !== name)]);
}

/** Each machine reaches the one before it and the one after it, in a circle, and no other. */
export function onlyNeighbours(circle: readonly string[]): Cut[] {
  return circle.flatMap((from, place) =>
    circle.flatMap((to, other): Cut[] => {
      const distance = Math.abs(place - other);
      return distance <= 1 || distance === circle.length - 1 ? [] : [[from, to]];
    }),
  );
}

/** Each machine reaches only the next one in a circle: what it says comes back by way of all the others, or not at all. */
export function onlyNext(circle: readonly string[]): Cut[] {
  return circle.flatMap((from, place) =>
    circle.flatMap((to, other): Cut[] => {
      const isNext = other === (place + 1) % circle.length;
      return isNext || other === place ? [] : [[from, to]];
    }),
  );
}
