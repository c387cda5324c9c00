import assert from 'node:assert/strict';
import { test } from 'node:test';
import { badSteps } from './bad-steps.ts';
import { goodSteps } from './good-steps.ts';

for (const { name, rule, play } of badSteps) {
  test(`refused at its step: ${name}`, () => {
    assert.throws(play, { name: 'Violation', rule });
  });
}

for (const { name, play } of goodSteps) {
  test(`allowed: ${name}`, () => {
    play();
  });
}
