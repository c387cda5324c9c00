import { join } from 'node:path';
import { documentText } from './load.ts';
import { load, MeasuredServer } from './processes.ts';
import { median, type Row } from './table.ts';

interface CheckpointStatus {
  readonly checkpointInstance: number;
  readonly appliedInstance: number;
  readonly replayer: { readonly lag: number };
}

/** Until V8 has compiled nearly all that a write passes, both servers are under load. */
const warmSeconds = 8;
const loggosEntry = '../../bin/loggos.js';

/** A server on `data`, ready. */
export function startLoggos(data: string, flags: readonly string[] = []): Promise<MeasuredServer> {
  return MeasuredServer.start(loggosEntry, ['serve', '--http', '127.0.0.1:$PORT', '--data', data, ...flags], '/readyz');
}

/** Seconds until the Replayer has nothing left to do. */
export async function untilLevel(server: MeasuredServer): Promise<number> {
  const startedAt = performance.now();
  for (;;) {
    const status = await server.json<CheckpointStatus>('/v1/checkpoint');
    if (status.checkpointInstance === status.appliedInstance) return (performance.now() - startedAt) / 1_000;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Operations of one transaction of the fill. */
const fillOperations = 100;
/** Transactions on their way at once. */
const fillInFlight = 8;

/** Writes documents `first` … `end` − 1 once each: by transactions, since what is measured comes after it. */
export async function fill(server: MeasuredServer, end: number, first = 0): Promise<void> {
  let next = first;
  const writeOn = async (): Promise<void> => {
    while (next < end) {
      const from = next;
      next = Math.min(end, from + fillOperations);
      const operations = Array.from({ length: next - from }, (_, index) => {
        const key = from + index;
        return { op: 'put', collection: 'bench', id: `k${key}`, document: JSON.parse(documentText(key, 256)) };
      });
      await server.post('/v1/transactions', JSON.stringify({ operations }));
    }
  };
  await Promise.all(Array.from({ length: fillInFlight }, writeOn));
}

/** PUT and GET at 1, 64 and 256 connections, in rounds that alternate with a bare `node:http` server. */
export async function* measureHttp(options: {
  readonly directory: string;
  readonly seconds: number;
  readonly rounds: number;
  readonly keys: number;
}): AsyncGenerator<Row> {
  const loggos = await startLoggos(join(options.directory, `http-${options.keys}`));
  const bare = await MeasuredServer.start('./bare-server.ts', ['$PORT'], '/');
  try {
    const filledFrom = performance.now();
    await fill(loggos, options.keys);
    const fillSeconds = (performance.now() - filledFrom) / 1_000;
    const fillName = `fill, ${fillInFlight} transactions of ${fillOperations} in flight`;
    yield { what: fillName, value: options.keys / fillSeconds, unit: 'documents/s' };
    yield { what: 'Replayer level after the fill', value: await untilLevel(loggos), unit: 's' };
    // Both compile what is called often: neither is measured before.
    for (const { port } of [bare, loggos])
      await load({ port, method: 'PUT', seconds: warmSeconds, keys: options.keys });
    for (const method of ['PUT', 'GET'] as const) {
      for (const connections of [1, 64, 256]) {
        const common = { method, connections, seconds: options.seconds, keys: options.keys };
        const rates: number[] = [];
        const bareRates: number[] = [];
        const p99s: number[] = [];
        const cpus: number[] = [];
        const delays: number[] = [];
        const batches: number[] = [];
        const levels: number[] = [];
        for (let round = 0; round < options.rounds; round++) {
          // Whatever Loggos has put off is its own to pay for, not the bare server's.
          levels.push(await untilLevel(loggos));
          bareRates.push((await load({ ...common, port: bare.port })).requestsPerSecond);
          const before = await loggos.metrics();
          const result = await load({ ...common, port: loggos.port });
          const after = await loggos.metrics();
          if (result.failures > 0) throw new Error(`${result.failures} requests failed`);
          rates.push(result.requestsPerSecond);
          p99s.push(result.p99Ms);
          const grown = (metric: string): number => after(metric) - before(metric);
          cpus.push((grown('main_thread_cpu_seconds_total') / result.requests) * 1e6);
          // Since the metrics were asked for last: of this load alone.
          delays.push(after('nodejs_eventloop_lag_p99_seconds') * 1_000);
          if (method === 'PUT') batches.push(grown('position') / grown('log_write_seconds_count'));
        }
        const name = `${method}, ${connections} connection${connections === 1 ? '' : 's'}`;
        const goal = connections === 64 ? ` (goal ${method === 'PUT' ? 0.4 : 0.5})` : '';
        yield {
          what: name,
          value: median(rates),
          unit: '/s',
          // Round by round: what the machine does to both in the meantime cancels out.
          ratio: median(rates.map((rate, round) => rate / (bareRates[round] ?? Number.NaN))),
          against: `bare node:http, ${Math.round(median(bareRates)).toLocaleString('en')}/s${goal}`,
        };
        yield { what: `${name}, p99`, value: median(p99s), unit: 'ms' };
        yield { what: `${name}, CPU of the main thread`, value: median(cpus), unit: 'µs/request' };
        yield { what: `${name}, event-loop delay, p99`, value: median(delays), unit: 'ms' };
        if (method !== 'PUT') continue;
        levels.push(await untilLevel(loggos));
        yield { what: `${name}, events a flush of the log`, value: median(batches), unit: 'events' };
        yield { what: `${name}, Replayer level after each round`, value: median(levels.slice(1)), unit: 's' };
      }
    }
  } finally {
    await bare.end();
    await loggos.end();
  }
}
