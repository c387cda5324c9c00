import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fill, startLoggos, untilLevel } from './http.ts';
import { documentText } from './load.ts';
import { median, type Row } from './table.ts';

interface Options {
  readonly directory: string;
  readonly documents: number;
}

/** Seconds from the start of the process to ready, after `kill -9`, with few documents and with many. */
export async function* restartTimes(options: Options): AsyncGenerator<Row> {
  const small = await restartTime(options, 1_000);
  yield { what: 'ready again with 1,000 documents', value: small, unit: 's' };
  const large = await restartTime(options, options.documents);
  yield {
    what: `ready again with ${options.documents.toLocaleString('en')} documents`,
    value: large,
    unit: 's',
    ratio: large / small,
    against: 'with 1,000 (goal 2 × plus 1 s)',
  };
}

async function restartTime(options: Options, documents: number): Promise<number> {
  const data = join(options.directory, `restart-${documents}`);
  let server = await startLoggos(data);
  await fill(server, documents);
  await untilLevel(server);
  const times: number[] = [];
  for (let round = 0; round < 3; round++) {
    await server.end('SIGKILL');
    const startedAt = performance.now();
    server = await startLoggos(data);
    times.push((performance.now() - startedAt) / 1_000);
  }
  await server.end();
  return median(times);
}

/** So many documents, spread over all, are read before memory is looked at again. */
const readsOfMemory = 5_000;

/** Resident memory with more and more documents in the checkpoint: after writing them, just started, after reading some. */
export async function* memoryWithDocuments(options: {
  readonly directory: string;
  readonly memory: readonly number[];
}): AsyncGenerator<Row> {
  const data = join(options.directory, 'memory');
  let written = 0;
  for (const documents of options.memory) {
    const filling = await startLoggos(data);
    await fill(filling, documents, written);
    await untilLevel(filling);
    const name = `resident memory with ${documents.toLocaleString('en')} documents`;
    yield { what: `${name}, right after they were written`, value: await filling.residentMiB(), unit: 'MiB' };
    await filling.end();
    written = documents;
    const server = await startLoggos(data);
    yield { what: `${name}, started`, value: await server.residentMiB(), unit: 'MiB' };
    const step = documents / Math.min(documents, readsOfMemory);
    for (let n = 0; n < documents; n += step) await server.json(`/v1/documents/bench/k${Math.floor(n)}`);
    const resident = await server.residentMiB();
    const against = '200 MiB (goal 1)';
    yield { what: `${name}, after reads`, value: resident, unit: 'MiB', ratio: resident / 200, against };
    await server.end();
  }
}

/** Disk bytes of one 256-byte event in sealed history. */
export async function* historyBytes(options: Options): AsyncGenerator<Row> {
  const checkpoints = join(options.directory, `restart-${options.documents}`, 'databases/main/checkpoints');
  let bytes = 0;
  let events = 0;
  for (const entry of await readdir(checkpoints, { recursive: true })) {
    const range = /(\d{16})-(\d{16})\.ndjson\.zst$/.exec(entry);
    if (range === null) continue;
    bytes += (await stat(join(checkpoints, entry))).size;
    events += Number(range[2]) - Number(range[1]) + 1;
  }
  if (events === 0) return;
  yield {
    what: `sealed history of a ${Buffer.byteLength(documentText(1, 256))}-byte document`,
    value: bytes / events,
    unit: 'bytes/event',
    ratio: bytes / events / 130,
    against: '130 bytes (goal 1)',
  };
}
