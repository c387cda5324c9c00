/**
 * Plays every file of scenarios/. With UPDATE_SCENARIOS=1 the second half is written anew; read that diff before
 * committing it. The language is in scenario-language.ts.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { play } from './scenario-language.ts';

const folder = new URL('scenarios/', import.meta.url);

for (const name of readdirSync(folder)) {
  test(name.replace('.txt', '').replaceAll('-', ' '), () => {
    const file = new URL(name, folder);
    const [story = '', expected = ''] = readFileSync(file, 'utf8').split('----\n');
    const actual = play(story);
    if (process.env.UPDATE_SCENARIOS === '1') writeFileSync(file, `${story}----\n${actual}`);
    else assert.equal(actual, expected);
  });
}
