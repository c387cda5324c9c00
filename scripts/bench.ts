// `npm run bench`: what this machine can do, and how much of it Loggos gives. Every figure that depends on the machine
// stands beside a raw limit or a peer measured in the same run; read the ratios, not the absolutes.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { inProcessCommits } from './bench/commits.ts';
import { measureHttp } from './bench/http.ts';
import { simulatedSeeds } from './bench/simulator.ts';
import { historyBytes, memoryWithDocuments, restartTimes } from './bench/size.ts';
import { syncRate } from './bench/sync-rate.ts';
import { printTable, type Row } from './bench/table.ts';

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    keys: { type: 'string', default: '10000,1000000' },
    documents: { type: 'string', default: '100000' },
    memory: { type: 'string', default: '100000,300000,1000000' },
    only: { type: 'string', default: 'commits,http,restart,memory,simulator' },
    seeds: { type: 'string', default: '400' },
    directory: { type: 'string' },
    json: { type: 'string' },
  },
});

if (values.help) {
  process.stdout.write(`npm run bench -- [--seconds 4] [--rounds 3] [--keys 10000,1000000] [--documents 100000] [--memory 100000,300000,1000000] [--seeds 400] [--only commits,http,restart,memory,simulator] [--directory DIR] [--json FILE]

  --seconds    of each measurement
  --rounds     of commits and of each HTTP measurement, alternating with what they are compared with; medians are shown
  --keys       how many documents the HTTP load is spread over, one run each
  --documents  how many documents restart and disk are measured with
  --memory     how many documents resident memory is measured with, ascending
  --seeds      how many the simulator is measured with
  --only       which of its parts; the disk's sync rate is always measured
  --directory  where data directories are made (the disk that is measured); default: the system's temporary directory
  --json       also write all figures to this file
`);
  process.exit(0);
}

const options = {
  seconds: Number(values.seconds),
  rounds: Number(values.rounds),
  documents: Number(values.documents),
  memory: values.memory.split(',').map(Number),
  directory: await mkdtemp(join(resolve(values.directory ?? tmpdir()), 'loggos-bench-')),
};

const rows: Row[] = [];
const show = (row: Row): void => {
  rows.push(row);
  process.stderr.write(`  ${row.what}: ${row.value.toFixed(row.value < 100 ? 2 : 0)} ${row.unit}\n`);
};
const start = (title: string): void => {
  process.stderr.write(`${title}\n`);
};

try {
  start('The disk of this machine');
  const sync = syncRate(options.directory);
  show({ what: 'fdatasync of 300 bytes', value: sync.perSecond, unit: '/s' });
  show({ what: 'fdatasync, p50', value: sync.p50Ms, unit: 'ms' });
  show({ what: 'fdatasync, p99', value: sync.p99Ms, unit: 'ms' });
  const parts = values.only.split(',');
  if (parts.includes('commits')) {
    start('Commits in one process, 64 in flight, without HTTP');
    for await (const row of inProcessCommits(options)) show(row);
  }
  for (const keys of parts.includes('http') ? values.keys.split(',').map(Number) : []) {
    start(`REST over ${keys.toLocaleString('en')} documents of 256 bytes`);
    for await (const row of measureHttp({ ...options, keys })) show(row);
  }
  if (parts.includes('restart')) {
    start('Restart after kill -9, and disk');
    for await (const row of restartTimes(options)) show(row);
    for await (const row of historyBytes(options)) show(row);
  }
  if (parts.includes('memory')) {
    start('Memory');
    for await (const row of memoryWithDocuments(options)) show(row);
  }
  if (parts.includes('simulator')) {
    start('Simulator, on all cores');
    for await (const row of simulatedSeeds(Number(values.seeds))) show(row);
  }
  process.stdout.write(`\n${printTable(rows)}`);
  if (values.json !== undefined)
    await writeFile(values.json, `${JSON.stringify({ node: process.version, rows }, null, 2)}\n`);
} finally {
  await rm(options.directory, { recursive: true, force: true });
}
