import type { Logger } from 'pino';
import type { Observer } from '../base/observer.ts';
import type { Metrics } from './metrics.ts';

/** Turns what the floors below report into log lines and metrics. */
export function createObserver(logger: Logger, metrics: Metrics): Observer {
  return {
    report: (level, event, facts = {}) => logger[level](facts, event),
    count: (counter, amount) => metrics.count(counter, amount),
    measure: (histogram, value) => metrics.measure(histogram, value),
  };
}
