import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rules } from '../../../src/simulation/checker/violation.ts';
import { badHistories } from './bad-histories.ts';
import { badSteps } from './bad-steps.ts';
import { badStreams } from './bad-streams.ts';

test('every rule has a story that breaks it', () => {
  const broken = new Set([...badHistories, ...badStreams, ...badSteps].map(({ rule }) => rule));
  // The search never speaks first where the positions are checked before it: random-histories.test.ts lets it speak alone.
  const others = rules.filter((rule) => rule !== 'not-linearizable' && !broken.has(rule));
  assert.deepEqual(others, []);
});
