import assert from 'node:assert/strict';
import { test } from 'node:test';
import { badHistories } from './bad-histories.ts';
import { goodHistories } from './good-histories.ts';
import { checkHandMade } from './hand-made.ts';

for (const bad of badHistories) {
  test(`refused: ${bad.name}`, () => {
    assert.throws(() => checkHandMade(bad), { name: 'Violation', rule: bad.rule });
  });
}

for (const good of goodHistories) {
  test(`allowed: ${good.name}`, () => {
    checkHandMade(good);
  });
}
