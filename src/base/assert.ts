/** A broken invariant: a programmer's error. The replica that meets one stops and keeps its data. */
export class InvariantError extends Error {
  readonly facts: Readonly<Record<string, unknown>>;
  constructor(invariant: string, facts: Readonly<Record<string, unknown>>) {
    super(`broken invariant: ${invariant} ${JSON.stringify(facts)}`);
    this.name = 'InvariantError';
    this.facts = facts;
  }
}

/**
 * States an invariant where it is relied on, in production too.
 * @param invariant - the invariant itself, said positively
 * @param facts - what a bug report would ask for; pass none on the path of every record
 * @throws InvariantError
 */
export function assert(
  condition: boolean,
  invariant: string,
  facts: Readonly<Record<string, unknown>> = {},
): asserts condition {
  if (!condition) throw new InvariantError(invariant, facts);
}

/** Makes a new kind without a case not compile. */
export function unreachable(value: never): never {
  throw new InvariantError('every kind has a case', { value });
}
