/** Runs actions one after the other, in the order in which they were asked for. */
export class InOrder {
  #last: Promise<unknown> = Promise.resolve();

  run<Value>(action: () => Value | Promise<Value>): Promise<Value> {
    const result = this.#last.then(action);
    this.#last = result.then(ignore, ignore);
    return result;
  }
}

function ignore(): void {}
