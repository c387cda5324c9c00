import { runSeed } from '../../../src/simulation/cluster/simulation-run.ts';

// Runs the seeds that it is given, in this order, and prints what each did: a process of its own, since node:test's
// async hooks make promises ten times slower.
for (const seed of process.argv.slice(2)) {
  const { traceHash, events, failure } = await runSeed({ seed: Number(seed) });
  console.log(JSON.stringify({ seed: Number(seed), traceHash, events, failure: failure?.message }));
}
