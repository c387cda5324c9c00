// The program of a job in tests: small seeds instead of those of Loggos.
import { answerSeeds } from '../../src/simulation/answer-seeds.ts';
import { runSmallSeed } from './small-seeds.ts';

answerSeeds(runSmallSeed);
