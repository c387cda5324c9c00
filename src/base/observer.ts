/**
 * How low floors report what happens. `server/` turns reports into logs, metrics and traces; tests read them.
 * Facts carry no document bodies and no keys.
 */
export interface Observer {
  /** One thing that an operator may want to read. `event` is kebab-case and stable. */
  report(level: 'debug' | 'info' | 'warn' | 'error', event: string, facts?: Readonly<Record<string, unknown>>): void;
  /** Adds to a counter. Names are snake_case with the unit last, as Prometheus wants them. */
  count(counter: string, amount?: number): void;
  /** Records one observation of a distribution (seconds, bytes, or a count). */
  measure(histogram: string, value: number): void;
}

/** Reports to nobody. */
export const silentObserver: Observer = { report() {}, count() {}, measure() {} };
