import {
  type DocumentState,
  type DocumentWrite,
  evaluate,
  isSameState,
  neverWritten,
  printState,
} from './document-model.ts';

/** One operation on one document, with all that its answer says about the document. */
export interface RegisterOperation {
  readonly called: number;
  /** Infinity: it happened, and nobody knows when. */
  readonly returned: number;
  /** A line for people. */
  readonly print: () => string;
  readonly action:
    | { readonly kind: 'read'; readonly state: DocumentState }
    /** `revision` undefined: the client was not told. */
    | { readonly kind: 'write'; readonly write: DocumentWrite; readonly revision: number | undefined }
    /** `code` undefined: rejected for some reason. */
    | { readonly kind: 'rejected'; readonly write: DocumentWrite; readonly code: string | undefined };
}

export type Linearizability =
  | { readonly kind: 'linearizable'; readonly steps: number }
  | { readonly kind: 'not-linearizable'; readonly explanation: string }
  /** The cap was reached. */
  | { readonly kind: 'undecided'; readonly steps: number };

/** One step on a document as it stands: the next state, or undefined where the answer cannot have been given there. */
export function applyTo(state: DocumentState, { action }: RegisterOperation): DocumentState | undefined {
  if (action.kind === 'read') return isSameState(state, action.state) ? state : undefined;
  const next = evaluate(state, action.write);
  if (action.kind === 'rejected') {
    return typeof next === 'string' && (action.code === undefined || action.code === next) ? state : undefined;
  }
  if (typeof next === 'string') return undefined;
  return action.revision === undefined || action.revision === next.revision ? next : undefined;
}

/**
 * Whether the operations on one document can be put in an order that respects real time and explains every answer.
 * @param stepsMax - tries of one operation on one state, so that the answer does not depend on the machine
 * @see Wing, Gong: "Testing and Verifying Concurrent Objects", JPDC 1993
 * @see Lowe: "Testing for linearizability", Concurrency and Computation 2017, for the memory of visited configurations
 */
export function checkLinearizable(operations: readonly RegisterOperation[], stepsMax: number): Linearizability {
  return new Search(operations).run(stepsMax);
}

/** Where the search could not go on. */
interface Impasse {
  readonly event: number;
  readonly placed: number;
  readonly last: readonly number[];
  readonly open: readonly number[];
  readonly state: DocumentState;
}

interface Choice {
  readonly call: number;
  readonly state: DocumentState;
  readonly newest: number;
}

/**
 * Depth-first. The events that are not yet explained, calls and returns in time, are a doubly linked list: an operation
 * that was given its place is lifted out with its return, and put back when the search turns around.
 */
class Search {
  readonly #operations: readonly RegisterOperation[];
  /** By event number from 1: the operation's index; the head of the list is 0, its end `#end`. */
  readonly #operationOf: Int32Array;
  /** By event: of a call, its return's event; of a return 0. */
  readonly #returnOf: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #end: number;
  readonly #visited = new Set<string>();
  readonly #path: Choice[] = [];
  #steps = 0;
  #state: DocumentState = neverWritten;
  /** The latest event among the calls that have their place. */
  #newest = 0;
  #furthest: Impasse = { event: 0, placed: 0, last: [], open: [], state: neverWritten };

  constructor(operations: readonly RegisterOperation[]) {
    this.#operations = operations;
    this.#end = 2 * operations.length + 1;
    this.#operationOf = new Int32Array(this.#end + 1);
    this.#returnOf = new Int32Array(this.#end + 1);
    this.#next = new Int32Array(this.#end + 1);
    this.#previous = new Int32Array(this.#end + 1);
    for (let event = 0; event <= this.#end; event += 1) {
      this.#next[event] = event + 1;
      this.#previous[event] = event - 1;
    }
    this.#putEvents();
  }

  /** Numbers calls and returns in time. Calls go before returns of the same time: those two overlap. */
  #putEvents(): void {
    const operations = this.#operations;
    const calls = orderBy(operations, ({ called }) => called);
    const returns = orderBy(operations, ({ returned }) => returned);
    const callOf = new Int32Array(operations.length);
    let call = 0;
    for (let event = 1, end = 0; event < this.#end; event += 1) {
      const calling = calls[call];
      const returning = returns[end];
      if (calling !== undefined && returning !== undefined && calling.time <= returning.time) {
        this.#operationOf[event] = calling.operation;
        callOf[calling.operation] = event;
        call += 1;
      } else if (returning !== undefined) {
        this.#operationOf[event] = returning.operation;
        this.#returnOf[at(callOf, returning.operation)] = event;
        end += 1;
      }
    }
  }

  run(stepsMax: number): Linearizability {
    this.#placeObservations();
    let event = at(this.#next, 0);
    while (at(this.#next, 0) !== this.#end) {
      if (this.#steps > stepsMax) return { kind: 'undecided', steps: this.#steps };
      if (at(this.#returnOf, event) === 0) {
        // This one has returned: it had to have its place by now.
        this.#remember(event);
        const call = this.#turnBack();
        if (call === undefined) return { kind: 'not-linearizable', explanation: this.#explain() };
        event = at(this.#next, call);
      } else {
        event = this.#tryChange(event) ? at(this.#next, 0) : at(this.#next, event);
      }
    }
    return { kind: 'linearizable', steps: this.#steps };
  }

  /**
   * What changes nothing and can have its place now never does better with a later one, since whatever must come before
   * it has its place already: it is not a choice, and nothing else is tried instead.
   */
  #placeObservations(): void {
    let event = at(this.#next, 0);
    while (at(this.#returnOf, event) !== 0) {
      const isPlaced = isObservation(this.#operation(event)) && this.#apply(event) !== undefined;
      if (isPlaced) this.#place(event, this.#state);
      event = isPlaced ? at(this.#next, 0) : at(this.#next, event);
    }
  }

  #tryChange(call: number): boolean {
    // An observation that has no place yet has none in this state.
    const next = isObservation(this.#operation(call)) ? undefined : this.#apply(call);
    if (next === undefined) return false;
    this.#place(call, next);
    const configuration = this.#configuration();
    if (this.#visited.has(configuration)) {
      this.#turnBack();
      return false;
    }
    this.#visited.add(configuration);
    this.#placeObservations();
    return true;
  }

  #apply(call: number): DocumentState | undefined {
    this.#steps += 1;
    return applyTo(this.#state, this.#operation(call));
  }

  #place(call: number, next: DocumentState): void {
    this.#path.push({ call, state: this.#state, newest: this.#newest });
    this.#lift(call);
    this.#state = next;
    this.#newest = Math.max(this.#newest, call);
  }

  /** @returns the last change, which is back in the list with all observations after it; undefined: there is none */
  #turnBack(): number | undefined {
    for (let choice = this.#path.pop(); choice !== undefined; choice = this.#path.pop()) {
      this.#state = choice.state;
      this.#newest = choice.newest;
      this.#put(choice.call);
      if (!isObservation(this.#operation(choice.call))) return choice.call;
    }
    return undefined;
  }

  /** Which operations have their place, told by the few that are skipped, and the state: in full, not as a hash. */
  #configuration(): string {
    let text = `${this.#newest}`;
    for (let event = at(this.#next, 0); event < this.#newest; event = at(this.#next, event)) {
      if (at(this.#returnOf, event) !== 0) text += ` ${event}`;
    }
    const { revision, value } = this.#state;
    return value === undefined ? `${text}/${revision}` : `${text}/${revision}/${value}`;
  }

  #lift(call: number): void {
    this.#unlink(call);
    this.#unlink(at(this.#returnOf, call));
  }

  #unlink(event: number): void {
    const before = at(this.#previous, event);
    const after = at(this.#next, event);
    this.#next[before] = after;
    this.#previous[after] = before;
  }

  /** In the reverse order of `#lift`, so that each finds its neighbours as they were. */
  #put(call: number): void {
    this.#link(at(this.#returnOf, call));
    this.#link(call);
  }

  #link(event: number): void {
    this.#next[at(this.#previous, event)] = event;
    this.#previous[at(this.#next, event)] = event;
  }

  #operation(event: number): RegisterOperation {
    return this.#operations[at(this.#operationOf, event)] as RegisterOperation;
  }

  /** What no order gets past ends the shortest prefix that is wrong. Kept with the fewest that had to fit before it. */
  #remember(stuck: number): void {
    const { event: furthest, placed } = this.#furthest;
    if (stuck < furthest || (stuck === furthest && this.#path.length >= placed)) return;
    const open: number[] = [];
    for (let event = at(this.#next, 0); event < stuck && open.length < 10; event = at(this.#next, event)) {
      if (at(this.#operationOf, event) !== at(this.#operationOf, stuck)) open.push(event);
    }
    const last = this.#path.slice(-6).map(({ call }) => call);
    this.#furthest = { event: stuck, placed: this.#path.length, last, open, state: this.#state };
  }

  #explain(): string {
    const { event, placed, last, open, state } = this.#furthest;
    const print = (number: number): string => `  ${this.#operation(number).print()}`;
    return [
      `no order explains the first ${event} calls and returns. ${placed} operations fit, the last of them:`,
      ...last.map(print),
      `then the document is: ${printState(state)}. What has returned by then and fits nowhere:`,
      print(event),
      ...(open.length === 0 ? [] : ['open beside it:', ...open.map(print)]),
    ].join('\n');
  }
}

function isObservation({ action }: RegisterOperation): boolean {
  return action.kind !== 'write' || action.write.change.kind === 'check';
}

interface Moment {
  readonly time: number;
  /** Its index. */
  readonly operation: number;
}

function orderBy(
  operations: readonly RegisterOperation[],
  timeOf: (operation: RegisterOperation) => number,
): readonly Moment[] {
  const moments = operations.map((operation, index) => ({ time: timeOf(operation), operation: index }));
  return moments.sort((left, right) => {
    // Infinity equals itself; a difference would be NaN.
    return left.time === right.time ? left.operation - right.operation : left.time - right.time;
  });
}

function at(list: Int32Array, index: number): number {
  return list[index] as number;
}
