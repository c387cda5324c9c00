// The program of a job: see seed-pool.ts.
import { answerSeeds } from './answer-seeds.ts';
import { runSeed } from './cluster/simulation-run.ts';

answerSeeds(runSeed);
