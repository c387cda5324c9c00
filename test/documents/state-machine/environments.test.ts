import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { temporaryDirectory } from '../store/temporary.ts';
import { puts, values } from '../store/values.ts';

const program = fileURLToPath(new URL('./play-log.ts', import.meta.url));

interface Environment {
  readonly variables: Readonly<Record<string, string>>;
  readonly flags: readonly string[];
  /** Instances applied between two steps of the Replayer. */
  readonly step: number;
}

const environments: readonly Environment[] = [
  { variables: { TZ: 'UTC', LANG: 'C', LC_ALL: 'C' }, flags: [], step: 100 },
  {
    variables: { TZ: 'Pacific/Kiritimati', LANG: 'de_DE.UTF-8', LC_ALL: 'de_DE.UTF-8' },
    flags: ['--random-seed=7', '--hash-seed=99', '--max-semi-space-size=1', '--disable-proto=delete'],
    step: 977,
  },
  {
    variables: { TZ: 'America/St_Johns', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' },
    flags: ['--no-opt', '--stack-size=800', '--random-seed=8', '--icu-data-dir=/nowhere'],
    step: 31,
  },
];

async function play(logFile: string, { variables, flags, step }: Environment) {
  const { TZ: _zone, LANG: _lang, LC_ALL: _all, ...inherited } = process.env;
  const resultFile = join(temporaryDirectory(), 'result.json');
  const words = [program, logFile, temporaryDirectory(), String(step), resultFile];
  const child = spawn(process.execPath, [...flags, ...words], {
    env: { ...inherited, ...variables },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  assert.equal(code, 0, JSON.stringify(variables));
  const text = readFileSync(resultFile, 'utf8');
  return JSON.parse(text) as { environment: string[]; result: { position: number; history: [string, string][] } };
}

test('one log gives equal results, chain, digest and bytes of history under any time zone, locale and flags (D3)', async () => {
  const generated = fc.sample(values(120), { seed: 20_261_125, numRuns: 6 }).flat();
  const first = generated.reduce((latest, value) => Math.max(latest, value?.time ?? 0), 0);
  const many = puts(4_200, 4, 300).map((value, at) => ({ ...value, time: first + at * 7 }));
  const written = [...generated, ...many].map((value) =>
    value === undefined
      ? null
      : { time: value.time, proposals: value.proposals.map((bytes) => Buffer.from(bytes).toString('base64')) },
  );
  const logFile = join(temporaryDirectory(), 'log.json');
  writeFileSync(logFile, JSON.stringify(written));
  const [one, ...others] = await Promise.all(environments.map((environment) => play(logFile, environment)));
  assert.ok(one !== undefined && one.result.position > 16_384);
  assert.ok(
    one.result.history.some(([name]) => name.endsWith('.zst')),
    'a sealed file is among them',
  );
  for (const other of others) {
    assert.notDeepEqual(other.environment, one.environment, 'the environment was another one');
    assert.deepEqual(other.result, one.result);
  }
});
