import { join } from 'node:path';
import { counterCommits } from './counter-commits.ts';
import { documentCommits } from './document-commits.ts';
import { type CommitRate, inFlight } from './in-flight.ts';
import { syncRate } from './sync-rate.ts';
import { median, type Row } from './table.ts';

/** Of each round, so that what is compared was measured within the same seconds. */
const syncsPerRound = 300;

/**
 * Commits in one process without HTTP, with two machines: the example's counter, which shows what the log, Paxos and
 * the Replayer cost by themselves, and documents. Rounds alternate with single syncs.
 */
export async function* inProcessCommits(options: {
  readonly directory: string;
  readonly seconds: number;
  readonly rounds: number;
}): AsyncGenerator<Row> {
  const { directory, seconds, rounds } = options;
  const syncs: number[] = [];
  const counter: CommitRate[] = [];
  const documents: CommitRate[] = [];
  for (let round = 0; round < rounds; round++) {
    syncs.push(syncRate(directory, syncsPerRound).perSecond);
    counter.push(await counterCommits(join(directory, `counter-${round}`), seconds));
    documents.push(await documentCommits(join(directory, `documents-${round}`), seconds));
  }
  const rowsOf = (machine: string, rates: readonly CommitRate[], goal: string): Row[] => [
    {
      what: `commits in process, ${inFlight} in flight, ${machine}`,
      value: median(rates.map(({ perSecond }) => perSecond)),
      unit: '/s',
      ratio: median(rates.map(({ perSecond }, round) => perSecond / (syncs[round] ?? Number.NaN))),
      against: `single fdatasyncs, ${Math.round(median(syncs)).toLocaleString('en')}/s${goal}`,
    },
    {
      what: `commits in process, ${machine}, CPU of the main thread`,
      value: median(rates.map(({ cpuMicroseconds }) => cpuMicroseconds)),
      unit: 'µs/commit',
    },
  ];
  yield* rowsOf('a counter', counter, ' (goal 10)');
  yield* rowsOf('documents of 256 bytes', documents, '');
}
