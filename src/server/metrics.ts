import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Observer } from '../base/observer.ts';
import { PlainHistogram } from './plain-histogram.ts';

/** What a gauge reads when it is asked; undefined: nothing to say now. */
export type GaugeReader = () => number | undefined | Promise<number | undefined>;

const secondsBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const bytesBuckets = Array.from({ length: 12 }, (_, power) => 64 * 4 ** power);
const countBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16_384];

/**
 * What is counted and measured, in Prometheus' words: every name is `loggos_` and what the floors below call it.
 * Counters and histograms are plain numbers until they are asked for, since some are touched by every record.
 */
export class Metrics implements Pick<Observer, 'count' | 'measure'> {
  readonly #registry = new Registry();
  readonly #counts = new Map<string, { value: number }>();
  readonly #histograms = new Map<string, PlainHistogram>();

  constructor() {
    collectDefaultMetrics({ register: this.#registry, prefix: 'loggos_' });
    new Counter({
      name: 'loggos_main_thread_cpu_seconds_total',
      help: 'Processor time of the thread that answers requests, in seconds.',
      registers: [this.#registry],
      collect() {
        const { user, system } = process.threadCpuUsage();
        this.reset();
        this.inc((user + system) / 1e6);
      },
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  count(counter: string, amount = 1): void {
    const known = this.#counts.get(counter) ?? this.#addCounter(counter);
    known.value += amount;
  }

  measure(histogram: string, value: number): void {
    const known = this.#histograms.get(histogram) ?? this.#addHistogram(histogram);
    known.observe(value);
  }

  /** A second one of the same name takes the place of the first: a database may be opened again in this process. */
  gauge(name: string, help: string, read: GaugeReader): void {
    this.#registry.removeSingleMetric(`loggos_${name}`);
    new Gauge({
      name: `loggos_${name}`,
      help,
      registers: [this.#registry],
      async collect() {
        const value = await read();
        if (value !== undefined) this.set(value);
      },
    });
  }

  /** The text that `/metrics` answers with. */
  async text(): Promise<string> {
    const histograms = [...this.#histograms.values()].map((histogram) => histogram.print());
    return `${await this.#registry.metrics()}${histograms.join('')}`;
  }

  #addCounter(counter: string): { value: number } {
    const count = { value: 0 };
    this.#counts.set(counter, count);
    const name = `loggos_${counter.replace(/_total$/, '')}_total`;
    new Counter({
      name,
      help: helpOf(counter),
      registers: [this.#registry],
      collect() {
        this.reset();
        this.inc(count.value);
      },
    });
    return count;
  }

  #addHistogram(histogram: string): PlainHistogram {
    const buckets = histogram.endsWith('_seconds')
      ? secondsBuckets
      : histogram.endsWith('_bytes')
        ? bytesBuckets
        : countBuckets;
    const made = new PlainHistogram(`loggos_${histogram}`, helpOf(histogram), buckets);
    this.#histograms.set(histogram, made);
    return made;
  }
}

function helpOf(name: string): string {
  return `${name.replaceAll('_', ' ')}, since this process started.`;
}
