// Run in a process of its own: prints the trace hash of each seed that is named.
import { runSeed } from './run-seed.ts';

for (const seed of process.argv.slice(2)) console.log((await runSeed(Number(seed))).hash);
