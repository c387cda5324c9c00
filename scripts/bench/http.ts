import { join } from 'node:path';
import { load, MeasuredServer } from './processes.ts';
import { median, type Row } from './table.ts';

interface CheckpointStatus {
  readonly checkpointInstance: number;
  readonly appliedInstance: number;
  readonly replayer: { readonly lag: number };
}

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

/** Writes documents 0 … count − 1 once each. */
export async function fill(server: MeasuredServer, count: number): Promise<void> {
  const result = await load({
    port: server.port,
    method: 'PUT',
    connections: 64,
    seconds: 3_600,
    keys: count,
    sequential: true,
  });
  if (result.failures > 0) throw new Error(`${result.failures} writes failed while filling`);
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
    yield { what: 'fill, 64 connections', value: options.keys / fillSeconds, unit: 'PUT/s' };
    yield { what: 'Replayer level after the fill', value: await untilLevel(loggos), unit: 's' };
    for (const method of ['PUT', 'GET'] as const) {
      for (const connections of [1, 64, 256]) {
        const common = { method, connections, seconds: options.seconds, keys: options.keys };
        const rates: number[] = [];
        const bareRates: number[] = [];
        const p99s: number[] = [];
        const cpus: number[] = [];
        const delays: number[] = [];
        const batches: number[] = [];
        for (let round = 0; round < options.rounds; round++) {
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
          ratio: median(rates) / median(bareRates),
          against: `bare node:http, ${Math.round(median(bareRates)).toLocaleString('en')}/s${goal}`,
        };
        yield { what: `${name}, p99`, value: median(p99s), unit: 'ms' };
        yield { what: `${name}, CPU of the main thread`, value: median(cpus), unit: 'µs/request' };
        yield { what: `${name}, event-loop delay, p99`, value: median(delays), unit: 'ms' };
        if (method === 'PUT')
          yield { what: `${name}, events a flush of the log`, value: median(batches), unit: 'events' };
      }
      if (method === 'PUT') yield { what: 'Replayer level after the PUTs', value: await untilLevel(loggos), unit: 's' };
    }
  } finally {
    await bare.end();
    await loggos.end();
  }
}
