/**
 * A histogram in plain numbers, printed in Prometheus' format: some are touched by every request, where a library's,
 * made for labels, would cost ten times as much.
 */
export class PlainHistogram {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  /** How many values are in each bucket and in no lower one; the last: above all bounds. */
  readonly #counts: number[];
  #sum = 0;

  /** @param bounds - of the buckets, inclusive, ascending */
  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name;
    this.#help = help;
    this.#bounds = bounds;
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += value;
  }

  /** Its lines, each with its end. */
  print(): string {
    const name = this.#name;
    let text = `# HELP ${name} ${this.#help}\n# TYPE ${name} histogram\n`;
    let count = 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      count += this.#counts[bucket] ?? 0;
      text += `${name}_bucket{le="${this.#bounds[bucket] ?? '+Inf'}"} ${count}\n`;
    }
    return `${text}${name}_sum ${this.#sum}\n${name}_count ${count}\n`;
  }
}
